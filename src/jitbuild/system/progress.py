"""What long work says about itself while it runs.

The library speaks to a `Reporter` and never prints; `SilentReporter` is its default. The command line chooses between `TerminalReporter`
(rich, on a terminal), `PlainReporter` (lines) and `GitHubReporter` (log groups).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


class Stage(Protocol):
    """One stage of the work under way, shown as one live line."""

    def advance(self, done: int, total: int | None) -> None:
        """Say how far it is, in units of its own (bytes for a download); None where the end is not known."""

    def detail(self, text: str) -> None:
        """Say what it is doing now: replaces what was said before, and may be dropped."""


class Reporter(Protocol):
    """Where progress, notes and warnings go."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        """A stage that lasts as long as the block; it counts as failed when an exception leaves the block."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def warn(self, text: str) -> None:
        """Something the person should act on, though the work goes on."""


class SilentStage:
    def advance(self, done: int, total: int | None) -> None:
        pass

    def detail(self, text: str) -> None:
        pass


class SilentReporter:
    """Says nothing: the default for the library."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return contextlib.nullcontext(SilentStage())

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


class CancellableReporter:
    """Another reporter, for work that may have to stop: `check` is called whenever a stage begins or says how far it is.

    It raises when the work is to stop, which so ends a download or the unpacking of an archive.
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
    """Another reporter, for one of several works at once: `label` stands before all that is said."""

    def __init__(self, reporter: Reporter, label: str) -> None:
        self._reporter = reporter
        self._label = label

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return self._reporter.stage(f"{self._label}: {title}")

    def note(self, text: str) -> None:
        self._reporter.note(f"{self._label}: {text}")

    def warn(self, text: str) -> None:
        self._reporter.warn(f"{self._label}: {text}")
