"""What the benchmarks share: whole commands in turn, A B A B, so that a machine whose speed drifts favours none of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
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


def compare(commands: Mapping[str, Command], *, reach: str) -> None:
    """Time two commands, print their medians and the ratio of the second to the first. ROUNDS is the script's argument."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            taken = _seconds(command)
            if number:  # the first round warms the disk's cache
                times[name].append(taken)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<16} median {median * 1000:6.1f} ms of {rounds}")
    first, second = medians.values()
    print(f"ratio {second / first:.2f} (to reach: {reach})")


def _seconds(command: Command) -> float:
    # Without bytecode every start would compile our modules anew.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(list(command.argv), cwd=command.cwd, env={**env, **command.env}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun
