"""Pictures of a measurement, as SVG; drawn by matplotlib, which comes with `jitbuild[bench]`.

Readable in light and dark (what is text takes the page's colour, or that which the reader's system prefers), and by colour-blind
readers: the colours are Okabe and Ito's (jfly.uni-koeln.de/color), and a shape says the same as each colour does. Each can be drawn
narrow, for a telephone: a wide one made smaller has letters that nobody can read.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from jitbuild.bench import conclusions
from jitbuild.bench.render import axis as scale
from jitbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jitbuild.bench.report import BenchReport
    from jitbuild.bench.stats import Ratio

_BLUE, _VERMILLION, _GREY = "#0072b2", "#d55e00", "#888888"
# What each says, for a page that has colours of its own for it.
MEANINGS = {_BLUE: "faster", _VERMILLION: "slower", _GREY: "same"}
# By what a ratio may be called: colour, shape, and whether it is filled.
_MARKS = {
    "faster": (_BLUE, "^", True),
    "slower": (_VERMILLION, "v", True),
    "no difference": (_GREY, "o", True),
    "not enough data": (_GREY, "o", False),
}
# Stands for the colour of text until the picture is drawn; nothing else is of this colour.
_TEXT = "#010203"
# More values than these in a row cannot be told apart; the means of its processes can.
_MOST = 80
# With a ground of its own it can be read wherever it is shown, also where the page is light and the reader's system dark.
_ALONE = "<style>svg{color:#1f2328;background:#fff}@media(prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Size:
    """Of the picture in inches, of letters in points, of names in ems; and how many numbers and words fit side by side."""

    inches: float
    letters: float
    name: float
    arm: float
    ticks: int
    columns: int


_WIDE = _Size(inches=7.5, letters=10, name=20, arm=12, ticks=7, columns=5)
_NARROW = _Size(inches=3.8, letters=9, name=9.5, arm=7, ticks=4, columns=2)


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


def svg(report: BenchReport) -> str:
    """The chart of ratios as a file of its own, as in a README: it takes the colours that the reader's system prefers."""
    drawn = ratios(report)
    end = drawn.index(">", drawn.index("<svg")) + 1
    return f"{drawn[:end]}<title>{escape(_said(report))}</title>{_ALONE}{drawn[end:]}"


def ratios(report: BenchReport, *, narrow: bool = False) -> str:
    """Every benchmark's ratio with its interval, the fastest first, and the geometric mean below."""
    size = _NARROW if narrow else _WIDE
    rows = [(row.name, row.ratio) for row in reversed(report.by_ratio)]
    if len(rows) > 1:
        rows.insert(0, ("geometric mean", report.mean))

    def draw(axes: Any) -> None:
        low, high = scale.of_ratios(ratio for _, ratio in rows)
        for place, (_, ratio) in enumerate(rows):
            _interval(axes, place, ratio, low, high)
            axes.plot([ratio.value], [place], **_mark(ratio.result))
        _at_right(axes, [f"{ratio.value:.2f}x" for _, ratio in rows], size)
        if len(rows) > 1:
            axes.axhline(0.5, color=_GREY, linewidth=0.6)
        _axis(axes, low, high, size)

    base, other = (scale.short(arm, size.arm) for arm in (report.base, report.other))
    called = {ratio.result for _, ratio in rows}
    marks = [(word, _mark(word)) for word in _MARKS if word in called]
    legend = [*marks, ("95% interval", {"color": _GREY, "linewidth": 2})]
    below = f"{base} / {other}, logarithmic\nright of 1: {other} is faster"
    return _drawn(draw, [name for name, _ in rows], legend, below, _said(report), size)


def distribution(report: BenchReport, *, narrow: bool = False) -> str:
    """Every value of every benchmark, on the axis of the ratios: how much faster than the first arm's mean."""
    size = _NARROW if narrow else _WIDE
    rows = list(reversed(report.by_ratio))

    def draw(axes: Any) -> None:
        reached = [1.0]
        for place, row in enumerate(rows):
            arms = (
                (row.base, 0.16, _CIRCLE),
                (row.other, -0.16, _diamond(_MARKS[row.ratio.result][0])),
            )
            for sample, above, look in arms:
                values = sample.values if len(sample.values) <= _MOST else sample.means
                shares = [row.base.mean / value for value in values]
                axes.plot(shares, [place + above] * len(shares), **look)
                axes.plot([row.base.mean / sample.mean], [place + above], **_MEAN)
                reached += [min(shares), max(shares)]
        _axis(axes, *scale.of_values(reached), size)

    base, other = (scale.short(arm, size.arm) for arm in (report.base, report.other))
    legend = [(base, _CIRCLE), (other, _diamond(_TEXT)), ("mean", _MEAN)]
    below = f"mean of {base} / each value, logarithmic\nright of 1: faster"
    label = f"Every value of {_many(report)}, beside the mean of {scale.plain(report.base)}."
    return _drawn(draw, [row.name for row in rows], legend, below, label, size)


