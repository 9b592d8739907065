"""Progress, notes and warnings of long work.

The library reports to a `Reporter` and never prints; `SilentReporter` is its default. The command
line's reporters, which do print, are in reporters.py and terminal_reporter.py.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


class Stage(Protocol):
    """One stage of the work in progress, shown as one live line."""

    def advance(self, done: int, total: int | None) -> None:
        """Report that `done` of `total` units are done (bytes, for a download).

        `total` is None when it is unknown.
        """

    def detail(self, text: str) -> None:
        """Report the current activity. It replaces the previous one, and may not be shown."""


class Reporter(Protocol):
    """A receiver of progress, notes and warnings."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        """Report a stage for the length of a block; it has failed if an exception leaves it."""

    def note(self, text: str) -> None:
        """Report something worth knowing."""

    def warn(self, text: str) -> None:
        """Report something that the user should act on, although the work continues."""


class SilentStage:
    """A stage that shows nothing."""

    def advance(self, done: int, total: int | None) -> None:
        pass

    def detail(self, text: str) -> None:
        pass


class SilentReporter:
    """A reporter that shows nothing: the default for the library."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return contextlib.nullcontext(SilentStage())

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


class CancellableReporter:
    """A wrapper that calls `check` when a stage begins or reports progress.

    `check` raises when the work must stop, which ends a download or the unpacking of an archive.
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
    """A wrapper that puts `label` before every text, to tell concurrent jobs apart."""

    def __init__(self, reporter: Reporter, label: str) -> None:
        self._reporter = reporter
        self._label = label

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return self._reporter.stage(f"{self._label}: {title}")

    def note(self, text: str) -> None:
        self._reporter.note(f"{self._label}: {text}")

    def warn(self, text: str) -> None:
        self._reporter.warn(f"{self._label}: {text}")
