"""What long work says about itself while it runs.

The library speaks to a `Reporter` and never prints; `Silent` is its default. The command line chooses between `Terminal`
(rich, on a terminal), `Plain` (lines) and `GitHub` (log groups).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.progress import Progress, TaskID


_BAR_WIDTH = 24


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


class _Mute:
    def advance(self, done: int, total: int | None) -> None:
        pass

    def detail(self, text: str) -> None:
        pass


class Silent:
    """Says nothing: the default for the library."""

    def stage(self, title: str) -> AbstractContextManager[Stage]:
        return contextlib.nullcontext(_Mute())

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


class Stoppable:
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
            yield _StoppableStage(stage, self._check)

    def note(self, text: str) -> None:
        self._reporter.note(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)


class _StoppableStage:
    def __init__(self, stage: Stage, check: Callable[[], None]) -> None:
        self._stage = stage
        self._check = check

    def advance(self, done: int, total: int | None) -> None:
        self._check()
        self._stage.advance(done, total)

    def detail(self, text: str) -> None:
        self._check()
        self._stage.detail(text)


class Labelled:
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


class Plain:
    """One line when a stage starts and one when it ends: for logs, pipes and `--quiet` (warnings only)."""

    def __init__(self, stream: IO[str] | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        begun = time.monotonic()
        self.note(f"{title} ...")
        try:
            yield _Mute()
        except BaseException:
            self.note(f"{title}: failed after {seconds(time.monotonic() - begun)}")
            raise
        self.note(f"{title}: {seconds(time.monotonic() - begun)}")

    def note(self, text: str) -> None:
        if not self._quiet:
            self._say(text)

    def warn(self, text: str) -> None:
        self._say(f"warning: {text}")

    def _say(self, line: str) -> None:
        # In one piece: print writes the end of the line by itself, and another thread's line may come between.
        self._stream.write(f"{line}\n")
        self._stream.flush()


class GitHub(Plain):
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


class _TerminalStage:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def detail(self, text: str) -> None:
        self._progress.update(self._task, detail=text)


class Terminal:
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
            self._line(f"{state} {_escape(title)} [dim]{seconds(time.monotonic() - begun)}[/]")

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


def choose(*, quiet: bool, verbose: bool, environ: Mapping[str, str] = os.environ) -> Reporter:
    """The reporter for a command: GitHub's log groups in its Actions, a live one on a terminal, lines elsewhere."""
    if quiet:
        return Plain(quiet=True)
    if environ.get("GITHUB_ACTIONS") == "true":
        return GitHub()
    if sys.stderr.isatty() and not verbose and environ.get("TERM") != "dumb":
        return Terminal()
    return Plain()


def seconds(value: float) -> str:
    """A duration in seconds as a person reads it: `0.4 s`, `12 s`, `3 min 05 s`."""
    if value < 9.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def size(count: int) -> str:
    """A count of bytes as a person reads it: `23.2 MB`."""
    if count < 1000:
        return f"{count} B"
    value, unit = float(count), "B"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007
        value /= 1000
        if value < 999.95:
            break
    return f"{value:.1f} {unit}"


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
