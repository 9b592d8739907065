"""A measurement as one HTML file that asks nobody for anything: styles and charts are in it, and its policy forbids the rest."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jitbuild.bench import conclusions
from jitbuild.bench.render import svg as chart
from jitbuild.bench.render import table as text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jitbuild.bench.report import (
        BenchReport,
        BenchRow,
        CompiledFunction,
        HotFunction,
        JITInspection,
    )
    from jitbuild.bench.stats import Ratio

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --back: #ffffff; --line: #d0d7de; --faint: #59636e; --warned: #fff8c5;
        --faster: #0072b2; --slower: #b34700; --same: #6b7280; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --back: #0d1117; --line: #3d444d; --faint: #9198a1; --warned: #2b2410;
          --faster: #56b4e9; --slower: #ff8c42; --same: #9198a1; }
}
body { color: var(--text); background: var(--back); font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto;
       padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0; padding-left: 1rem; border-left: .4rem solid var(--same); }
h1.faster { border-color: var(--faster); } h1.slower { border-color: var(--slower); }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
.faint { color: var(--faint); }
.warnings { background: var(--warned); border: 1px solid var(--line); border-left: .4rem solid #bf8700; padding: .1rem 1rem .6rem;
            margin: 1.5rem 0; }
.warnings h2 { margin: .6rem 0 .2rem; font-size: 1rem; } ul { margin: 0; padding-left: 1.2rem; }
svg { display: block; max-width: 100%; height: auto; } .narrow { display: none; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th, td { padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
         font-weight: normal; }
thead * { color: var(--faint); } .mean > * { font-weight: bold; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } thead .number { white-space: normal; }
.word { white-space: nowrap; padding-right: 0; }
.faster .mark { color: var(--faster); } .slower .mark { color: var(--slower); } .mark { color: var(--same); }
.facts th { color: var(--faint); white-space: nowrap; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; } summary { cursor: pointer; }
details ul { margin: .3rem 0 .5rem; }
pre { white-space: pre-wrap; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; font-size: .875rem; }
@media (max-width: 46rem) {
  body { margin-top: 1rem; } h1 { font-size: 1.3rem; }
  .wide { display: none; } .narrow { display: block; }
  .ratios tr { display: grid; grid-template-columns: 1fr 1fr 1fr 1.4fr; border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .ratios th, .ratios td { border: 0; padding: .1rem 0; font-size: .9375rem; }
  .ratios .name { grid-column: 1 / 3; } .ratios .word { grid-column: 3 / 5; grid-row: 1; text-align: right; }
}
"""
_MARKS = {
    "faster": "\N{BLACK UP-POINTING TRIANGLE}",
    "slower": "\N{BLACK DOWN-POINTING TRIANGLE}",
    "no difference": "\N{BLACK CIRCLE}",
    "not enough data": "\N{WHITE CIRCLE}",
}


def html(report: BenchReport) -> str:
    """The whole page."""
    sections = [
        f'<h1 class="{report.mean.result}">{_marked(report.mean.result, conclusions.sentence(report))}</h1>{_subject(report.about)}',
        f'<div class="warnings">{_list("Warnings", report.warnings)}</div>'
        if report.warnings
        else "",
        f'<section id="ratios">{_ratios(report)}{_table(report)}</section>',
        f'<section id="values">{_distribution(report)}</section>',
        _inspections(report.rows),
        _list("Notes", report.notes),
        _facts(report),
        f"<h2>How to repeat it</h2><pre><code>{_escaped(report.again)}</code></pre>"
        if report.again
        else "",
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        # An icon that is none: else a browser would ask for one.
        f'<link rel="icon" href="data:,"><title>{_escaped(report.base)} and {_escaped(report.other)}, jitbuild bench</title>'
        f"<style>{_STYLE}</style>"
    )
    body = "\n".join(filter(None, sections))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>\n{body}\n</main></body></html>\n'


def _escaped(text: str) -> str:
    """As text of the page. What no file can hold, and what would turn the direction of the words after it, is only marked."""
    return escape(
        "".join(
            letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}"
            for letter in text
        )
    )


def _marked(word: str, said: str) -> str:
    """With the shape that stands for it in the chart, too."""
    return f'<span class="mark" aria-hidden="true">{_MARKS[word]}</span> {_escaped(said)}'


