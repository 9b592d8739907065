"""A measurement as one HTML file that asks nobody for anything: styles and charts are in it, and its policy forbids the rest."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jitbuild.bench import chart, text, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.bench.report import Report, Row

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --back: #ffffff; --line: #d0d7de; --faint: #59636e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --line: #3d444d; --faint: #9198a1; } }
body { color: var(--text); background: var(--back); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; } code { overflow-wrap: anywhere; } .faint { color: var(--faint); }
"""


def html(report: Report) -> str:
    """The whole page."""
    sections = [
        f"<h1>{escape(words.verdict(report))}</h1>",
        _list("Warnings", report.warnings),
        _list("Notes", report.notes),
        f"<h2>Ratios</h2>{chart.ratios(report)}",
        _table(report),
        f"<h2>Every value</h2>{chart.distribution(report)}",
        _inspections(report.rows),
        _facts(report),
        f"<h2>Again</h2><p><code>{escape(report.again)}</code></p>" if report.again else "",
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        # An icon that is none: else a browser would ask for one.
        f'<link rel="icon" href="data:,"><title>{escape(report.base)} and {escape(report.other)}</title><style>{_STYLE}</style>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(filter(None, sections)) + "\n</body></html>\n"
    )


def _list(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def _table(report: Report) -> str:
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in (report.base, report.other, "ratio", "95% interval"))
    rows = [_row(row) for row in report.rows]
    if len(report.rows) > 1:
        mean = report.mean
        shown = f'<td class="number" colspan="2">{mean.shown}</td><td>{mean.word}</td>'
        rows.append(f"<tr><td>geometric mean</td><td></td><td></td>{shown}</tr>")
    return f"<table><tr><th></th>{head}<th></th></tr>{''.join(rows)}</table><p>{escape(words.tally(report))}.</p>"


def _row(row: Row) -> str:
    ratio = row.ratio
    interval = "" if ratio.word == "not enough data" else f"{ratio.low:.2f}-{ratio.high:.2f}"
    cells = (text.seconds(row.base.mean), text.seconds(row.other.mean), f"{ratio.value:.2f}x", interval)
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f"<tr><td>{escape(row.name)}</td>{numbers}<td>{ratio.word}</td></tr>"


def _inspections(rows: Iterable[Row]) -> str:
    lines = [line for row in rows if row.inspection is not None for line in text.inspection(row)]
    return f"<h2>What the JIT made</h2><pre>{escape(chr(10).join(lines))}</pre>" if lines else ""


def _facts(report: Report) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in report.about.items())
    return f"<h2>Machine and build</h2><table>{rows}</table>"
