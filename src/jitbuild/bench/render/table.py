"""A measurement for people: a table, then what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.bench import conclusions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from jitbuild.bench.report import BenchReport, BenchRow, JITInspection

_STYLES = {"faster": "green", "slower": "red"}
_MOST = 8


def show(report: BenchReport, console: Console, *, inspect: bool = False) -> None:
    """Print the whole report."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    # The name of a test says where it is at its end.
    table.add_column("", overflow="fold")
    for column in (report.base, report.other, "ratio", "95% interval"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for row in report.rows:
        table.add_row(*_cells(row))
    if len(report.rows) > 1:
        table.add_row("geometric mean", "", "", *_ratio_cells(report))
    console.print(table)
    console.print()
    for line in lines(report, inspect=inspect):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def lines(report: BenchReport, *, inspect: bool) -> Iterator[str]:
    """What stands under the table; the verdict is the last line."""
    if inspect:
        for row in report.rows:
            yield from inspection(row)
        yield ""
    if len(report.rows) > 1:
        yield f"{conclusions.tally(report)}. The ratio is {report.base} / {report.other}: above 1, {report.other} is faster."
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"warning: {warning}" for warning in report.warnings)
    yield from (f"{arm}: {path}" for arm, path in report.files.items())
    yield conclusions.sentence(report)


def inspection(row: BenchRow) -> Iterator[str]:
    """What the JIT made of a benchmark."""
    found = row.inspection
    if found is None:
        yield f"{row.name}: what the JIT made of it cannot be seen from here."
        return
    executors = sum(each.executors for each in found.compiled)
    size = sum(each.bytes for each in found.compiled)
    yield f"{row.name}: {executors} executors in {len(found.compiled)} functions, {size} bytes of machine code (in whole pages)"
    for each in found.compiled[:_MOST]:
        yield f"    {each.executors:3} executors  {each.name}  {each.file}:{each.line}"
    if len(found.compiled) > _MOST:
        yield f"    and {len(found.compiled) - _MOST} more"
    yield from _bare(found)


def _bare(found: JITInspection) -> Iterator[str]:
    if found.uncompiled:
        yield "    hot, without machine code:"
        for each in found.uncompiled[:_MOST]:
            yield f"    {100 * (each.share):3.0f}% of time   {each.name}  {each.file}:{each.line}"


def _cells(row: BenchRow) -> list[str]:
    from rich.markup import escape

    interval = (
        f"{row.ratio.low:.2f}-{row.ratio.high:.2f}" if row.ratio.result != "not enough data" else ""
    )
    style = _STYLES.get(row.ratio.result, "dim")
    return [
        escape(row.name),
        seconds(row.base.mean),
        seconds(row.other.mean),
        f"{row.ratio.value:.2f}x",
        interval,
        f"[{style}]{row.ratio.result}[/]",
    ]


def _ratio_cells(report: BenchReport) -> list[str]:
    known = report.mean.result != "not enough data"
    interval = f"{report.mean.low:.2f}-{report.mean.high:.2f}" if known else ""
    return [f"{report.mean.value:.2f}x", interval, report.mean.result]


def seconds(value: float) -> str:
    """A time as it is read: `1.52 ms`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"