def _subject(about: Mapping[str, str]) -> str:
    """On what it was measured, in a line."""
    if "version" not in about:
        return ""
    known = (
        f"CPython {about['version']}",
        about.get("profile", "") and f"profile {about['profile']}",
        about.get("processor", ""),
    )
    return f'<p class="faint">{_escaped(", ".join(filter(None, known)))}</p>'


def _list(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_escaped(line)}</li>" for line in lines)
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def _chart(draw: Callable[..., str], report: BenchReport) -> str:
    drawn = f'<div class="wide">{draw(report)}</div><div class="narrow">{draw(report, narrow=True)}</div>'
    for colour, meaning in chart.MEANINGS.items():
        drawn = drawn.replace(f": {colour}", f": var(--{meaning})")
    return drawn


def _ratios(report: BenchReport) -> str:
    base, other = _escaped(report.base), _escaped(report.other)
    legend = (
        f"The time of {base} divided by that of {other}: right of 1, {other} is faster. The axis is logarithmic: twice as fast and "
        "half as fast are equally far from 1."
    )
    return f'<h2>Ratios</h2><p class="faint">{legend}</p>{_chart(chart.ratios, report)}'


def _distribution(report: BenchReport) -> str:
    base, other = _escaped(report.base), _escaped(report.other)
    legend = (
        f"Circles are values of {base}, diamonds those of {other}, in the colour of its ratio; farther right is faster. Clusters "
        "that lie apart differ; clusters that are wide are noise."
    )
    return f'<h2>Every value</h2><p class="faint">{legend}</p>{_chart(chart.distribution, report)}'


def _table(report: BenchReport) -> str:
    head = "".join(
        f'<th scope="col" class="number">{_escaped(name)}</th>'
        for name in (report.base, report.other, "ratio", "95% interval")
    )
    rows = [
        _row(row.name, row.ratio, text.seconds(row.base.mean), text.seconds(row.other.mean))
        for row in report.by_ratio
    ]
    if len(report.rows) > 1:
        rows.append(_row("geometric mean", report.mean, "", "", kind="mean"))
    return (
        f'<table class="ratios"><thead><tr><td class="name"></td>{head}<td class="word"></td></tr></thead><tbody>{"".join(rows)}'
        f"</tbody></table><p>{_escaped(conclusions.tally(report))}.</p>"
    )


def _row(name: str, ratio: Ratio, base: str, other: str, *, kind: str = "") -> str:
    interval = "" if ratio.result == "not enough data" else f"{ratio.low:.2f}-{ratio.high:.2f}"
    numbers = "".join(
        f'<td class="number">{cell}</td>' for cell in (base, other, f"{ratio.value:.2f}x", interval)
    )
    word = f'<td class="word">{_marked(ratio.result, ratio.result)}</td>'
    return f'<tr class="{ratio.result} {kind}"><th scope="row" class="name">{_escaped(name)}</th>{numbers}{word}</tr>'


def _inspections(rows: Iterable[BenchRow]) -> str:
    found = "".join(
        _inspection(row.name, row.inspection) for row in rows if row.inspection is not None
    )
    return f"<h2>What the JIT made</h2>{found}" if found else ""


def _inspection(name: str, found: JITInspection) -> str:
    executors, size = (
        sum(getattr(each, kind) for each in found.compiled) for kind in ("executors", "bytes")
    )
    made = [_function(each, f"{each.executors} executors") for each in found.compiled]
    bare = [
        _function(each, f"{100 * (each.share):.0f}% of the time, no machine code")
        for each in found.uncompiled or ()
    ]
    said = f"{executors} executors in {len(made)} functions, {size} bytes"
    if bare:
        said += f"; {len(bare)} hot without"
    items = f"<ul>{''.join(made + bare)}</ul>" if made or bare else ""
    return f'<details><summary>{_escaped(name)} <span class="faint">{said}</span></summary>{items}</details>'


def _function(found: CompiledFunction | HotFunction, said: str) -> str:
    place = _escaped(f"{found.file}:{found.line}")
    return (
        f'<li><code>{_escaped(found.name)}</code>: {said} <span class="faint">{place}</span></li>'
    )


def _facts(report: BenchReport) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_escaped(name)}</th><td>{_escaped(value)}</td></tr>'
        for name, value in report.about.items()
    )
    return f'<h2>Machine and build</h2><table class="facts">{rows}</table>'
