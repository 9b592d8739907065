"""A reporter for terminals: one live line for each stage, drawn with rich."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from jitbuild.safe_text import escape_controls, safe_text
from jitbuild.system.formatting import format_duration
from jitbuild.system.safe_stream import raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement
    from rich.progress import Progress, ProgressColumn, Task, TaskID
    from rich.text import Text

    from jitbuild.system.progress import Stage

_BAR_WIDTH = 24
# The columns of the spinner and of the elapsed time, each with a space, and those that the
# beginning of a detail needs, such as `≈ 59 min 59 s left`.
_SPINNER = 2
_ELAPSED = 8
_DETAIL = 18
_LEAST_TITLE = 6
# A bar leaves at least this room to a detail, such as `≈ 59 min 59 s left, 131 of 279 files`.
_DETAIL_BESIDE_BAR = 36
# On narrower lines, the elapsed time is not shown.
_WIDTH_FOR_ELAPSED = 50
_FRESH: dict[str, Any] = {"done": 0, "of": None, "detail": ""}


class TerminalReporter:
    """Shows a live line for each stage: a spinner, the title, the elapsed time, a bar and a detail.

    Details begin with the most important part, such as the time left. On a narrow terminal, their
    end is cut off, the bar and the elapsed time are dropped, and titles are shortened.

    When a stage ends, a line with its duration stays on the terminal. Stages may overlap and may
    run in several threads: all of them share one live display, because a terminal can show only
    one. `console` is by default a console on stderr. `clock` returns seconds.
    """

    def __init__(
        self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        from rich.console import Console

        self._console = console or Console(file=raw(sys.stderr), highlight=False)
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
            return self._live, self._live.add_task(safe_text(title), total=None, **_FRESH)

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
        # rich's own `total` cannot become unknown again.
        self._live.update(self._task, done=done, of=total)

    def detail(self, text: str) -> None:
        self._live.update(self._task, detail=escape_controls(safe_text(text), one_line=True))


def _display(console: Console) -> Progress:
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, TimeElapsedColumn
    from rich.table import Column
    from rich.text import Text

    def has_elapsed() -> bool:
        return console.width >= _WIDTH_FOR_ELAPSED

    class TitleColumn(ProgressColumn):
        """The title, shortened to leave room for the detail."""

        def render(self, task: Task) -> Text:
            return Text(_shorten(task.description, _title_width(console.width)))

    class ElapsedColumn(TimeElapsedColumn):
        """The elapsed time, unless the line is too narrow for it."""

        def get_table_column(self) -> Column:
            return Column(no_wrap=True, min_width=_ELAPSED - 1 if has_elapsed() else None)

        def render(self, task: Task) -> Text:
            return super().render(task) if has_elapsed() else Text()

    class ActivityColumn(ProgressColumn):
        """The bar and the detail, in one column.

        So the bar of one stage takes no space from the detail of another stage.
        """

        def render(self, task: Task) -> Any:
            return _Activity(**task.fields)

    columns: list[ProgressColumn] = [
        SpinnerColumn(),
        TitleColumn(table_column=Column(no_wrap=True)),
        ElapsedColumn(),
        ActivityColumn(table_column=Column(no_wrap=True, ratio=1)),
    ]
    return Progress(*columns, console=console, transient=True, expand=True)


def _title_width(width: int) -> int:
    """Return the columns for titles on a line of `width` columns: half, but room for the detail."""
    elapsed = _ELAPSED if width >= _WIDTH_FOR_ELAPSED else 1
    others = _SPINNER + elapsed + _DETAIL + 2  # a space follows the title, and the detail
    return max(_LEAST_TITLE, min(width // 2, width - others))


class _Activity:
    """The detail of a stage, after a bar if the total is known and there is room for both."""

    def __init__(self, *, done: int, of: int | None, detail: str) -> None:
        self._done = done
        self._total = of
        self._detail = detail

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement(1, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table
        from rich.text import Text

        # A Text, not a string, because the output of a build may look like markup.
        detail = Text(self._detail, style="dim", no_wrap=True, overflow="ellipsis")
        room = options.max_width - _BAR_WIDTH - 1
        # Without a total, a bar would show no more than the spinner.
        if not self._total or (self._detail and room < min(len(self._detail), _DETAIL_BESIDE_BAR)):
            yield detail
            return
        grid = Table.grid(Column(), Column(ratio=1), padding=(0, 1), expand=True)
        bar = ProgressBar(total=self._total, completed=self._done, width=_BAR_WIDTH)
        grid.add_row(bar, detail)
        yield grid


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

    return escape(safe_text(text))
