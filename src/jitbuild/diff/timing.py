"""Slower or faster by more than noise. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.modes import Mode

Speed = Literal["faster", "slower", "within noise", "not compared"]

_FEWEST = 3
# In a simulation of equal modes, with normal noise of 1 to 15 percent and outliers, 3 rounds to 10: wrong in 0.4 percent at most.
_TIMES_NOISE = 3.0
_LEAST = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """How long a mode took beside the baseline: medians in seconds, and how much repeats of one mode differ (a share)."""

    mode: Mode
    seconds: float
    baseline_seconds: float
    noise: float
    speed: Speed

    @property
    def ratio(self) -> float:
        """How many times as long it took."""
        return self.seconds / self.baseline_seconds

    def to_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "seconds": round(self.seconds, 4),
            "baseline_seconds": round(self.baseline_seconds, 4),
            "ratio": round(self.ratio, 4),
            "noise": round(self.noise, 4),
            "speed": self.speed,
        }


def compare(
    mode: Mode, baseline: Sequence[float], other: Sequence[float], *, comparable: bool = True
) -> Timing:
    """Seconds of interleaved rounds, the n-th of both from the same round; not `comparable` when they did not do the same.

    The noise is the median difference between two repeats of one mode, of the noisier one. A difference of the medians is only
    claimed from 3 rounds on, when it is more than 3 times the noise, more than 2 percent, and nearly every round shows it.
    """
    usual, seen = median(baseline), median(other)
    noise = max(_spread(baseline), _spread(other))
    speed: Speed = "within noise"
    if not comparable or min(len(baseline), len(other)) < _FEWEST:
        speed = "not compared"
    elif abs(seen - usual) > max(_TIMES_NOISE * noise, _LEAST * usual) and _in_nearly_every_round(
        baseline, other, seen > usual
    ):
        speed = "slower" if seen > usual else "faster"
    return Timing(mode=mode, seconds=seen, baseline_seconds=usual, noise=noise / usual, speed=speed)


def _spread(times: Sequence[float]) -> float:
    return median([abs(one - two) for one, two in combinations(times, 2)] or [0.0])


def _in_nearly_every_round(baseline: Sequence[float], other: Sequence[float], slower: bool) -> bool:
    agreeing = sum(
        (after > before) == slower for before, after in zip(baseline, other, strict=True)
    )
    return agreeing >= len(baseline) - len(baseline) // 5