# Not clipped: one at the edge is whole.
_POINT = {"linestyle": "", "clip_on": False}
_CIRCLE = {**_POINT, "marker": "o", "markersize": 3.5, "color": _GREY, "markerfacecolor": "none"}
_MEAN = {**_POINT, "marker": "|", "markersize": 9, "markeredgewidth": 1.5, "color": _TEXT}


def _mark(word: str) -> dict[str, Any]:
    colour, shape, filled = _MARKS[word]
    return {
        **_POINT,
        "marker": shape,
        "markersize": 7,
        "color": colour,
        "markerfacecolor": colour if filled else "none",
    }


def _diamond(colour: str) -> dict[str, Any]:
    return {**_POINT, "marker": "D", "markersize": 3.5, "color": colour, "alpha": 0.8}


def _interval(axes: Any, place: int, ratio: Ratio, low: float, high: float) -> None:
    """A line; an arrow says that it goes on where the axis ends."""
    if ratio.result == "not enough data":
        return
    colour, *_ = _MARKS[ratio.result]
    axes.plot(
        [max(ratio.low, low), min(ratio.high, high)],
        [place, place],
        color=colour,
        linewidth=2,
        solid_capstyle="butt",
    )
    for edge, beyond, arrow in ((low, ratio.low < low, "<"), (high, ratio.high > high, ">")):
        if beyond:
            axes.plot([edge], [place], marker=arrow, markersize=5, color=colour, **_POINT)


def _said(report: BenchReport) -> str:
    """What a reader hears who cannot see the chart of ratios."""
    return f"Ratios of {_many(report)}, {conclusions.tally(report)}. {scale.plain(conclusions.sentence(report))}"


def _many(report: BenchReport) -> str:
    return "1 benchmark" if len(report.rows) == 1 else f"{len(report.rows)} benchmarks"


def _at_right(axes: Any, numbers: Sequence[str], size: _Size) -> None:
    room = 0.7 * size.letters * max(map(len, numbers))
    for place, number in enumerate(numbers):
        axes.annotate(
            number,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(room, 0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            color=_TEXT,
        )


def _axis(axes: Any, low: float, high: float, size: _Size) -> None:
    axes.axvline(1, color=_TEXT, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    numbers = scale.ticks(low, high, size.ticks)
    axes.set_xticks(numbers, [f"{number:g}x" for number in numbers])
    axes.minorticks_off()


def _drawn(
    draw: Callable[[Any], None],
    names: Sequence[str],
    legend: Sequence[tuple[str, dict[str, Any]]],
    below: str,
    label: str,
    size: _Size,
) -> str:
    """A picture with a row for each name, as SVG that can stand in a page as it is; `label` is what it is called."""
    check()
    from matplotlib import style

    # Text stays text, and neither the person's matplotlibrc nor the date makes two equal pictures differ.
    look = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"{label}{size.inches}",
        "font.size": size.letters,
    }
    shown = [scale.short(name, size.name) for name in names]
    with style.context(["default", look]), warnings.catch_warnings():
        # matplotlib has no shapes for some letters; the browser, which draws them, has.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = _figure(shown, math.ceil(len(legend) / size.columns), size)
        axes = figure.subplots()
        draw(axes)
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.set_yticks(range(len(names)), shown, parse_math=False)
        _dress(axes)
        _legend(figure, legend, size)
        figure.supxlabel(below, color=_TEXT, fontsize=size.letters, parse_math=False)
        return _embedded(figure, label)


def _figure(names: Sequence[str], lines: int, size: _Size) -> Any:
    """As high as its rows and the lines of its legend want it."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # Letters that matplotlib has no shapes for are wider than it takes them for, and would be cut off at the left.
    foreign = (
        max(sum(not letter.isascii() for letter in name) for name in names)
        * 0.4
        * size.letters
        / 72
        / size.inches
    )
    layout = ConstrainedLayoutEngine(rect=(foreign, 0, 1 - foreign, 1))
    return Figure(
        figsize=(size.inches, 0.85 + 0.2 * lines + 0.28 * max(len(names), 2)), layout=layout
    )


def _legend(figure: Any, legend: Sequence[tuple[str, dict[str, Any]]], size: _Size) -> None:
    from matplotlib.lines import Line2D

    # The words are put in afterwards: a label that begins with an underscore would be left out.
    handles = [Line2D([], [], label="-", **look) for _, look in legend]
    above = figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=size.columns,
        frameon=False,
        handletextpad=0.3,
    )
    for text, (word, _) in zip(above.get_texts(), legend, strict=True):
        text.set(text=word, color=_TEXT, parse_math=False)


def _dress(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_TEXT)
    axes.tick_params(colors=_TEXT, length=0)
    axes.grid(axis="x", color=_GREY, alpha=0.3, linewidth=0.6)


def _embedded(figure: Any, label: str) -> str:
    target = io.StringIO()
    figure.savefig(
        target,
        format="svg",
        transparent=True,
        metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
    )
    drawn = target.getvalue().replace(_TEXT, "currentColor")
    # Without the XML's own head, indentation, and the ids of groups, which would be the same in the next picture of the page.
    drawn = re.sub(r"\s*\n\s*", "\n", re.sub(r"^.*?(?=<svg)", "", drawn, flags=re.DOTALL))
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
