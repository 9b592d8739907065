"""Decide if the time of a mode differs from that of the baseline. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, median, variance
from typing import TYPE_CHECKING, Any, Literal

from jitbuild.running import intervals
from jitbuild.running.intervals import MARGIN, MINIMUM_ROUNDS, Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.modes import Mode

TimingResult = Literal[Answer, "not compared"]

# In simulations of equal modes (normally distributed noise of 1 to 15 percent with outliers, 3 to
# 10 rounds), at most 0.4 percent of the comparisons reported a difference with these limits.
_NOISE_FACTOR = 3.0


# The results that the JSON key `speed`, which is older than `result`, does not tell apart.
_WITHIN_NOISE = frozenset({"no difference", "undecided"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeTiming:
    """The times of a mode and of the baseline, as medians in seconds.

    `noise` is the typical difference between two repeats of the same mode, divided by the
    baseline's median. `interval` is the 95 percent interval of the ratio, or None if the times are
    not compared. For an undecided result, `more_rounds` is about how many more rounds would decide,
    or None if that is not known.
    """

    mode: Mode
    seconds: float
    baseline_seconds: float
    noise: float
    result: TimingResult
    interval: tuple[float, float] | None = None
    more_rounds: int | None = None

    @property
    def ratio(self) -> float:
        """The time of the mode divided by that of the baseline."""
        return self.seconds / self.baseline_seconds

    def to_json(self) -> dict[str, Any]:
        """Return the timing as an element of `timings` in the JSON report."""
        return {
            "mode": self.mode,
            "seconds": round(self.seconds, 4),
            "baseline_seconds": round(self.baseline_seconds, 4),
            "ratio": round(self.ratio, 4),
            "noise": round(self.noise, 4),
            "speed": "within noise" if self.result in _WITHIN_NOISE else self.result,
            "result": self.result,
            "interval": self.interval and [round(edge, 4) for edge in self.interval],
            "more_repeats": self.more_rounds,
        }


def compare_times(
    mode: Mode, baseline: Sequence[float], other: Sequence[float], *, comparable: bool = True
) -> ModeTiming:
    """Compare the times of two modes, in seconds per round.

    The n-th values of `baseline` and `other` are from the same round. The noise of a mode is the
    median difference between two of its repeats; the noise of the comparison is the larger of both.

    With at least 3 rounds, a mode is faster or slower if the medians differ by more than 3 times
    the noise and by more than 2 percent, and at least four fifths of the rounds agree. Otherwise,
    there is no difference if the 95 percent interval of the ratio lies within 2 percent, and the
    mode is faster or slower if the 99 percent interval (running/intervals.py) lies beyond 1. If
    neither is true, the result is undecided. Pass `comparable=False` if the runs did not do the
    same work.
    """
    baseline_median, other_median = median(baseline), median(other)
    noise = max(_spread(baseline), _spread(other))
    threshold = max(_NOISE_FACTOR * noise, MARGIN * baseline_median)
    slower = other_median > baseline_median
    timing = ModeTiming(
        mode=mode,
        seconds=other_median,
        baseline_seconds=baseline_median,
        noise=noise / baseline_median,
        result="not compared",
    )
    if not comparable or min(len(baseline), len(other)) < MINIMUM_ROUNDS:
        return timing
    timing = _with_interval(timing, baseline, other)
    if abs(other_median - baseline_median) > threshold and _rounds_agree(
        baseline, other, slower=slower
    ):
        return replace(timing, result="slower" if slower else "faster", more_rounds=None)
    return timing


def _with_interval(
    timing: ModeTiming, baseline: Sequence[float], other: Sequence[float]
) -> ModeTiming:
    """Return the timing with the interval of its ratio, and what the interval decides.

    The interval is that of the mean log ratio of the rounds.
    """
    logs = [math.log(after / before) for before, after in zip(baseline, other, strict=True)]
    middle, rounds = fmean(logs), len(logs)
    error = math.sqrt(variance(logs) / rounds)
    half = intervals.t_quantile(rounds - 1) * error
    low, high = math.exp(middle - half), math.exp(middle + half)
    timing = replace(timing, interval=(low, high))
    if intervals.answer(low, high) == "no difference":
        return replace(timing, result="no difference")
    if abs(middle) > intervals.always_valid_quantile(rounds - 1) * error:
        return replace(timing, result="slower" if middle > 0 else "faster")
    more = intervals.more_rounds(math.exp(middle), half, rounds)
    fewest = intervals.MINIMUM_ALWAYS_VALID_ROUNDS - rounds
    return replace(timing, result="undecided", more_rounds=more and max(more, fewest))


def _spread(times: Sequence[float]) -> float:
    """Return the median of the differences between any two of `times`."""
    return median([abs(first - second) for first, second in combinations(times, 2)] or [0.0])


def _rounds_agree(baseline: Sequence[float], other: Sequence[float], *, slower: bool) -> bool:
    """Return whether `other` is slower (faster if not `slower`) in four fifths of the rounds."""
    pairs = zip(baseline, other, strict=True)
    agreeing = sum((after > before) == slower for before, after in pairs)
    return agreeing >= len(baseline) - len(baseline) // 5
