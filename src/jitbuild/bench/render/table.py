"""Show a measurement in the terminal: a table, and lines that end with the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.bench import about, conclusions
from jitbuild.safe_text import escape_controls, safe_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from jitbuild.bench.report import BenchReport, BenchRow, CompiledFunction, JITInspection
    from jitbuild.bench.stats import Ratio
    from jitbuild.running.tally import ModeTally

_STYLES = {"faster": "green", "slower": "red", "undecided": "yellow"}
_MOST_FUNCTIONS = 8


def show(report: BenchReport, console: Console, *, inspect: bool = False) -> None:
    """Print the report; with `inspect`, also the compiled functions of each benchmark."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    # Long names continue on the next line and are not shortened, because the end of a name is its
    # most specific part.
    table.add_column("", overflow="fold")
    base, other = (
        escape(escape_controls(name, one_line=True)) for name in (report.base, report.other)
    )
    for column in (base, other, "ratio", f"{report.confidence} interval"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for row in report.rows:
        table.add_row(*_cells(row))
    if len(report.rows) > 1:
        table.add_row("geometric mean", "", "", *_ratio_cells(report.mean), report.mean.result)
    _print_without_trailing_spaces(table, console)
    console.print()
    for line in lines(report, inspect=inspect):
        console.print(safe_result(line), markup=False, highlight=False, soft_wrap=True)


def _print_without_trailing_spaces(table: Table, console: Console) -> None:
    if console.is_terminal:  # where they cannot be seen
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        console.out(line.rstrip(), highlight=False)


def lines(report: BenchReport, *, inspect: bool) -> Iterator[str]:
    """Yield the lines below the table; the verdict is the last one."""
    if inspect:
        for row in report.rows:
            yield from inspection(row)
        yield ""
    if len(report.rows) > 1:
        yield (
            f"{conclusions.tally(report)}. The ratio is {report.base} / {report.other}: above 1,"
            f" {report.other} is faster."
        )
    yield from about.lines(report)
    yield from (_witness_line(arm, tally) for arm, tally in report.witness.items())
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"warning: {warning}" for warning in report.warnings)
    yield from (f"{arm}: {path}" for arm, path in report.files.items())
    yield conclusions.sentence(report)


def _witness_line(arm: str, tally: ModeTally) -> str:
    """Return the line on the processes of an arm; both arms of --aa have the mode off."""
    mode = f"mode {tally.mode}"
    return (
        tally.sentence if arm == tally.mode else tally.sentence.replace(mode, f"{arm} ({mode})", 1)
    )


def inspection(row: BenchRow) -> Iterator[str]:
    """Yield lines on the functions of a benchmark that the JIT compiled.

    The functions of the program itself are listed; those of libraries are counted, unless there are
    no others.
    """
    found = row.inspection
    if found is None:
        yield f"{row.name}: the JIT's machine code cannot be inspected."
        return
    yield f"{row.name}: {found.summary} of machine code (in whole pages)"
    if found.own or not found.compiled:
        yield from _functions(found.own)
        for name, library in found.libraries.items():
            yield f"    in {name}: {library.summary}"
    else:
        yield "    none of them in the program's own code:"
        yield from _functions(found.compiled)
    yield from _uncompiled(found)


def _functions(functions: Sequence[CompiledFunction]) -> Iterator[str]:
    for function in functions[:_MOST_FUNCTIONS]:
        place = f"{function.file}:{function.line}"
        noun = "executor " if function.executors == 1 else "executors"
        yield f"    {function.executors:3} {noun}  {function.name}  {place}"
    if len(functions) > _MOST_FUNCTIONS:
        yield f"    and {len(functions) - _MOST_FUNCTIONS} more"


def format_seconds(value: float) -> str:
    """Return a time with three digits and a readable unit, such as `1.52 ms`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def _uncompiled(found: JITInspection) -> Iterator[str]:
    if found.uncompiled:
        yield "    hot, without machine code:"
        for function in found.uncompiled[:_MOST_FUNCTIONS]:
            place = f"{function.file}:{function.line}"
            yield f"    {100 * function.share:3.0f}% of time   {function.name}  {place}"


def _cells(row: BenchRow) -> list[str]:
    from rich.markup import escape

    style = _STYLES.get(row.ratio.result, "dim")
    return [
        escape(escape_controls(row.name, one_line=True)),
        format_seconds(row.base.mean),
        format_seconds(row.other.mean),
        *_ratio_cells(row.ratio),
        f"[{style}]{row.ratio.result}[/]",
    ]


def _ratio_cells(ratio: Ratio) -> list[str]:
    return [f"{ratio.value:.2f}x", ratio.interval_text]
