"""The command line's reporters: plain lines, GitHub Actions' log groups, and the choice of one."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

from jitbuild.system.formatting import format_duration
from jitbuild.system.progress import SilentStage
from jitbuild.system.terminal_reporter import TerminalReporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jitbuild.system.progress import Reporter, Stage


class PlainReporter:
    """One line when a stage starts and one when it ends: for logs, pipes and `--quiet` (warnings only)."""

    def __init__(self, stream: IO[str] | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        begun = time.monotonic()
        self.note(f"{title} ...")
        try:
            yield SilentStage()
        except BaseException:
            self.note(f"{title}: failed after {format_duration(time.monotonic() - begun)}")
            raise
        self.note(f"{title}: {format_duration(time.monotonic() - begun)}")

    def note(self, text: str) -> None:
        if not self._quiet:
            self._say(text)

    def warn(self, text: str) -> None:
        self._say(f"warning: {text}")

    def _say(self, line: str) -> None:
        # In one piece: print writes the end of the line by itself, and another thread's line may come between.
        self._stream.write(f"{line}\n")
        self._stream.flush()


class GitHubReporter(PlainReporter):
    """GitHub Actions: each stage is a log group, each warning an annotation.

    A group is folded away, and there is none inside another. So a group holds only what the thread that opened it says. When
    another thread speaks, the group ends before; then lines are plain until no stage is open any more.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._lock = threading.RLock()
        self._stages = 0
        self._grouping: int | None = None  # the thread whose group is open

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        with self._lock:
            self._stages += 1
            outermost = self._stages == 1
            if outermost:
                super()._say(f"::group::{_command_text(title)}")
                self._grouping = threading.get_ident()
        try:
            with super().stage(title) as stage:
                yield stage
        finally:
            with self._lock:
                self._stages -= 1
                if outermost:
                    self._end_group()

    def warn(self, text: str) -> None:
        self._say(f"::warning::{_command_text(text)}")

    def _say(self, line: str) -> None:
        with self._lock:
            if self._grouping != threading.get_ident():
                self._end_group()
            super()._say(line)

    def _end_group(self) -> None:
        if self._grouping is not None:
            self._grouping = None
            super()._say("::endgroup::")


def _command_text(text: str) -> str:
    """`text` in a workflow command, which ends at the line's end (actions/toolkit, command.ts: escapeData)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def choose_reporter(
    *, quiet: bool, verbose: bool, environ: Mapping[str, str] = os.environ
) -> Reporter:
    """The reporter for a command: GitHub's log groups in its Actions, a live one on a terminal, lines elsewhere."""
    if quiet:
        return PlainReporter(quiet=True)
    if environ.get("GITHUB_ACTIONS") == "true":
        return GitHubReporter()
    if sys.stderr.isatty() and not verbose and environ.get("TERM") != "dumb":
        return TerminalReporter()
    return PlainReporter()
