"""Compute confidence intervals of ratios, and say what an interval decides. Pure functions.

There are two kinds of intervals:

- The ordinary 95 percent interval, by the quantiles of Student's t. It is valid if the number of
  rounds was fixed before the measurement.
- The always valid 99 percent interval, for a measurement that computes its interval after each
  round and stops as soon as the interval decides. If the ordinary interval were used, each look at
  it would be another chance of a wrong answer. The always valid interval is wider: the probability
  that it ever excludes the true ratio, after any number of rounds, is at most 1 percent.

The always valid interval consists of the ratios that the sequential t-test of Lai does not reject
(On Confidence Sequences, Annals of Statistics 4, 1976). The test uses a Gaussian mixture over the
effect and the right Haar mixture over the unknown deviation (Wang and Ramdas, Anytime-Valid t-Tests
and Confidence Sequences for Gaussian Means with Unknown Variance, arXiv 2310.03722). The test
rejects when the likelihood ratio of the mixture exceeds 100. Let t be the t statistic of n rounds,
and g the variance of the effect, which is measured in units of the deviation. Then this likelihood
ratio is

    (1 + n g) ** -0.5  *  ((1 + t**2 / (n - 1)) / (1 + t**2 / (n - 1) / (1 + n g))) ** (n / 2)

and `always_valid_quantile` is the t for which this likelihood ratio equals 100.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

# The answer that an interval gives; "undecided" if the interval allows no other answer.
Answer = Literal["faster", "slower", "no difference", "undecided"]

# Differences up to this share do not count unless the user states another margin.
MARGIN = 0.02
# With fewer rounds, there is no interval, or it is too wide to be of use.
MINIMUM_ROUNDS = 3
MINIMUM_ALWAYS_VALID_ROUNDS = 5
_CONFIDENCE, _ALWAYS_VALID_CONFIDENCE = 0.95, 0.99
# The variance of the effect, which is measured in units of the deviation of one round. The interval
# is valid with any variance. With 5, it is nearly as narrow as possible after 5 to 20 rounds, and
# still narrow after 100.
_EFFECT_VARIANCE = 5.0
# Two-sided 95 percent quantiles of Student's t for 1 to 30 degrees of freedom
# (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
# An estimate beyond this number of rounds is of no use.
_MOST_ROUNDS = 1_000_000
_GROWTH = 1.05


def minimum_rounds(*, always_valid: bool) -> int:
    """Return the smallest number of rounds from which an interval is computed."""
    return MINIMUM_ALWAYS_VALID_ROUNDS if always_valid else MINIMUM_ROUNDS


def confidence(*, always_valid: bool) -> float:
    """Return the confidence of an interval as a share, such as 0.95."""
    return _ALWAYS_VALID_CONFIDENCE if always_valid else _CONFIDENCE


def t_quantile(freedom: float) -> float:
    """Return the two-sided 95 percent quantile of Student's t.

    `freedom` is the number of degrees of freedom. Below 1, the quantile is infinite. Below 31, it
    is taken from a table, in which `freedom` is rounded down. From 31 on, it is approximated.
    """
    if freedom < 1:
        return math.inf
    return _T[int(freedom) - 1] if freedom < len(_T) + 1 else 1.96 + 2.5 / freedom


def always_valid_quantile(freedom: float) -> float:
    """Return the quantile for the interval that may be looked at after each round.

    `freedom` is the number of rounds less one, as for `t_quantile`. With fewer than 5 rounds, the
    quantile is infinite.
    """
    rounds = math.floor(freedom) + 1
    if rounds < MINIMUM_ALWAYS_VALID_ROUNDS:
        return math.inf
    spread = 1 + rounds * _EFFECT_VARIANCE
    growth = (math.sqrt(spread) / (1 - _ALWAYS_VALID_CONFIDENCE)) ** (2 / rounds)
    return math.sqrt((rounds - 1) * (growth - 1) / (1 - growth / spread))


def answer(low: float, high: float, *, margin: float = MARGIN, floor: float = 0.0) -> Answer:
    """Return what the interval from `low` to `high` decides about a ratio.

    - "no difference": the whole interval lies within the margin around 1, or within the noise floor
      if the noise floor is larger. The interval may exclude 1: such a difference is too small to
      count.
    - "faster" or "slower": "no difference" does not apply, the whole interval lies on one side of
      1, and its middle (of the logarithms) is farther from 1 than the noise floor.
    - "undecided": anything else.

    `margin` and `floor` (the noise floor) are shares, such as 0.02.
    """
    counted = 1 + max(margin, floor)
    if 1 / counted <= low and high <= counted:
        return "no difference"
    middle = (math.log(low) + math.log(high)) / 2
    if (low > 1 or high < 1) and abs(middle) > math.log1p(floor):
        return "faster" if low > 1 else "slower"
    return "undecided"


def rounds_until(
    deviation: float, rounds: int, wanted: float, quantile: Callable[[float], float]
) -> int | None:
    """Return about how many rounds more than `rounds` make an interval narrow enough.

    `deviation` is the standard deviation of one round. The interval is narrow enough if half its
    width, which is `quantile` (t_quantile or always_valid_quantile) times the standard error, is at
    most `wanted`. Return None if more than about a million rounds would be needed.
    """
    needed = rounds + 1
    while not quantile(needed - 1) * deviation / math.sqrt(needed) <= wanted:
        needed = math.ceil(needed * _GROWTH)
        if needed > _MOST_ROUNDS:
            return None
    return needed - rounds
