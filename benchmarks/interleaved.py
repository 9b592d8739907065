"""Time whole commands in alternation, A B A B, so that drift of the machine favours neither."""

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
    """A command, the folder it runs in, and variables added to this process's environment.

    `fresh` is a folder that the command creates, and that must not exist when it starts.
    """

    argv: Sequence[str]
    cwd: Path | None = None
    env: Mapping[str, str] = {}
    fresh: Path | None = None


class Cost(NamedTuple):
    """The elapsed seconds of a command, and the processor seconds of it and its descendants."""

    seconds: float
    processors: float


def options(docstring: str | None, **flags: Mapping[str, object]) -> argparse.Namespace:
    """Parse ROUNDS and the `flags`, given by name with their argparse keywords.

    The script's `docstring` describes it.
    """
    parser = argparse.ArgumentParser(description=(docstring or "").partition("\n")[0])
    parser.add_argument(
        "rounds",
        nargs="?",
        type=int,
        default=30,
        metavar="ROUNDS",
        help="how often each command is run (default: 30)",
    )
    for name, flag in flags.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **flag)  # type: ignore[arg-type]
    return parser.parse_args()


def compare(commands: Mapping[str, Command], *, target: str, rounds: int) -> None:
    """Time two commands; print their medians and the ratio of the second to the first.

    The ratio of processor time is printed too: other work on the machine affects it less.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            if command.fresh is not None:
                _refresh(command.fresh, number)
            cost = _time(command)
            if number:  # the first round warms the disk cache
                costs[name].append(cost)
    # Processor time has a resolution of 10 ms, so the mean of many is finer than their median.
    typical = {
        name: Cost(
            statistics.median(cost.seconds for cost in values),
            statistics.mean(cost.processors for cost in values),
        )
        for name, values in costs.items()
    }
    for name, cost in typical.items():
        print(
            f"{name:<28} of {rounds}: median {cost.seconds * 1000:6.1f} ms,"
            f" mean processor time {cost.processors * 1000:6.1f} ms"
        )
    first, second = typical.values()
    print(
        f"ratio {second.seconds / first.seconds:.2f} (target: {target});"
        f" of processor time {second.processors / first.processors:.2f}"
    )


def _refresh(folder: Path, number: int) -> None:
    """Rename `folder`, and write what earlier commands have left in memory to the disk.

    The folder is not deleted, since some file systems are slow for a while after many deletions.
    """
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}-{number}"))
    os.sync()


def _time(command: Command) -> Cost:
    # Without bytecode every start would compile jitbuild's modules.
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, begun = _children_seconds(), time.perf_counter()
    subprocess.run(
        list(command.argv),
        cwd=command.cwd,
        env={**env, **command.env},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return Cost(time.perf_counter() - begun, _children_seconds() - before)


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system
