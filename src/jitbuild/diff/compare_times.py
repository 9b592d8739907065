"""Decide if the time of a mode differs from that of the baseline by more than noise. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.modes import Mode

Speed = Literal["faster", "slower", "within noise", "not compared"]

MINIMUM_ROUNDS = 3
# In simulations of equal modes (normally distributed noise of 1 to 15 percent with outliers, 3 to
# 10 rounds), at most 0.4 percent of the comparisons reported a difference with these limits.
_NOISE_FACTOR = 3.0
_MINIMUM_CHANGE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeTiming:
    """The times of a mode and of the baseline, as medians in seconds.

    `noise` is the typical difference between two repeats of the same mode, divided by the
    baseline's median.
    """

    mode: Mode
    seconds: float
    baseline_seconds: float
    noise: float
    speed: Speed

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
            "speed": self.speed,
        }


def compare_times(
    mode: Mode, baseline: Sequence[float], other: Sequence[float], *, comparable: bool = True
) -> ModeTiming:
    """Compare the times of two modes, in seconds per round.

    The n-th values of `baseline` and `other` are from the same round. The noise of a mode is the
    median difference between two of its repeats; the noise of the comparison is the larger of both.

    A mode is reported as faster or slower only if there are at least 3 rounds, the medians differ
    by more than 3 times the noise and by more than 2 percent, and at least four fifths of the
    rounds agree. Pass `comparable=False` if the runs did not do the same work.
    """
    baseline_median, other_median = median(baseline), median(other)
    noise = max(_spread(baseline), _spread(other))
    threshold = max(_NOISE_FACTOR * noise, _MINIMUM_CHANGE * baseline_median)
    slower = other_median > baseline_median
    speed: Speed = "within noise"
    if not comparable or min(len(baseline), len(other)) < MINIMUM_ROUNDS:
        speed = "not compared"
    elif abs(other_median - baseline_median) > threshold and _rounds_agree(
        baseline, other, slower=slower
    ):
        speed = "slower" if slower else "faster"
    return ModeTiming(
        mode=mode,
        seconds=other_median,
        baseline_seconds=baseline_median,
        noise=noise / baseline_median,
        speed=speed,
    )


def _spread(times: Sequence[float]) -> float:
    """Return the median of the differences between any two of `times`."""
    return median([abs(first - second) for first, second in combinations(times, 2)] or [0.0])


def _rounds_agree(baseline: Sequence[float], other: Sequence[float], *, slower: bool) -> bool:
    """Return whether `other` is slower (faster if not `slower`) in four fifths of the rounds."""
    pairs = zip(baseline, other, strict=True)
    agreeing = sum((after > before) == slower for before, after in pairs)
    return agreeing >= len(baseline) - len(baseline) // 5
