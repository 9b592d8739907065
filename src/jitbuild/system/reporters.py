"""Choose a reporter for the command line; the reporters for plain text and GitHub Actions.

The reporter for terminals is in terminal_reporter.py.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

from jitbuild.safe_text import safe_text
from jitbuild.system.formatting import format_duration
from jitbuild.system.safe_stream import raw
from jitbuild.system.terminal_reporter import TerminalReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jitbuild.system.progress import Reporter, Stage

# The largest number of lines with the progress of a stage, and the shortest time between two.
_LINES = 10
_SECONDS_BETWEEN_LINES = 20.0


class PlainReporter:
    """Prints a line when a stage starts and a line when it ends, for log files and pipes.

    For a stage that lasts long, it also prints lines with the progress, at most one for each tenth
    of the work and for each 20 seconds. If `quiet` is True, it prints only warnings. It writes to
    `stream`, by default stderr. `clock` returns seconds.
    """

    def __init__(
        self,
        stream: IO[str] | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = raw(sys.stderr if stream is None else stream)
        self._quiet = quiet
        self._clock = clock

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        start = self._clock()
        self.note(f"{title} ...")
        try:
            yield _PlainStage(self, title, clock=self._clock, start=start)
        except BaseException:
            self.note(f"{title}: failed after {format_duration(self._clock() - start)}")
            raise
        self.note(f"{title}: {format_duration(self._clock() - start)}")

    def note(self, text: str) -> None:
        if not self._quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        self._print(f"warning: {text}")

    def _print(self, line: str) -> None:
        self._write(safe_text(line))

    def _write(self, line: str) -> None:
        # Write the line in one call: print() would write the newline separately, which could mix
        # the lines of several threads.
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _PlainStage:
    """A stage of `reporter`, which prints the progress of long work as notes.

    `start` is the time of `clock` when the stage began.
    """

    def __init__(
        self, reporter: Reporter, title: str, *, clock: Callable[[], float], start: float
    ) -> None:
        self._reporter = reporter
        self._title = title
        self._clock = clock
        self._noted = start
        self._tenths = 0
        self._share = 0.0
        self._detail = ""

    def advance(self, done: int, total: int | None) -> None:
        # The detail of the new state follows, so the state before it is printed.
        self._note_if_due()
        self._share = done / total if total else 0.0
        self._detail = ""

    def detail(self, text: str) -> None:
        self._detail = text

    def _note_if_due(self) -> None:
        tenths = int(self._share * _LINES)
        if tenths <= self._tenths or (now := self._clock()) - self._noted < _SECONDS_BETWEEN_LINES:
            return
        self._tenths, self._noted = tenths, now
        detail = f", {self._detail}" if self._detail else ""
        self._reporter.note(f"{self._title}: {round(100 * self._share)} %{detail}")


class GitHubReporter(PlainReporter):
    """Prints log groups for stages and annotations for warnings, in the syntax of GitHub Actions.

    GitHub shows groups collapsed and cannot nest them. Therefore only an outermost stage opens a
    group, and the group contains only lines of the thread that opened it. Before another thread
    prints, the group is closed; no new group is opened until all stages have ended.
    """

    def __init__(
        self, stream: IO[str] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream, clock=clock)
        self._lock = threading.RLock()
        self._stages = 0
        self._group_thread: int | None = None  # the thread whose group is open

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        with self._lock:
            self._stages += 1
            outermost = self._stages == 1
            if outermost:
                self._write(f"::group::{_escape_data(title)}")
                self._group_thread = threading.get_ident()
        try:
            with super().stage(title) as stage:
                yield stage
        finally:
            with self._lock:
                self._stages -= 1
                if outermost:
                    self._end_group()

    def warn(self, text: str) -> None:
        with self._lock:
            self._end_foreign_group()
            self._write(f"::warning::{_escape_data(text)}")

    def _print(self, line: str) -> None:
        with self._lock:
            self._end_foreign_group()
            super()._print(line)

    def _end_foreign_group(self) -> None:
        if self._group_thread != threading.get_ident():
            self._end_group()

    def _end_group(self) -> None:
        if self._group_thread is not None:
            self._group_thread = None
            self._write("::endgroup::")


def _escape_data(text: str) -> str:
    """Return `text`, made safe and escaped as the data of a workflow command, which is one line.

    Source: command.ts in actions/toolkit.
    """
    return safe_text(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def choose_reporter(
    *, quiet: bool, verbose: bool, environ: Mapping[str, str] = os.environ
) -> Reporter:
    """Return the reporter for a command.

    If `quiet` is True, it prints only warnings. Otherwise, it prints log groups in GitHub Actions,
    live lines on a terminal, and plain lines elsewhere or if `verbose` is True.
    """
    if quiet:
        return PlainReporter(quiet=True)
    if environ.get("GITHUB_ACTIONS") == "true":
        return GitHubReporter()
    if sys.stderr.isatty() and not verbose and environ.get("TERM") != "dumb":
        return TerminalReporter()
    return PlainReporter()
