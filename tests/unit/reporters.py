"""A reporter for tests that records everything it is given."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RecordingReporter:
    """A Reporter, and the Stage of all its stages, that records in the order of the calls.

    `titles` are those of the stages, `progress` the arguments of `advance`, `messages` the notes
    and the warnings together. `on_message` is called with each note and warning.
    """

    def __init__(self, on_message: Callable[[str], None] = lambda text: None) -> None:
        self.titles: list[str] = []
        self.progress: list[tuple[int, int | None]] = []
        self.details: list[str] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.messages: list[str] = []
        self._on_message = on_message

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[RecordingReporter]:
        self.titles.append(title)
        yield self

    def advance(self, done: int, total: int | None) -> None:
        self.progress.append((done, total))

    def detail(self, text: str) -> None:
        self.details.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._message(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._message(text)

    def _message(self, text: str) -> None:
        self.messages.append(text)
        self._on_message(text)


@pytest.fixture
def reporter() -> RecordingReporter:
    """A reporter that records everything it is given."""
    return RecordingReporter()
