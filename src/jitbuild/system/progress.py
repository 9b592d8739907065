"""Report the progress, notes and warnings of long-running work.

The library never prints. It reports to a `Reporter`, by default a `SilentReporter`. The reporters
that print, for the command line, are in reporters.py and terminal_reporter.py.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


class Stage(Protocol):
    """One stage of the work in progress, which a terminal shows as one live line."""

    def advance(self, done: int, total: int | None) -> None:
        """Report that `done` of `total` units are done; the units of a download are bytes.

        `total` is None if it is unknown.
        """

    def detail(self, text: str) -> None:
        """Report the current activity, which replaces the previous one.

        Some reporters do not show it.
        """


class Reporter(Protocol):
    """A receiver of progress, notes and warnings."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        """Return a context manager for a stage, which lasts as long as the block.

        The stage is reported as failed if an exception leaves the block.
        """

    def note(self, text: str) -> None:
        """Report information that the user may want to know."""

    def warn(self, text: str) -> None:
        """Report a problem that the user should solve, although the work continues."""


class SilentStage:
    """A stage that shows nothing."""

    def advance(self, done: int, total: int | None) -> None:
        pass

    def detail(self, text: str) -> None:
        pass


class SilentReporter:
    """A reporter that shows nothing: the library's default."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return contextlib.nullcontext(SilentStage())

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


class CancellableReporter:
    """A reporter that passes everything on to another reporter, and can stop the work.

    `check` is called when a stage begins or reports progress. To stop the work, such as a download
    or the unpacking of an archive, `check` raises an exception.
    """

    def __init__(self, reporter: Reporter, check: Callable[[], None]) -> None:
        self._reporter = reporter
        self._check = check

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        self._check()
        with self._reporter.stage(title) as stage:
            yield _CancellableStage(stage, self._check)

    def note(self, text: str) -> None:
        self._reporter.note(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)


class _CancellableStage:
    def __init__(self, stage: Stage, check: Callable[[], None]) -> None:
        self._stage = stage
        self._check = check

    def advance(self, done: int, total: int | None) -> None:
        self._check()
        self._stage.advance(done, total)

    def detail(self, text: str) -> None:
        self._check()
        self._stage.detail(text)


class LabelledReporter:
    """A reporter that puts `label` before every text and passes the text on to another reporter.

    Labels tell apart the reports of jobs that run at the same time.
    """

    def __init__(self, reporter: Reporter, label: str) -> None:
        self._reporter = reporter
        self._label = label

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return self._reporter.stage(f"{self._label}: {title}")

    def note(self, text: str) -> None:
        self._reporter.note(f"{self._label}: {text}")

    def warn(self, text: str) -> None:
        self._reporter.warn(f"{self._label}: {text}")
