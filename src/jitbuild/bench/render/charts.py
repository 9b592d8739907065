"""Draw the charts of a measurement: one of the ratios with their intervals, one of all values.

Each chart can also be drawn narrow, for a telephone, because the letters of a wide chart that is
scaled down are too small to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.bench import conclusions
from jitbuild.bench.render.axis import Axis, range_of_ratios, range_of_values
from jitbuild.bench.render.labels import shorten, width
from jitbuild.bench.render.svg import Colour, Drawing, Shape, standalone_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.bench.report import BenchReport
    from jitbuild.bench.stats import Ratio, Result, Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class _Size:
    """The measures of a chart.

    `name` and `arm`, the largest widths of the names of benchmarks and arms, are in ems. The other
    lengths are in pixels.

    `ticks` is the largest number of labels on the axis.
    """

    width: float
    font: float
    row: float
    name: float
    arm: float
    ticks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """The look of a mark; `shape` is None for an interval, which is a line."""

    colour: Colour
    shape: Shape | None
    radius: float = 5.5
    filled: bool = True


_WIDE = _Size(width=720, font=13, row=27, name=20, arm=12, ticks=8)
_NARROW = _Size(width=360, font=12, row=26, name=9.5, arm=7, ticks=5)
_GAP = 10

_LOOKS: dict[Result, _Look] = {
    "faster": _Look(colour="faster", shape="up"),
    "slower": _Look(colour="slower", shape="down"),
    "no difference": _Look(colour="same", shape="circle", radius=5),
    "undecided": _Look(colour="same", shape="diamond", filled=False),
    "not enough data": _Look(colour="same", shape="circle", radius=5, filled=False),
}
_INTERVAL = _Look(colour="same", shape=None)
_VALUE = _Look(colour="same", shape="circle", radius=2.9, filled=False)
_MEAN = _Look(colour="text", shape="bar", radius=5.5, filled=False)
# If an arm has more values in a row, they cannot be told apart, and the means of its processes are
# shown instead.
_MOST_VALUES = 80


def standalone(report: BenchReport) -> str:
    """Return the chart of ratios as the content of an SVG file, for example for a README."""
    title = f"Ratios of {_count(report)}"
    return _ratio_chart(report, _WIDE, head=standalone_head(title, _description(report))) + "\n"


def ratio_chart(report: BenchReport, *, narrow: bool = False) -> str:
    """Return a chart of the ratios with their intervals: the fastest first, the mean last."""
    return _ratio_chart(report, _NARROW if narrow else _WIDE)


def value_chart(report: BenchReport, *, narrow: bool = False) -> str:
    """Return a chart with a mark for every value.

    The mark is at the mean of the first arm divided by the value. If there are too many values,
    there is a mark for the mean of each process instead.
    """
    size = _NARROW if narrow else _WIDE
    rows = report.by_ratio
    ratios = [_ratios_to_mean(row.base, sample) for row in rows for sample in (row.base, row.other)]
    bounds = range_of_values([1.0, *(ratio for group in ratios for ratio in group)])
    base, other = (shorten(arm, size.arm) for arm in (report.base, report.other))
    legend = [(base, _VALUE), (other, _diamond("text")), ("mean", _MEAN)]
    chart = _Chart(size, [row.name for row in rows], legend, bounds)
    for index, row in enumerate(rows):
        colour = _LOOKS[row.ratio.result].colour
        for sample, shift, look in (
            (row.base, -0.16, _VALUE),
            (row.other, 0.16, _diamond(colour)),
        ):
            y = chart.y(index + shift)
            chart.mark(look, _ratios_to_mean(row.base, sample), y)
            chart.mark(_MEAN, [row.base.mean / sample.mean], y)
    label = f"Every value of {_count(report)}, relative to the mean of {report.base}."
    return chart.finish((f"mean of {base} / each value, logarithmic", "right of 1: faster"), label)


def _ratio_chart(report: BenchReport, size: _Size, *, head: str = "") -> str:
    rows = [(row.name, row.ratio) for row in report.by_ratio]
    if len(rows) > 1:
        rows.append(("geometric mean", report.mean))
    results = {ratio.result for _, ratio in rows}
    legend = [*((result, look) for result, look in _LOOKS.items() if result in results)]
    numbers = [f"{ratio.value:.2f}x" for _, ratio in rows]
    chart = _Chart(
        size,
        [name for name, _ in rows],
        [*legend, (f"{report.confidence} interval", _INTERVAL)],
        range_of_ratios(ratio for _, ratio in rows),
        numbers=numbers,
    )
    for index, (_, ratio) in enumerate(rows):
        chart.interval(ratio, chart.y(index))
        chart.mark(_LOOKS[ratio.result], [ratio.value], chart.y(index))
    if len(rows) > 1:
        chart.separator(chart.y(len(rows) - 1.5))
    base, other = (shorten(arm, size.arm) for arm in (report.base, report.other))
    caption = (f"{base} / {other}, logarithmic", f"right of 1: {other} is faster")
    return chart.finish(caption, _description(report), head=head)


class _Chart:
    """A chart with a row for each name. Creating it draws the frame; its methods add marks."""

    def __init__(
        self,
        size: _Size,
        names: Sequence[str],
        legend: Sequence[tuple[str, _Look]],
        bounds: tuple[float, float],
        *,
        numbers: Sequence[str] = (),
    ) -> None:
        self.drawing = Drawing(size.width, size.font)
        self._size = size
        self._top = self._draw_legend(legend)
        self._bottom = self._top + size.row * max(len(names), 2)
        shown = [shorten(name, size.name) for name in names]
        at_right = max(map(width, numbers), default=0) * size.font
        self.axis = Axis(
            low=bounds[0],
            high=bounds[1],
            left=max(map(width, shown)) * size.font + _GAP,
            right=size.width - at_right - 2 * _GAP,
        )
        self._draw_axis()
        for index, name in enumerate(shown):
            self.drawing.text((self.axis.left - _GAP, self.y(index)), name, anchor="end")
        for index, number in enumerate(numbers):
            self.drawing.text((size.width - 2, self.y(index)), number, anchor="end")

    def y(self, index: float) -> float:
        """Return the y-coordinate of a row; the first row has the index 0."""
        return self._top + (index + 0.5) * self._size.row

    def mark(self, look: _Look, values: Sequence[float], y: float) -> None:
        """Draw a mark for each value at the height `y`."""
        assert look.shape is not None
        points = [(self.axis.x(value), y) for value in values]
        self.drawing.marks(
            look.shape, points, colour=look.colour, radius=look.radius, filled=look.filled
        )

    def interval(self, ratio: Ratio, y: float) -> None:
        """Draw a ratio's interval; an arrow shows that it continues beyond the axis."""
        if ratio.result == "not enough data":
            return
        axis, colour = self.axis, _LOOKS[ratio.result].colour
        start, end = axis.x(ratio.low), axis.x(ratio.high)
        self.drawing.line((start, y), (end, y), colour=colour, width=2.5)
        if ratio.low < axis.low:
            self.drawing.marks("left", [(start, y)], colour=colour, radius=4)
        if ratio.high > axis.high:
            self.drawing.marks("right", [(end, y)], colour=colour, radius=4)

    def separator(self, y: float) -> None:
        """Draw a line between two rows."""
        start, end = (self.axis.left, y), (self.axis.right, y)
        self.drawing.line(start, end, colour="same", width=0.8)

    def finish(self, caption: Sequence[str], label: str, *, head: str = "") -> str:
        """Add the lines of `caption` below the axis, and return the chart as SVG.

        `label` is the chart's accessible name; `head` is inserted before its elements.
        """
        line = 1.35 * self._size.font
        y = self._bottom + 2.8 * self._size.font
        middle = self._size.width / 2
        for number, text in enumerate(caption):
            self.drawing.text((middle, y + number * line), text, anchor="middle")
        return self.drawing.svg(y + len(caption) * line, label, head=head)

    def _draw_axis(self) -> None:
        axis, top, bottom = self.axis, self._top, self._bottom
        for number, label in axis.ticks(self._size.ticks, self._size.font):
            x = axis.x(number)
            self.drawing.line((x, top), (x, bottom), colour="same", width=0.8, opacity=0.35)
            self.drawing.text((x, bottom + self._size.font), label, anchor="middle")
        self.drawing.line((axis.x(1), top), (axis.x(1), bottom), colour="text", width=1)
        self.drawing.line((axis.left, bottom), (axis.right, bottom), colour="text", width=1)

    def _draw_legend(self, entries: Sequence[tuple[str, _Look]]) -> float:
        """Draw the legend in as many lines as it needs; return the y-coordinate below it."""
        font = self._size.font
        x, y = 2.0, 0.8 * font
        for text, look in entries:
            mark = 2 * font if look.shape is None else font
            entry = mark + (0.5 + width(text)) * font
            if x > 2 and x + entry > self._size.width:
                x, y = 2.0, y + 1.6 * font
            if look.shape is None:
                self.drawing.line((x, y), (x + mark, y), colour=look.colour, width=2.5)
            else:
                self.drawing.marks(
                    look.shape,
                    [(x + mark / 2, y)],
                    colour=look.colour,
                    radius=look.radius,
                    filled=look.filled,
                )
            self.drawing.text((x + mark + 0.4 * font, y), text)
            x += entry + font
        return y + 1.4 * font


def _diamond(colour: Colour) -> _Look:
    return _Look(colour=colour, shape="diamond", radius=3.8)


def _ratios_to_mean(base: Sample, sample: Sample) -> list[float]:
    values = sample.values if len(sample.values) <= _MOST_VALUES else sample.means
    mean = base.mean  # computed once, because that takes time for each value
    return [mean / value for value in values]


def _description(report: BenchReport) -> str:
    """Return a text for readers who cannot see the chart of ratios."""
    counts = f"Ratios of {_count(report)}, {conclusions.tally(report)}."
    return f"{counts} {conclusions.sentence(report)}"


def _count(report: BenchReport) -> str:
    return "1 benchmark" if len(report.rows) == 1 else f"{len(report.rows)} benchmarks"
