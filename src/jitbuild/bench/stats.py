"""What two arms come to: ratios of means with intervals, and what may be called a difference. Pure, and deterministic.

The unit is the process, not the value: values of one process share its memory layout and its hash seed, so they are not
independent of each other. A ratio is the mean of the first arm divided by that of the second, which is what `pyperf compare_to`
says as `faster` or `slower`; above 1 the second arm is faster.

Intervals are of 95 percent, by the usual linearisation of a ratio (Cochran, Sampling Techniques, 3rd ed., 6.4): where the n-th
processes of both arms ran in the same round, from the differences within each round, which takes out what drifts; else from
each arm's own spread (Welch). With few processes the quantiles of Student's t make them as wide as they have to be. A bootstrap
of five rounds would be too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median, variance
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Word = Literal["faster", "slower", "no difference", "not enough data"]

# The least that is ever called a difference: what another layout of the same program in memory can make (Mytkowicz et al.,
# Producing Wrong Data Without Doing Anything Obviously Wrong, ASPLOS 2009) is no matter of the JIT.
LEAST = 0.01
_FEWEST = 3
# Of so many rounds one may be left out.
_MANY = 10
_FAR, _FAR_DEVIATIONS = math.log1p(0.1), 8
# Two-sided 95 percent quantiles of Student's t for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A ratio with its interval. `word` is what it may be called; `noise` the share below which that is no difference."""

    value: float
    low: float
    high: float
    noise: float
    word: Word

    @property
    def shown(self) -> str:
        """`1.31x (1.27-1.35)`."""
        if self.word == "not enough data":
            return f"{self.value:.2f}x"
        return f"{self.value:.2f}x ({self.low:.2f}-{self.high:.2f})"

    def to_json(self) -> dict[str, Any]:
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return {
            "ratio": self.value,
            "interval": [self.low, self.high] if known else None,
            "noise": self.noise if math.isfinite(self.noise) else None,
            "result": self.word,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The values of one arm, process by process; seconds."""

    processes: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> list[float]:
        return [fmean(values) for values in self.processes]

    @property
    def mean(self) -> float:
        """Of all values, as pyperf has it."""
        return fmean([value for values in self.processes for value in values])

    @property
    def values(self) -> list[float]:
        return [value for values in self.processes for value in values]

    def without(self, rounds: Collection[int]) -> Sample:
        """But for some processes, counted from 0."""
        return Sample(
            processes=tuple(
                values for number, values in enumerate(self.processes) if number not in rounds
            )
        )


def compare(base: Sample, other: Sample, *, paired: bool, floor: float = 0.0) -> Ratio:
    """The ratio of two arms. `paired`: the n-th processes of both are of one round. `floor`: noise that was measured before."""
    value = base.mean / other.mean
    spread, freedom = _error([(base, other)], paired=paired)
    return _judged(value, spread, freedom, floor)


def geometric_mean(
    pairs: Sequence[tuple[Sample, Sample]], *, paired: bool, floor: float = 0.0
) -> Ratio:
    """The geometric mean of several benchmarks' ratios. Where they are paired, what a whole round has in common counts as one."""
    value = math.exp(fmean([math.log(base.mean / other.mean) for base, other in pairs]))
    spread, freedom = _error(pairs, paired=paired)
    return _judged(value, spread, freedom, floor)


def astray(base: Sample, other: Sample) -> frozenset[int]:
    """The rounds (from 0) that say nothing of the two arms: whose ratio is far from that of all others, one in ten at most.

    What lasts as long as a process, and happens to one of the two alone, no turns even out. Far is eight times the usual distance
    from the middle (the median absolute deviation, scaled to a standard deviation; NIST/SEMATECH e-Handbook, 1.3.5.17), and ten
    percent at least. Of fewer than ten rounds the usual distance is not known well enough.
    """
    logs = [math.log(one / two) for one, two in zip(base.means, other.means, strict=False)]
    if len(base.processes) != len(other.processes) or len(logs) < _MANY:
        return frozenset()
    middle = median(logs)
    away = [abs(each - middle) for each in logs]
    limit = max(_FAR, _FAR_DEVIATIONS * 1.4826 * median(away))
    farthest = sorted(
        (number for number, each in enumerate(away) if each > limit),
        key=lambda number: -away[number],
    )
    return frozenset(farthest[: len(logs) // _MANY])


def noise_floor(ratio: Ratio) -> float:
    """What an A/A comparison says of a machine: how far two equal things were apart, or could have been."""
    away = max(
        abs(math.log(edge))
        for edge in (ratio.value, ratio.low, ratio.high)
        if edge > 0 and math.isfinite(edge)
    )
    return math.expm1(away)


def t_quantile(freedom: float) -> float:
    """Of Student's t, two-sided, 95 percent; between whole degrees of freedom that of the smaller."""
    if freedom < 1:
        return math.inf
    return _T[int(freedom) - 1] if freedom < len(_T) + 1 else 1.96 + 2.5 / freedom


def _error(pairs: Sequence[tuple[Sample, Sample]], *, paired: bool) -> tuple[float, float]:
    """The standard error of the mean logarithm of the ratios, and its degrees of freedom."""
    counts = {len(sample.processes) for pair in pairs for sample in pair}
    if paired and min(counts) < _FEWEST:
        return math.inf, 0.0
    if (
        paired
        and len(counts) > 1
        and all(len(base.processes) == len(other.processes) for base, other in pairs)
    ):
        return _joined_error([_paired_error([pair]) for pair in pairs])
    return _paired_error(pairs) if paired and len(counts) == 1 else _own_error(pairs)


def _paired_error(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    count = len(pairs[0][0].processes)
    rounds = [
        fmean([base.means[n] / base.mean - other.means[n] / other.mean for base, other in pairs])
        for n in range(count)
    ]
    return math.sqrt(variance(rounds) / count), count - 1


def _joined_error(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of a mean of ratios that may have a round in common, and which, is not known any more: as if all went astray together."""
    return fmean([error for error, _ in parts]), min(freedom for _, freedom in parts)


def _own_error(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    parts = []
    for sample in (sample for pair in pairs for sample in pair):
        count = len(sample.processes)
        # One process cannot say how much others would differ; its values at least say how much they do.
        means = sample.means if count > 1 else sample.values
        if len(means) < 2:
            return math.inf, 0.0
        parts.append((variance(means) / len(means) / sample.mean**2, len(means) - 1))
    whole = math.fsum(part for part, _ in parts)
    # Welch and Satterthwaite.
    below = math.fsum(part**2 / freedom for part, freedom in parts)
    return math.sqrt(whole) / len(pairs), whole**2 / below if below else math.inf


def _judged(value: float, error: float, freedom: float, floor: float) -> Ratio:
    if freedom < _FEWEST - 1:
        return Ratio(
            value=value, low=math.nan, high=math.nan, noise=math.nan, word="not enough data"
        )
    half = t_quantile(freedom) * error
    low, high = value * math.exp(-half), value * math.exp(half)
    noise = max(math.expm1(half), floor, LEAST)
    word: Word = "no difference"
    if abs(math.log(value)) > math.log1p(noise):
        word = "faster" if value > 1 else "slower"
    return Ratio(value=value, low=low, high=high, noise=noise, word=word)
