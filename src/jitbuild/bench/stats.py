"""Ratios of two arms with confidence intervals, and the rule for calling one a difference.

Everything here is pure and deterministic.

The values of one process share its memory layout and its hash seed, so they are not independent.
Intervals are therefore computed from the means of processes. A ratio is the mean of all values of
the first arm divided by the mean of all values of the second, as in `pyperf compare_to`. If it is
above 1, the second arm is faster.

Intervals are 95 percent intervals, by the usual linearisation of a ratio (Cochran, Sampling
Techniques, 3rd ed., 6.4). If the n-th processes of both arms ran in the same round, the interval is
computed from the differences within each round, which removes drift. Otherwise it is computed from
the spread of each arm (Welch). With few processes, the quantiles of Student's t make the interval
as wide as necessary; a bootstrap of five rounds would make it too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median, variance
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Result = Literal["faster", "slower", "no difference", "not enough data"]

# Smaller differences (as shares) are never reported, because a different memory layout of the same
# program can cause them without any effect of the JIT (Mytkowicz et al., Producing Wrong Data
# Without Doing Anything Obviously Wrong, ASPLOS 2009).
SMALLEST_DIFFERENCE = 0.01
_MIN_ROUNDS = 3
# At most one round in this many rounds is left out as an outlier.
_ROUNDS_PER_OUTLIER = 10
_OUTLIER_DISTANCE, _OUTLIER_DEVIATIONS = math.log1p(0.1), 8
# The factor from a median absolute deviation to a standard deviation.
_MAD_TO_DEVIATION = 1.4826
# Two-sided 95 percent quantiles of Student's t for 1 to 30 degrees of freedom
# (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A ratio with its 95 percent interval.

    `noise` is the share up to which a deviation from 1 counts as no difference. `result` compares
    the second arm with the first.
    """

    value: float
    low: float
    high: float
    noise: float
    result: Result

    @property
    def interval_text(self) -> str:
        """The interval as text, such as `1.27-1.35`; empty without enough data."""
        return "" if self.result == "not enough data" else f"{self.low:.2f}-{self.high:.2f}"

    @property
    def text(self) -> str:
        """The ratio and its interval as text, such as `1.31x (1.27-1.35)`."""
        interval = self.interval_text
        return f"{self.value:.2f}x ({interval})" if interval else f"{self.value:.2f}x"

    def to_json(self) -> dict[str, Any]:
        """Return the four fields that the JSON report has for each ratio."""
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return {
            "ratio": self.value,
            "interval": [self.low, self.high] if known else None,
            "noise": self.noise if math.isfinite(self.noise) else None,
            "result": self.result,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The values of one arm, in seconds, grouped by process."""

    processes: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> list[float]:
        """The mean of each process."""
        return [fmean(values) for values in self.processes]

    @property
    def mean(self) -> float:
        """The mean of all values, as pyperf computes it."""
        return fmean(self.values)

    @property
    def values(self) -> list[float]:
        """All values, in the order in which they were measured."""
        return [value for values in self.processes for value in values]

    def without(self, rounds: Collection[int]) -> Sample:
        """Return the sample without the processes at these indices, counted from 0."""
        return Sample(
            processes=tuple(
                values for index, values in enumerate(self.processes) if index not in rounds
            )
        )


def compare(base: Sample, other: Sample, *, paired: bool, floor: float = 0.0) -> Ratio:
    """Return the ratio of two arms.

    `paired` is True if the n-th processes of both arms belong to the same round. `floor` is the
    noise floor that `--aa` measured, as a share.
    """
    value = base.mean / other.mean
    error, freedom = _standard_error([(base, other)], paired=paired)
    return _classify(value, error, freedom, floor)


def geometric_mean(
    pairs: Sequence[tuple[Sample, Sample]], *, paired: bool, floor: float = 0.0
) -> Ratio:
    """Return the geometric mean of the ratios of several benchmarks.

    `paired` and `floor` are as for `compare`. If the processes are paired, noise that affects all
    benchmarks of a round is counted only once.
    """
    value = math.exp(fmean([math.log(base.mean / other.mean) for base, other in pairs]))
    error, freedom = _standard_error(pairs, paired=paired)
    return _classify(value, error, freedom, floor)


def outliers(base: Sample, other: Sample) -> frozenset[int]:
    """Return the rounds, counted from 0, whose ratio is far from that of all others.

    Interleaving cannot even out a disturbance that lasts as long as a process and affects only one
    of the two. A round is an outlier if its ratio differs from the median by more than ten percent
    and by more than eight times the usual deviation of the rounds. The usual deviation is the
    median absolute deviation, scaled to a standard deviation (NIST/SEMATECH e-Handbook, 1.3.5.17).
    At most one round in ten is returned. With fewer than ten rounds, no round is returned, because
    the usual deviation is not known well enough.
    """
    logs = [math.log(one / two) for one, two in zip(base.means, other.means, strict=False)]
    if len(base.processes) != len(other.processes) or len(logs) < _ROUNDS_PER_OUTLIER:
        return frozenset()
    middle = median(logs)
    distances = [abs(log - middle) for log in logs]
    usual = _MAD_TO_DEVIATION * median(distances)
    limit = max(_OUTLIER_DISTANCE, _OUTLIER_DEVIATIONS * usual)
    farthest_first = sorted(
        (index for index, distance in enumerate(distances) if distance > limit),
        key=lambda index: -distances[index],
    )
    return frozenset(farthest_first[: len(logs) // _ROUNDS_PER_OUTLIER])


def noise_floor(ratio: Ratio) -> float:
    """Return the noise floor of a machine, as a share, from the ratio of off and off.

    The noise floor is the largest distance of the ratio and the ends of its interval from 1.
    """
    distance = max(
        abs(math.log(edge))
        for edge in (ratio.value, ratio.low, ratio.high)
        if edge > 0 and math.isfinite(edge)
    )
    return math.expm1(distance)


def t_quantile(freedom: float) -> float:
    """Return the two-sided 95 percent quantile of Student's t.

    Degrees of freedom between whole numbers are rounded down.
    """
    if freedom < 1:
        return math.inf
    return _T[int(freedom) - 1] if freedom < len(_T) + 1 else 1.96 + 2.5 / freedom


def _standard_error(pairs: Sequence[tuple[Sample, Sample]], *, paired: bool) -> tuple[float, float]:
    """Return the standard error of the mean log ratio, and its degrees of freedom."""
    counts = {len(sample.processes) for pair in pairs for sample in pair}
    if paired and min(counts) < _MIN_ROUNDS:
        return math.inf, 0.0
    if paired and len(counts) == 1:
        return _paired_error(pairs)
    if paired and all(len(base.processes) == len(other.processes) for base, other in pairs):
        return _joined_error([_paired_error([pair]) for pair in pairs])
    return _unpaired_error(pairs)


def _paired_error(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    count = len(pairs[0][0].processes)
    rounds = [
        fmean([base.means[n] / base.mean - other.means[n] / other.mean for base, other in pairs])
        for n in range(count)
    ]
    return math.sqrt(variance(rounds) / count), count - 1


def _joined_error(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Combine the errors of benchmarks with different numbers of rounds.

    The rounds that they have in common are not known, so their errors are assumed to be fully
    correlated, which is conservative.
    """
    return fmean([error for error, _ in parts]), min(freedom for _, freedom in parts)


def _unpaired_error(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    parts = []
    for sample in (sample for pair in pairs for sample in pair):
        # One process does not show how processes differ; use the spread of its values instead.
        means = sample.means if len(sample.processes) > 1 else sample.values
        if len(means) < 2:
            return math.inf, 0.0
        parts.append((variance(means) / len(means) / sample.mean**2, len(means) - 1))
    total = math.fsum(part for part, _ in parts)
    # The Welch-Satterthwaite equation.
    divisor = math.fsum(part**2 / freedom for part, freedom in parts)
    return math.sqrt(total) / len(pairs), total**2 / divisor if divisor else math.inf


def _classify(value: float, error: float, freedom: float, floor: float) -> Ratio:
    if freedom < _MIN_ROUNDS - 1:
        return Ratio(
            value=value, low=math.nan, high=math.nan, noise=math.nan, result="not enough data"
        )
    half = t_quantile(freedom) * error
    noise = max(math.expm1(half), floor, SMALLEST_DIFFERENCE)
    result: Result = "no difference"
    if abs(math.log(value)) > math.log1p(noise):
        result = "faster" if value > 1 else "slower"
    return Ratio(
        value=value,
        low=value * math.exp(-half),
        high=value * math.exp(half),
        noise=noise,
        result=result,
    )
