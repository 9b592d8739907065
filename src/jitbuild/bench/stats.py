"""Compute the ratios of two arms and their confidence intervals, and classify each ratio.

Everything here is pure and deterministic.

The values of one process share its memory layout and its hash seed, so they are not independent.
Intervals are therefore computed from the means of processes. A ratio is the mean of all values of
the first arm divided by the mean of all values of the second, as in `pyperf compare_to`. If it is
above 1, the second arm is faster.

Intervals follow the usual linearisation of a ratio (Cochran, Sampling Techniques, 3rd ed., 6.4). If
the number of rounds was fixed, they are 95 percent intervals. If the measurement continued until
its interval decided, they are always valid 99 percent intervals (running/intervals.py). If the n-th
processes of both arms ran in the same round, the interval is computed from the differences within
each round, which removes drift. Otherwise it is computed from the spread of each arm (Welch). With
few processes, the quantiles of Student's t make the interval as wide as necessary; a bootstrap of
five rounds would make the interval too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Literal

from jitbuild.running import intervals
from jitbuild.running.intervals import MARGIN, MINIMUM_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Result = Literal["faster", "slower", "no difference", "undecided", "not enough data"]

# Of this many rounds, at most one is left out as an outlier.
_ROUNDS_PER_OUTLIER = 10
# None is left out if more than one round in this many is farther than half the limit of outliers.
_ROUNDS_PER_FAR_ROUND = 5
_OUTLIER_DISTANCE, _OUTLIER_DEVIATIONS = math.log1p(0.1), 8
# The factor from a median absolute deviation to a standard deviation.
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A ratio with its interval.

    `noise` is half the width of the interval as a share, or the noise floor if the noise floor is
    larger. `counted` is the share up to which a difference does not count: the margin, or the noise
    floor if it is larger. `result` compares the second arm with the first. For an undecided ratio,
    `more_rounds` is about how many more rounds would decide; it is None if that is not known.
    """

    value: float
    low: float
    high: float
    noise: float
    result: Result
    counted: float = MARGIN
    more_rounds: int | None = None

    @property
    def is_decided(self) -> bool:
        """True if more rounds would not be of use."""
        return self.result not in {"undecided", "not enough data"}

    @property
    def interval_text(self) -> str:
        """The interval as text, such as `1.27-1.35`; empty without enough data.

        If two digits after the point would make the interval seem to contain 1 although it does
        not, the ends have three digits.
        """
        if self.result == "not enough data":
            return ""
        edges = [f"{edge:.2f}" for edge in (self.low, self.high)]
        if self.result in {"faster", "slower"} and "1.00" in edges:
            edges = [f"{edge:.3f}" for edge in (self.low, self.high)]
        return "-".join(edges)

    @property
    def text(self) -> str:
        """The ratio and its interval as text, such as `1.31x (1.27-1.35)`."""
        interval = self.interval_text
        return f"{self.value:.2f}x ({interval})" if interval else f"{self.value:.2f}x"

    def to_json(self) -> dict[str, Any]:
        """Return the five fields that the JSON report has for each ratio."""
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return {
            "ratio": self.value,
            "interval": [self.low, self.high] if known else None,
            "noise": self.noise if math.isfinite(self.noise) else None,
            "result": self.result,
            "more_rounds": self.more_rounds,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The values of one arm, in seconds, grouped by process."""

    processes: tuple[tuple[float, ...], ...]

    @property
    def means(self) -> list[float]:
        """The mean of each process."""
        return [math.fsum(values) / len(values) for values in self.processes]

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRule:
    """How samples are compared.

    `paired` is True if the n-th processes of both arms belong to the same round. If `always_valid`
    is True, the interval is one that may be looked at after each round. Differences up to the share
    `margin` do not count.
    """

    paired: bool
    always_valid: bool = False
    margin: float = MARGIN


def compare(base: Sample, other: Sample, rule: ComparisonRule, *, floor: float = 0.0) -> Ratio:
    """Return the ratio of two arms.

    `floor` is the noise floor that `--aa` measured, as a share.
    """
    return geometric_mean([(base, other)], rule, floor=floor)


def geometric_mean(
    pairs: Sequence[tuple[Sample, Sample]], rule: ComparisonRule, *, floor: float = 0.0
) -> Ratio:
    """Return the geometric mean of the ratios of several benchmarks.

    `floor` is as for `compare`. If the processes are paired, the rounds of all benchmarks with the
    same number are combined, so noise that affects all of them is counted only once.
    """
    value = math.exp(fmean([math.log(base.mean / other.mean) for base, other in pairs]))
    paired = rule.paired and all(
        len(base.processes) == len(other.processes) for base, other in pairs
    )
    error, freedom = _paired_error(pairs) if paired else _unpaired_error(pairs)
    rounds = min(len(sample.processes) for pair in pairs for sample in pair)
    return _classify(value, error, freedom, rounds, rule, floor)


def outliers(base: Sample, other: Sample) -> frozenset[int]:
    """Return the rounds, counted from 0, whose ratio is far from that of all others.

    Interleaving cannot even out a disturbance that lasts as long as a process and affects only one
    of the two processes of a round. A round is an outlier if its ratio differs from the median
    ratio by more than ten percent and by more than eight times the usual deviation of the rounds.
    The usual deviation is the median absolute deviation, scaled to a standard deviation
    (NIST/SEMATECH e-Handbook, 1.3.5.17). At most one round in ten is returned. With fewer than ten
    rounds, no round is returned, because the usual deviation is not known well enough. If more than
    one round in five differs by more than half the limit, no round is returned, because such rounds
    are then part of the usual noise: without the farthest of them, the interval would be too narrow
    and perhaps wrong.
    """
    logs = [math.log(one / two) for one, two in zip(base.means, other.means, strict=False)]
    if len(base.processes) != len(other.processes) or len(logs) < _ROUNDS_PER_OUTLIER:
        return frozenset()
    middle = median(logs)
    distances = [abs(log - middle) for log in logs]
    usual = _MAD_TO_DEVIATION * median(distances)
    limit = max(_OUTLIER_DISTANCE, _OUTLIER_DEVIATIONS * usual)
    if _ROUNDS_PER_FAR_ROUND * sum(distance > limit / 2 for distance in distances) > len(logs):
        return frozenset()
    farthest_first = sorted(
        (index for index, distance in enumerate(distances) if distance > limit),
        key=lambda index: -distances[index],
    )
    return frozenset(farthest_first[: len(logs) // _ROUNDS_PER_OUTLIER])


def noise_floor(ratio: Ratio) -> float:
    """Return the noise floor of a machine, as a share; `ratio` is that of off against off.

    The noise floor is the distance from 1 of the ratio, or of that end of its interval which is
    farthest from 1.
    """
    distance = max(
        abs(math.log(edge))
        for edge in (ratio.value, ratio.low, ratio.high)
        if edge > 0 and math.isfinite(edge)
    )
    return math.expm1(distance)


def _paired_error(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    """Return the standard error of the mean log ratio, and its degrees of freedom.

    Some benchmarks may have more rounds than others. Only the rounds that all benchmarks have are
    used. This is conservative, because the further rounds of some benchmarks make the mean more
    exact.
    """
    count = min(len(base.processes) for base, _ in pairs)
    if count < MINIMUM_ROUNDS:
        return math.inf, count - 1
    means = [(base.means, base.mean, other.means, other.mean) for base, other in pairs]
    rounds = [
        math.fsum(left[n] / base - right[n] / other for left, base, right, other in means)
        / len(pairs)
        for n in range(count)
    ]
    return math.sqrt(_variance(rounds) / count), count - 1


def _unpaired_error(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    """Return the standard error of the mean log ratio, and its degrees of freedom."""
    parts = []
    for sample in (sample for pair in pairs for sample in pair):
        # With only one process, the spread between processes is unknown; use the spread of its
        # values instead.
        means = sample.means if len(sample.processes) > 1 else sample.values
        if len(means) < 2:
            return math.inf, 0.0
        parts.append((_variance(means) / len(means) / sample.mean**2, len(means) - 1))
    total = math.fsum(part for part, _ in parts)
    # The Welch-Satterthwaite equation.
    divisor = math.fsum(part**2 / freedom for part, freedom in parts)
    return math.sqrt(total) / len(pairs), total**2 / divisor if divisor else math.inf


def _variance(values: Sequence[float]) -> float:
    """Return the variance of a sample; `values` are at least two.

    The function of the standard library computes with fractions. It takes ten times as long, and
    its result differs only in the last digits.
    """
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _classify(
    value: float, error: float, freedom: float, rounds: int, rule: ComparisonRule, floor: float
) -> Ratio:
    """Return the ratio with its interval and its result; `rounds` are those of the smaller arm.

    The interval that may be looked at after each round depends on the number of rounds only.
    """
    if rule.always_valid:
        freedom, quantile = rounds - 1, intervals.always_valid_quantile
    else:
        quantile = intervals.t_quantile
    counted = max(rule.margin, floor)
    if freedom < MINIMUM_ROUNDS - 1 or math.isinf(quantile(freedom)):
        nan = math.nan
        return Ratio(
            value=value, low=nan, high=nan, noise=nan, result="not enough data", counted=counted
        )
    half = quantile(freedom) * error
    low, high = value * math.exp(-half), value * math.exp(half)
    result = intervals.answer(low, high, margin=rule.margin, floor=floor)
    more_rounds = None
    if result == "undecided" and rounds >= MINIMUM_ROUNDS:
        deviation = error * math.sqrt(rounds)
        wanted = _wanted_half(value, counted, floor)
        more_rounds = intervals.rounds_until(deviation, rounds, wanted, quantile)
    return Ratio(
        value=value,
        low=low,
        high=high,
        noise=max(math.expm1(half), floor),
        result=result,
        counted=counted,
        more_rounds=more_rounds,
    )


def _wanted_half(value: float, counted: float, floor: float) -> float:
    """Return the largest half-width of an interval around log `value` that decides the result.

    An interval around a ratio within the noise floor cannot mean "faster" or "slower".
    """
    distance = abs(math.log(value))
    within = math.log1p(counted) - distance
    return max(within, distance) if distance > math.log1p(floor) else within
