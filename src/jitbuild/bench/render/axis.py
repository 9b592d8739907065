"""Compute the logarithmic axis of ratios: its range, its labels, and positions on it.

On a logarithmic axis, twice as fast and half as fast are equally far from 1, which
agrees with the geometric mean. On a linear axis, all slower results would be squeezed between 0
and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from jitbuild.bench.render.labels import width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jitbuild.bench.stats import Ratio

_LEAST = 1.05
_MARGIN = 1.04
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_DECADES = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """An axis from `low` to `high`, drawn from the x-coordinate `left` to `right`."""

    low: float
    high: float
    left: float
    right: float

    def x(self, value: float) -> float:
        """Return the x-coordinate of a value, or of the nearest end of the axis."""
        clipped = min(max(value, self.low), self.high)
        share = math.log(clipped / self.low) / math.log(self.high / self.low)
        return self.left + share * (self.right - self.left)

    def ticks(self, most: int, em: float) -> list[tuple[float, str]]:
        """Return at most `most` round numbers with labels that do not overlap.

        `em` is the font size in the unit of the coordinates.
        """
        for count in range(most, 1, -1):
            labels = [(number, f"{number:g}x") for number in ticks(self.low, self.high, count)]
            edges = [
                (self.x(number) - half, self.x(number) + half)
                for number, label in labels
                for half in [width(label) * em / 2]
            ]
            if all(a[1] < b[0] for a, b in pairwise(edges)):
                return labels
        return [(1.0, "1x")]


def range_of_ratios(ratios: Iterable[Ratio]) -> tuple[float, float]:
    """Return a range that contains every ratio and, if possible, every interval.

    The intervals extend the range of the ratios by a factor of at most two in each direction. Wider
    intervals are cut off, because they would squeeze all other intervals.
    """
    shown = list(ratios)
    low, high = range_of_values(ratio.value for ratio in shown)
    lows = [ratio.low for ratio in shown if math.isfinite(ratio.low)]
    highs = [ratio.high for ratio in shown if math.isfinite(ratio.high)]
    lowest, highest = min(lows, default=low) / _MARGIN, max(highs, default=high) * _MARGIN
    return min(low, max(lowest, low / 2)), max(high, min(highest, high * 2))


def range_of_values(values: Iterable[float]) -> tuple[float, float]:
    """Return a range that contains every value, and at least 5 percent on each side of 1."""
    shown = list(values)
    return min(*shown, 1 / _LEAST) / _MARGIN, max(*shown, _LEAST) * _MARGIN


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers in a range, as closely spaced as possible."""
    for series in _series(low, high):
        numbers = [value for value in series if low <= value <= high]
        if len(numbers) <= most:
            return numbers
    return [1.0]


def _series(low: float, high: float) -> Iterator[list[float]]:
    """Yield series of round numbers, from fine to coarse; each includes 1."""
    if high / low < 4:
        for step in _STEPS:
            first, last = int(low / step), math.ceil(high / step)
            yield [round(number * step, 2) for number in range(first, last + 1)]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for parts in _DECADES:
        yield [float(f"{part}e{decade}") for decade in range(first, last + 1) for part in parts]
    for apart in (2, 5, 10, 50):
        yield [float(f"1e{decade}") for decade in range(first - first % apart, last + 1, apart)]
