"""Pictures of a measurement, as SVG; drawn by matplotlib, which comes with `jitbuild[bench]`.

Readable in light and dark (what is text takes the page's colour, or that which the reader's system prefers), and by colour-blind
readers: the colours are Okabe and Ito's (jfly.uni-koeln.de/color), and a shape says the same as each colour does.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from jitbuild.errors import UsageError

if TYPE_CHECKING:
    from jitbuild.bench.report import Report, Row
    from jitbuild.bench.stats import Ratio

_BLUE, _VERMILLION, _GREY = "#0072B2", "#D55E00", "#888888"
_MARKS = {"faster": (_BLUE, "^"), "slower": (_VERMILLION, "v")}
# Stands for the colour of text until the picture is drawn; nothing else is of this colour.
_TEXT = "#010203"
_ROW = 0.32
_PREFERENCE = "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"


def check() -> None:
    """Raises UsageError when matplotlib is not there: before anything is measured."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError(
            "Charts are drawn by matplotlib, which is not installed beside jitbuild.",
            remedy="Install it with: pip install 'jitbuild[bench]'; or leave out --html and --svg.",
        ) from error
    assert mpl.__version__


def svg(report: Report) -> str:
    """The chart of ratios as a file of its own, as in a README: it takes the colours that the reader's system prefers."""
    drawn = ratios(report)
    end = drawn.index(">", drawn.index("<svg")) + 1
    return f"{drawn[:end]}{_PREFERENCE}{drawn[end:]}"


def ratios(report: Report) -> str:
    """Every benchmark's ratio with its interval, sorted by size, and the geometric mean below."""
    rows: list[tuple[str, Ratio]] = [(row.name, row.ratio) for row in sorted(report.rows, key=lambda row: row.ratio.value)]
    if len(rows) > 1:
        rows.insert(0, ("geometric mean", report.mean))
    figure, axes = _figure(len(rows))
    for place, (_, ratio) in enumerate(rows):
        colour, mark = _MARKS.get(ratio.word, (_GREY, "o"))
        if ratio.word != "not enough data":
            axes.plot([ratio.low, ratio.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot([ratio.value], [place], color=colour, marker=mark, markersize=7)
    axes.axvline(1, color=_TEXT, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{name}  {ratio.value:.2f}x" for name, ratio in rows])
    axes.set_xlabel(f"{report.base} / {report.other}: right of 1, {report.other} is faster (95% intervals)")
    return _drawn(figure, axes, "ratios")


def distribution(report: Report) -> str:
    """Every value of every benchmark, as a share of the first arm's mean."""
    rows: list[Row] = sorted(report.rows, key=lambda row: row.ratio.value)
    figure, axes = _figure(len(rows))
    for place, row in enumerate(rows):
        for sample, above, colour, mark in ((row.base, 0.17, _GREY, "o"), (row.other, -0.17, _BLUE, "D")):
            values = [value / row.base.mean for value in sample.values]
            axes.plot(values, [place + above] * len(values), linestyle="", marker=mark, markersize=3.5, color=colour, alpha=0.55)
    axes.axvline(1, color=_TEXT, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_xlabel(f"time as a share of {report.base}'s mean (circles: {report.base}; diamonds: {report.other}); left is faster")
    return _drawn(figure, axes, "distribution")


def _figure(rows: int) -> tuple[Any, Any]:
    check()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.0 + _ROW * max(rows, 2)), layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(-0.7, rows - 0.3)
    return figure, axes


def _drawn(figure: Any, axes: Any, name: str) -> str:
    import matplotlib as mpl

    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_TEXT)
    axes.tick_params(colors=_TEXT, length=0)
    axes.xaxis.label.set_color(_TEXT)
    axes.grid(axis="x", color=_GREY, alpha=0.3, linewidth=0.6)
    target = io.StringIO()
    # Text stays text, ids are the same in every run and others in every picture, and no date makes two equal ones differ.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(
            target, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    drawn = target.getvalue().replace(_TEXT, "currentColor")
    # Without the XML's own head, it can stand in a page as it is.
    return re.sub(r"^.*?(?=<svg)", "", drawn, flags=re.DOTALL)
