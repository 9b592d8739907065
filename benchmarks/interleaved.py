"""What the benchmarks share: whole commands in turn, A B A B, so that a machine whose speed drifts favours none of them."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Command(NamedTuple):
    """A command, and the folder and variables that it runs with beside this process's own."""

    argv: Sequence[str]
    cwd: Path | None = None
    env: Mapping[str, str] = {}


class Taken(NamedTuple):
    """The seconds that a command took by the clock, and those of processors that it and its children took."""

    seconds: float
    processors: float


def options(about: str | None, **further: Mapping[str, object]) -> argparse.Namespace:
    """What was typed: ROUNDS, and the flags that `further` describes by their names; `about` is the script's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument(
        "rounds",
        nargs="?",
        type=int,
        default=30,
        metavar="ROUNDS",
        help="how often each is run (default: 30)",
    )
    for name, flag in further.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **flag)  # type: ignore[arg-type]
    return parser.parse_args()


def compare(commands: Mapping[str, Command], *, reach: str, rounds: int) -> None:
    """Time two commands, print their medians and the ratio of the second to the first.

    Beside it stands the ratio of the processors' time, of which other work on the machine changes less.
    """
    times: dict[str, list[Taken]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            taken = _time(command)
            if number:  # the first round warms the disk's cache
                times[name].append(taken)
    # Processors' time is told in steps of 10 ms: the mean of many is finer than any one of them.
    typical = {
        name: Taken(
            statistics.median(each.seconds for each in values),
            statistics.mean(each.processors for each in values),
        )
        for name, values in times.items()
    }
    for name, taken in typical.items():
        print(
            f"{name:<28} of {rounds}: median {taken.seconds * 1000:6.1f} ms, mean {taken.processors * 1000:6.1f} ms of processors"
        )
    first, second = typical.values()
    processors = second.processors / first.processors
    print(
        f"ratio {second.seconds / first.seconds:.2f} (to reach: {reach}); of the processors' time {processors:.2f}"
    )


def _time(command: Command) -> Taken:
    # Without bytecode every start would compile our modules anew.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, begun = _children(), time.perf_counter()
    subprocess.run(
        list(command.argv),
        cwd=command.cwd,
        env={**env, **command.env},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return Taken(time.perf_counter() - begun, _children() - before)


def _children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system
