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
_TOO_FEW = f"that needs {MINIMUM_ROUNDS} repeats or more (--repeat {MINIMUM_ROUNDS})"

# Results that have the same value, "within noise", in the JSON key `speed`. That key is older than
# the key `result`.
_WITHIN_NOISE = frozenset({"no difference", "undecided"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeTiming:
    """The times of a mode and of the baseline, as medians in seconds.

    `noise` is the typical difference between two repeats of the same mode, divided by the
    baseline's median. `interval` is the 95 percent interval of the ratio, or None if the times are
    not compared. For an undecided result, `more_rounds` is about how many more rounds would decide,
    or None if that is not known. `reason` says why the times are not compared; it is empty if they
    are.
    """

    mode: Mode
    seconds: float
    baseline_seconds: float
    noise: float
    result: TimingResult
    interval: tuple[float, float] | None = None
    more_rounds: int | None = None
    reason: str = ""

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
            "reason": self.reason or None,
        }


def compare_times(
    mode: Mode, baseline: Sequence[float], other: Sequence[float], *, obstacle: str = ""
) -> ModeTiming:
    """Compare the times of two modes, in seconds per round.

    The n-th values of `baseline` and `other` are from the same round. The noise of a mode is the
    median difference between two of its repeats; the noise of the comparison is that of the noisier
    mode. The first condition that is met determines the result:

    - "not compared": there are fewer than 3 rounds, or `obstacle` is not empty: it says why the
      runs may not have done the same work.
    - "faster" or "slower": the medians differ by more than 3 times the noise and by more than 2
      percent, and at least four fifths of the rounds agree.
    - "no difference": the 95 percent interval of the ratio lies within 2 percent of 1.
    - "faster" or "slower": the 99 percent interval (running/intervals.py) excludes 1.
    - "undecided": none of these conditions is met.
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
    if obstacle:
        return replace(timing, reason=obstacle)
    if min(len(baseline), len(other)) < MINIMUM_ROUNDS:
        return replace(timing, reason=_TOO_FEW)
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
    deviation = error * math.sqrt(rounds)
    return replace(timing, result="undecided", more_rounds=_more_rounds(middle, deviation, rounds))


def _more_rounds(middle: float, deviation: float, rounds: int) -> int | None:
    """Return about how many more rounds would decide; None if more than a million are needed.

    `middle` is the mean log ratio of the rounds, and `deviation` its standard deviation. Each
    answer has its own interval, as in `compare_times`.
    """
    distance = abs(middle)
    within = math.log1p(MARGIN) - distance
    needed = (
        intervals.rounds_until(deviation, rounds, within, intervals.t_quantile),
        intervals.rounds_until(deviation, rounds, distance, intervals.always_valid_quantile),
    )
    return min((more for more in needed if more is not None), default=None)


def _spread(times: Sequence[float]) -> float:
    """Return the median of the differences between any two of `times`."""
    return median([abs(first - second) for first, second in combinations(times, 2)] or [0.0])


def _rounds_agree(baseline: Sequence[float], other: Sequence[float], *, slower: bool) -> bool:
    """Return True if at least four fifths of the rounds have the same direction.

    If `slower` is True, `other` must take longer than `baseline` in these rounds; otherwise it must
    not.
    """
    pairs = zip(baseline, other, strict=True)
    agreeing = sum((after > before) == slower for before, after in pairs)
    return agreeing >= len(baseline) - len(baseline) // 5
