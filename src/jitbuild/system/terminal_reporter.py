"""A reporter for terminals: one live line for each stage, drawn with rich."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from jitbuild.system.progress import Stage

_BAR_WIDTH = 24


class _TerminalStage:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def detail(self, text: str) -> None:
        self._progress.update(self._task, detail=text)


class TerminalReporter:
    """A terminal: one live line a stage, with a spinner or a bar, and the elapsed time; it stays when the stage is done.

    Stages may overlap, also between threads: they share one live display, as a terminal has room for one.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True, highlight=False)
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        begun = time.monotonic()
        state = "[red]failed[/]"
        progress, task = self._begin(title)
        try:
            yield _TerminalStage(progress, task)
            state = "[green]done[/]  "
        finally:
            self._end(progress, task)
            self._line(
                f"{state} {_escape(title)} [dim]{format_duration(time.monotonic() - begun)}[/]"
            )

    def note(self, text: str) -> None:
        self._line(_escape(text))

    def warn(self, text: str) -> None:
        self._line(f"[yellow]warning:[/] {_escape(text)}")

    def _line(self, markup: str) -> None:
        # Not folded at the terminal's width: paths and commands are there to be copied.
        self._console.print(markup, emoji=False, soft_wrap=True)

    def _begin(self, title: str) -> tuple[Progress, TaskID]:
        with self._lock:
            if self._progress is None:
                self._progress = self._live()
                self._progress.start()
            return self._progress, self._progress.add_task(title, total=None, detail="")

    def _end(self, progress: Progress, task: TaskID) -> None:
        with self._lock:
            progress.remove_task(task)
            if not progress.tasks:
                progress.stop()
                self._progress = None

    def _live(self) -> Progress:
        from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table
        from rich.text import Text

        console = self._console

        class Title(ProgressColumn):
            """At most so much of the line that what is being done has room, too; several lines share the columns."""

            def render(self, task: Task) -> Text:
                return Text(_shortened(task.description, console.width // 2))

        class Doing(ProgressColumn):
            """A bar where the end is known (a pulse says no more than the spinner), and the detail.

            One column, so that the bar of one stage takes no room from the detail of another.
            """

            def render(self, task: Task) -> Text | Table:
                # Text, not a string: what a build prints may look like markup.
                detail = Text(task.fields["detail"], style="dim", no_wrap=True, overflow="ellipsis")
                if not task.total:
                    return detail
                grid = Table.grid(Column(), Column(ratio=1), padding=(0, 1), expand=True)
                grid.add_row(
                    ProgressBar(total=task.total, completed=task.completed, width=_BAR_WIDTH),
                    detail,
                )
                return grid

        columns: list[ProgressColumn] = [
            SpinnerColumn(),
            Title(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            Doing(table_column=Column(no_wrap=True, ratio=1)),
        ]
        return Progress(*columns, console=self._console, transient=True, expand=True)


def _shortened(text: str, width: int) -> str:
    """`text`, less of its middle where it is longer: of "<interpreter>: <step>", both ends tell one line from another."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
