"""Show how much of a step is done: of the files that make compiles, or of Python's modules."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from jitbuild.system.formatting import format_time_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jitbuild.system.progress import Stage

_DETAIL_LENGTH = 60
_COMPILED_FILE = re.compile(r"-c .*?(?P<file>[\w./-]+\.(?:c|cpp|S))\b")
# `make altinstall` first copies all modules, and then compiles them with compileall.
_COPIED_MODULE = re.compile(r"\S*install\S* .*\.py \S+$")
_COMPILED_MODULE = re.compile(r"Compiling '(?P<file>[^']+\.py)'\.\.\.")
# Until so much is done, and so much time has passed, the time left cannot be estimated.
_LEAST_SHARE = 0.05
_LEAST_SECONDS = 3.0


def count_files(lines: Iterable[str]) -> int:
    """Return the number of C files that the commands in `lines`, such as those of make, compile."""
    return sum(1 for line in lines if _COMPILED_FILE.search(line))


class StepProgress:
    """Shows the progress of one run of a step on `stage`, from the lines of its output.

    `files` is the number of C files that the step compiles in each of its `passes`; 0 if it is
    unknown. A build with PGO has two passes. Between them it runs the interpreter for an unknown
    time, so the time left is shown only in the last pass. `clock` returns seconds.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        files: int = 0,
        passes: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage = stage
        self._clock = clock
        self._passes = passes
        self._pass = 1
        self._compiled: set[str] = set()
        self._copied_modules = 0
        self._count = _Count("files", files, clock)

    def line(self, line: str) -> None:
        """Show the progress after `line`, a line of the step's output that is not empty."""
        activity = line.strip()[:_DETAIL_LENGTH]
        if match := _COMPILED_FILE.search(line):
            activity = match["file"].removeprefix("./")
            self._count_file(activity)
        elif match := _COMPILED_MODULE.match(line):
            activity = match["file"].rpartition("/")[2]
            self._count_module()
        elif _COPIED_MODULE.match(line):
            self._copied_modules += 1
        self._show(activity)

    def _count_file(self, file: str) -> None:
        if file in self._compiled and self._pass < self._passes:
            self._pass += 1
            self._compiled.clear()
            self._count = _Count("files", self._count.total, self._clock)
        self._compiled.add(file)
        self._count.begun += 1

    def _count_module(self) -> None:
        if self._count.noun == "files":
            self._passes = 1
            self._count = _Count("modules", self._copied_modules, self._clock)
        self._count.begun += 1

    def _show(self, activity: str) -> None:
        count = self._count
        if not count.begun or not count.is_right:
            if count.begun:
                self._stage.advance(count.begun, None)
            self._stage.detail(activity)
            return
        before = count.total * (self._pass - 1)
        self._stage.advance(before + count.begun - 1, count.total * self._passes)
        parts = [f"{count.begun} of {count.total} {count.noun}", activity]
        if self._passes > 1:
            parts.insert(0, f"pass {self._pass} of {self._passes}")
        if self._pass == self._passes and (left := count.time_left()):
            parts.insert(0, format_time_left(left))
        self._stage.detail(", ".join(parts))


class _Count:
    """The progress of a step: `begun` of `total` items. `clock` returns seconds."""

    def __init__(self, noun: str, total: int, clock: Callable[[], float]) -> None:
        self.noun = noun
        self.total = total
        self.begun = 0
        self._clock = clock
        self._start = clock()

    @property
    def is_right(self) -> bool:
        """False if `total` is unknown, or if more things were begun than were counted before."""
        return self.begun <= self.total

    def time_left(self) -> float | None:
        """Return an estimate in seconds, which assumes that all things take equal times.

        Return None if it is unknown.
        """
        elapsed, done = self._clock() - self._start, self.begun - 1
        if done < self.total * _LEAST_SHARE or elapsed < _LEAST_SECONDS:
            return None
        return elapsed / done * (self.total - done)
