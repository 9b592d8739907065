"""Render a measurement as one HTML file, which contains its style and its charts.

The page loads nothing from other files or servers; its content security policy forbids that.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jitbuild.bench import about, conclusions
from jitbuild.bench.render import charts
from jitbuild.bench.render.style import STYLE
from jitbuild.bench.render.table import format_seconds
from jitbuild.safe_text import hide_secrets
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jitbuild.bench.report import (
        BenchReport,
        BenchRow,
        CompiledFunction,
        HotFunction,
        JITInspection,
    )
    from jitbuild.bench.stats import Ratio, Result

_MARKS: dict[Result, str] = {
    "faster": "\N{BLACK UP-POINTING TRIANGLE}",
    "slower": "\N{BLACK DOWN-POINTING TRIANGLE}",
    "no difference": "\N{BLACK CIRCLE}",
    "undecided": "\N{WHITE DIAMOND}",
    "not enough data": "\N{WHITE CIRCLE}",
}


def html(report: BenchReport) -> str:
    """Return the whole page."""
    body = "\n".join(filter(None, _sections(report)))
    title = f"{_escaped(report.base)} and {_escaped(report.other)}, jitbuild bench"
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        # An empty icon: without one, browsers request /favicon.ico.
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{STYLE}</style>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _sections(report: BenchReport) -> Iterable[str]:
    result = report.mean.result
    verdict = _marked(result, conclusions.sentence(report))
    yield f'<h1 class="{result}">{verdict}</h1>{_subject(report)}'
    if report.warnings:
        yield f'<div class="warnings">{_list("Warnings", report.warnings)}</div>'
    yield f'<section id="ratios">{_ratios(report)}{_table(report)}</section>'
    yield f'<section id="values">{_values(report)}</section>'
    yield _inspections(report.rows)
    yield _list("Notes", report.notes)
    yield _facts(report)
    if report.again:
        yield f"<h2>How to repeat it</h2><pre><code>{_escaped(report.again)}</code></pre>"


def _escaped(text: str) -> str:
    """Return a text escaped for the page.

    Secrets in URLs are hidden. Characters that a file cannot contain, and those that reverse the
    direction of text, are replaced.
    """
    return escape(
        "".join(
            letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}"
            for letter in hide_secrets(text)
        )
    )


def _marked(result: Result, text: str) -> str:
    """Return a text for the page, preceded by the mark that the charts use for the result."""
    return f'<span class="mark" aria-hidden="true">{_MARKS[result]}</span> {_escaped(text)}'


def _subject(report: BenchReport) -> str:
    """Return the lines on the interpreter, the machine and the date."""
    lines = "<br>".join(map(_escaped, about.lines(report)))
    return f'<p class="faint">{lines}</p>' if lines else ""


def _list(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_escaped(line)}</li>" for line in lines)
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def _chart(draw: Callable[..., str], report: BenchReport) -> str:
    wide, narrow = draw(report), draw(report, narrow=True)
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def _ratios(report: BenchReport) -> str:
    base, other = _escaped(report.base), _escaped(report.other)
    legend = (
        f"The time of {base} divided by that of {other}: right of 1, {other} is faster. The axis is"
        " logarithmic: twice as fast and half as fast are equally far from 1."
    )
    return f'<h2>Ratios</h2><p class="faint">{legend}</p>{_chart(charts.ratio_chart, report)}'


def _values(report: BenchReport) -> str:
    base, other = _escaped(report.base), _escaped(report.other)
    legend = (
        f"Circles are values of {base}; diamonds are values of {other}, coloured by the result;"
        " farther right is faster. Clusters that are apart show a difference; wide ones show noise."
    )
    chart = _chart(charts.value_chart, report)
    return f'<h2>Every value</h2><p class="faint">{legend}</p>{chart}'


def _table(report: BenchReport) -> str:
    head = "".join(
        f'<th scope="col" class="number">{_escaped(name)}</th>'
        for name in (report.base, report.other, "ratio", f"{report.confidence} interval")
    )
    rows = [
        _row(row.name, row.ratio, format_seconds(row.base.mean), format_seconds(row.other.mean))
        for row in report.by_ratio
    ]
    if len(report.rows) > 1:
        rows.append(_row("geometric mean", report.mean, "", "", kind="mean"))
    head = f'<thead><tr><td class="name"></td>{head}<td class="word"></td></tr></thead>'
    return (
        f'<table class="ratios">{head}<tbody>{"".join(rows)}</tbody></table>'
        f"<p>{_escaped(conclusions.tally(report))}.</p>"
    )


def _row(name: str, ratio: Ratio, base: str, other: str, *, kind: str = "") -> str:
    cells = (
        f'<th scope="row" class="name">{_escaped(name)}</th>',
        *(
            f'<td class="number">{cell}</td>'
            for cell in (base, other, f"{ratio.value:.2f}x", ratio.interval_text)
        ),
        f'<td class="word">{_marked(ratio.result, ratio.result)}</td>',
    )
    return f'<tr class="{ratio.result} {kind}">{"".join(cells)}</tr>'


def _inspections(rows: Iterable[BenchRow]) -> str:
    inspections = "".join(
        _inspection(row.name, row.inspection) for row in rows if row.inspection is not None
    )
    return f"<h2>Machine code</h2>{inspections}" if inspections else ""


def _inspection(name: str, inspection: JITInspection) -> str:
    uncompiled = [
        _function(function, f"{100 * function.share:.0f}% of the time, no machine code")
        for function in inspection.uncompiled or ()
    ]
    summary = inspection.summary
    if uncompiled:
        summary += f"; hot functions without machine code: {len(uncompiled)}"
    libraries = [
        _details(f"in {library}", found.summary, _compiled(found.compiled))
        for library, found in inspection.libraries.items()
    ]
    items = [*_compiled(inspection.own), *(f"<li>{each}</li>" for each in libraries), *uncompiled]
    return _details(name, summary, items)


def _details(title: str, summary: str, items: Sequence[str]) -> str:
    """Return a title with a summary, below which the reader can open a list."""
    opened = f"<ul>{''.join(items)}</ul>" if items else ""
    return (
        f'<details><summary>{_escaped(title)} <span class="faint">{summary}</span></summary>'
        f"{opened}</details>"
    )


def _compiled(functions: Iterable[CompiledFunction]) -> list[str]:
    return [
        _function(function, count_noun(function.executors, "executor")) for function in functions
    ]


def _function(function: CompiledFunction | HotFunction, text: str) -> str:
    place = _escaped(f"{function.file}:{function.line}")
    return (
        f"<li><code>{_escaped(function.name)}</code>: {text}"
        f' <span class="faint">{place}</span></li>'
    )


def _facts(report: BenchReport) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_escaped(name)}</th><td>{_escaped(value)}</td></tr>'
        for name, value in report.about.items()
    )
    return f'<h2>Machine and build</h2><table class="facts">{rows}</table>'
