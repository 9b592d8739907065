"""What stands along a chart's axes: how far they reach, their round numbers, and names that fit. Pure, and without matplotlib.

The axes of ratios are logarithmic. Twice as fast and half as fast are equally far from 1 there, as they are in a geometric mean; on
a linear axis all that is slower is pressed together between 0 and 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jitbuild.bench.stats import Ratio

_LEAST = 1.05
_MARGIN = 1.04
# Of a letter, in ems: those of Chinese and most emoji take as much.
_WIDEST = 1.0
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_DECADES = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0,))


def of_ratios(ratios: Iterable[Ratio]) -> tuple[float, float]:
    """Room for every ratio. An interval may reach twice as far, but one that says nothing cannot hide the others."""
    found = list(ratios)
    low, high = of_values(ratio.value for ratio in found)
    lows = [ratio.low for ratio in found if math.isfinite(ratio.low)]
    highs = [ratio.high for ratio in found if math.isfinite(ratio.high)]
    lowest, highest = min(lows, default=low) / _MARGIN, max(highs, default=high) * _MARGIN
    return min(low, max(lowest, low / 2)), max(high, min(highest, high * 2))


def of_values(values: Iterable[float]) -> tuple[float, float]:
    """Room for every value, and for both sides of 1."""
    found = list(values)
    return min(*found, 1 / _LEAST) / _MARGIN, max(*found, _LEAST) * _MARGIN


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between both: the finest kind of which there are at most so many."""
    for kind in _kinds(low, high):
        found = [value for value in kind if low <= value <= high]
        if len(found) <= most:
            return found
    return [1.0]


def _kinds(low: float, high: float) -> Iterator[list[float]]:
    if high / low < 4:
        for step in _STEPS:
            yield [
                round(number * step, 2)
                for number in range(int(low / step), math.ceil(high / step) + 1)
            ]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for parts in _DECADES:
        yield [float(f"{part}e{decade}") for decade in range(first, last + 1) for part in parts]
    for apart in (2, 5, 10, 50):
        yield [float(f"1e{decade}") for decade in range(first - first % apart, last + 1, apart)]


def short(name: str, ems: float) -> str:
    """A name on one line of at most so many ems; a longer one without its middle, since names differ at their ends."""
    whole = plain(name)
    if width(whole) <= ems:
        return whole
    half = (ems - _WIDEST) / 2
    return f"{_taken(whole, half)}…{_taken(reversed(whole), half)[::-1]}"


def plain(text: str) -> str:
    """On one line, and without what no XML can hold: control characters and halves of surrogate pairs."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in " ".join(text.split())
    )


def width(text: str) -> float:
    """How many ems it takes at most in DejaVu Sans, than which few fonts are wider."""
    return sum(map(_ems, text))


def _ems(letter: str) -> float:
    if letter in "fijlrtI.,:;'|!()[]-/ ":
        return 0.42
    if letter.islower() or letter.isdecimal() or letter == "_":
        return _WIDEST if letter in "mw" else 0.65
    return _WIDEST if letter in "MW@%" or not letter.isascii() else 0.84


def _taken(letters: Iterable[str], ems: float) -> str:
    taken = ""
    for letter in letters:
        ems -= _ems(letter)
        if ems < 0:
            break
        taken += letter
    return taken
