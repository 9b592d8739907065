"""A reporter for terminals: one live line for each stage, drawn with rich."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, Task, TaskID
    from rich.table import Table
    from rich.text import Text

    from jitbuild.system.progress import Stage

_BAR_WIDTH = 24


class TerminalReporter:
    """Shows a live line for each stage: a spinner, the title, the elapsed time, a bar and a detail.

    When a stage ends, a line with its duration stays on the terminal. Stages may overlap and may
    run in several threads: all of them share one live display, because a terminal can show only
    one. `console` is by default a console on stderr. `clock` returns seconds.
    """

    def __init__(
        self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self._lock = threading.Lock()
        self._live: Progress | None = None

    @property
    def live(self) -> Progress | None:
        """The live display, or None when no stage is running."""
        return self._live

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        start = self._clock()
        state = "[red]failed[/]"
        live, task = self._add(title)
        try:
            yield _TerminalStage(live, task)
            state = "[green]done[/]  "
        finally:
            self._remove(live, task)
            duration = format_duration(self._clock() - start)
            self._print(f"{state} {_escape(title)} [dim]{duration}[/]")

    def note(self, text: str) -> None:
        self._print(_escape(text))

    def warn(self, text: str) -> None:
        self._print(f"[yellow]warning:[/] {_escape(text)}")

    def _print(self, markup: str) -> None:
        # rich must not wrap the text, so that paths and commands can be copied.
        self._console.print(markup, emoji=False, soft_wrap=True)

    def _add(self, title: str) -> tuple[Progress, TaskID]:
        with self._lock:
            if self._live is None:
                self._live = _display(self._console)
                self._live.start()
            return self._live, self._live.add_task(title, total=None, detail="")

    def _remove(self, live: Progress, task: TaskID) -> None:
        with self._lock:
            live.remove_task(task)
            if not live.tasks:
                live.stop()
                self._live = None


class _TerminalStage:
    def __init__(self, live: Progress, task: TaskID) -> None:
        self._live = live
        self._task = task

    def advance(self, done: int, total: int | None) -> None:
        self._live.update(self._task, completed=done, total=total)

    def detail(self, text: str) -> None:
        self._live.update(self._task, detail=text)


def _display(console: Console) -> Progress:
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn
    from rich.table import Column
    from rich.text import Text

    class TitleColumn(ProgressColumn):
        """The title, shortened to half of the line to leave room for the detail."""

        def render(self, task: Task) -> Text:
            return Text(_shorten(task.description, console.width // 2))

    class ActivityColumn(ProgressColumn):
        """The detail, preceded by a bar if the total is known.

        Bar and detail share one column, so that the bar of one stage takes no space from the detail
        of another stage.
        """

        def render(self, task: Task) -> Text | Table:
            return _activity(task)

    columns: list[ProgressColumn] = [
        SpinnerColumn(),
        TitleColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
        ActivityColumn(table_column=Column(no_wrap=True, ratio=1)),
    ]
    return Progress(*columns, console=console, transient=True, expand=True)


def _activity(task: Task) -> Text | Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Column, Table
    from rich.text import Text

    # A Text, not a string, because the output of a build may look like markup.
    detail = Text(task.fields["detail"], style="dim", no_wrap=True, overflow="ellipsis")
    if not task.total:  # without a total, a bar would show no more than the spinner
        return detail
    grid = Table.grid(Column(), Column(ratio=1), padding=(0, 1), expand=True)
    bar = ProgressBar(total=task.total, completed=task.completed, width=_BAR_WIDTH)
    grid.add_row(bar, detail)
    return grid


def _shorten(text: str, width: int) -> str:
    """Return `text`; if it is longer than `width`, without its middle.

    Titles have the form "<interpreter>: <step>", and both ends are needed to tell titles apart.
    """
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
