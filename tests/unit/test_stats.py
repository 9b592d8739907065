"""Tests of the statistics of a measurement: ratios, intervals, outliers and noise floors."""

from __future__ import annotations

import json
import math
import random

import pytest
from bench_fakes import sample

from jitbuild.bench import stats
from jitbuild.bench.stats import ComparisonRule, Sample
from jitbuild.running import intervals


def test_the_ratio_is_that_of_the_means_as_in_pyperf():
    off, on = Sample(processes=((2.0, 4.0), (3.0,))), Sample(processes=((1.0, 2.0), (1.5,)))
    assert stats.compare(off, on, ComparisonRule(paired=False)).value == pytest.approx(2.0)
    assert stats.compare(off, on, ComparisonRule(paired=False)).value == pytest.approx(
        off.mean / on.mean
    )


def test_an_interval_equals_the_one_computed_by_hand():
    # The rounds differ by +-0.01, so the standard error is 0.01 * sqrt(4/3) / 2; the quantile for
    # three degrees of freedom is 3.182.
    ratio = stats.compare(
        sample(1.01, 0.99, 1.01, 0.99), sample(1, 1, 1, 1), ComparisonRule(paired=True)
    )
    half = 3.182 * 0.01 * math.sqrt(4 / 3) / 2
    assert (ratio.low, ratio.high) == (
        pytest.approx(math.exp(-half)),
        pytest.approx(math.exp(half)),
    )
    assert ratio.result == "no difference"


def test_drift_that_a_round_has_in_common_does_not_count():
    drift = [1.0, 1.3, 0.9, 1.6, 1.1]
    off, on = sample(*drift), sample(*[value * 0.8 for value in drift])
    assert stats.compare(off, on, ComparisonRule(paired=True)).low == pytest.approx(1.25)
    assert stats.compare(off, on, ComparisonRule(paired=False)).result == "undecided"


@pytest.mark.parametrize("rounds", [1, 2])
def test_fewer_than_three_rounds_are_not_enough_data(rounds):
    ratio = stats.compare(
        sample(*[2.0] * rounds), sample(*[1.0] * rounds), ComparisonRule(paired=True)
    )
    assert ratio.result == "not enough data"
    assert ratio.to_json()["interval"] is None
    json.dumps(ratio.to_json(), allow_nan=False)


def test_benchmarks_with_unequal_rounds_have_a_mean():
    pairs = [
        (sample(2.0, 2.1, 2.0), sample(1.0, 1.0, 1.1)),
        (sample(2.0, 2.1, 2.0, 2.2), sample(1.0, 1.0, 1.1, 1.0)),
    ]
    assert stats.geometric_mean(pairs, ComparisonRule(paired=True)).result == "faster"
    fewer = [(sample(2.0, 2.1), sample(1.0, 1.0)), pairs[0]]
    assert stats.geometric_mean(fewer, ComparisonRule(paired=True)).result == "not enough data"


@pytest.mark.parametrize(
    ("ratio", "margin", "result"),
    [
        (1.019, 0.02, "no difference"),
        (1.021, 0.02, "faster"),
        (1 / 1.021, 0.02, "slower"),
        (1.005, 0.01, "no difference"),
        (1.005, 0.001, "faster"),
    ],
)
def test_a_difference_within_the_margin_does_not_count(ratio, margin, result):
    rule = ComparisonRule(paired=True, margin=margin)
    assert stats.compare(sample(*[ratio] * 9), sample(*[1.0] * 9), rule).result == result


def test_a_measured_noise_floor_is_taken_into_account():
    off, on = sample(*[1.05] * 5), sample(*[1.0] * 5)
    assert stats.compare(off, on, ComparisonRule(paired=True)).result == "faster"
    assert stats.compare(off, on, ComparisonRule(paired=True), floor=0.06).result == "no difference"


def simulated(rng: random.Random, slower: float, rounds: int) -> stats.Ratio:
    """Return the ratio on a machine with drift, 2% noise between processes, and rare outliers."""
    drift = [1 + 0.03 * number for number in range(rounds)]
    arms = []
    for factor in (1.0, slower):
        means = [
            value * factor * rng.gauss(1, 0.02) * (1.1 if rng.random() < 0.02 else 1)
            for value in drift
        ]
        arms.append(
            Sample(
                processes=tuple(
                    tuple(mean * rng.gauss(1, 0.01) for _ in range(4)) for mean in means
                )
            )
        )
    return stats.compare(*arms, ComparisonRule(paired=True))


@pytest.mark.parametrize("rounds", [5, 10])
def test_equal_arms_are_rarely_called_different(rounds):
    rng = random.Random(5)
    results = [simulated(rng, 1.0, rounds).result for _ in range(1000)]
    assert (results.count("faster") + results.count("slower")) / 1000 <= 0.05


def test_a_difference_of_five_percent_is_detected():
    rng = random.Random(6)
    results = [simulated(rng, 1.05, 10).result for _ in range(1000)]
    assert results.count("slower") / 1000 >= 0.9
    assert "faster" not in results


def test_the_interval_covers_the_true_ratio():
    rng = random.Random(7)
    inside = [
        ratio.low <= 1 / 1.05 <= ratio.high
        for ratio in (simulated(rng, 1.05, 5) for _ in range(1000))
    ]
    assert 0.93 <= sum(inside) / 1000 <= 0.99


def test_quantiles_fall_to_that_of_the_normal_distribution():
    quantiles = [
        intervals.t_quantile(freedom) for freedom in (1, 1.5, 2, 10, 30, 31, 100, math.inf)
    ]
    assert quantiles == sorted(quantiles, reverse=True)
    assert (quantiles[0], quantiles[-1]) == (12.706, 1.96)


def noisy(ratio: float, rounds: int, deviation: float = 0.06) -> tuple[Sample, Sample]:
    """Return two arms whose rounds are alternately above and below the ratio."""
    signs = [1 if number % 2 else -1 for number in range(rounds)]
    return sample(*[ratio * (1 + sign * deviation) for sign in signs]), sample(*[1.0] * rounds)


def test_an_arm_with_fewer_processes_does_not_make_the_interval_an_ordinary_one():
    base, other = noisy(1.06, 12)
    rule = ComparisonRule(paired=True, always_valid=True)
    ordinary = stats.compare(base, other.without({0}), ComparisonRule(paired=True))
    fewer = stats.compare(base, other.without({0}), rule)
    assert (ordinary.result, fewer.result) == ("faster", "undecided")
    # The ratio has Welch's error, and the quantile of the arm with fewer processes.
    error = math.log(ordinary.high / ordinary.value) / intervals.t_quantile(11)
    assert math.log(fewer.high / fewer.value) == pytest.approx(
        error * intervals.always_valid_quantile(10)
    )


@pytest.mark.parametrize(
    ("ratio", "floor"), [(1.0, 0.0), (1.03, 0.0), (1.01, 0.05), (1.04, 0.05), (1.051, 0.05)]
)
@pytest.mark.parametrize("always_valid", [True, False])
def test_the_estimated_rounds_decide_and_half_of_them_do_not(ratio, floor, always_valid):
    rule = ComparisonRule(paired=True, always_valid=always_valid)
    measured = stats.compare(*noisy(ratio, 10, 0.08), rule, floor=floor)
    assert measured.result == "undecided"
    more = measured.more_rounds
    assert stats.compare(*noisy(ratio, 10 + more + more % 2, 0.08), rule, floor=floor).is_decided
    if more > 3:
        half = more // 2 - more // 2 % 2
        assert not stats.compare(*noisy(ratio, 10 + half, 0.08), rule, floor=floor).is_decided


def test_the_estimate_of_unpaired_arms_counts_the_rounds_of_one_arm():
    rule = ComparisonRule(paired=False)
    more = stats.compare(*noisy(1.02, 10), rule).more_rounds
    other = sample(*[1.0] * 1000)
    assert stats.compare(noisy(1.02, 10)[0], other, rule).more_rounds == pytest.approx(more, abs=2)
    single = (Sample(processes=((1.0, 1.1, 0.9, 1.05),)),) * 2
    assert stats.compare(*single, rule).result == "undecided"
    assert stats.compare(*single, rule).more_rounds is None


def test_the_noise_floor_is_the_largest_possible_difference():
    ratio = stats.Ratio(value=1.01, low=0.97, high=1.05, noise=0.04, result="no difference")
    assert stats.noise_floor(ratio) == pytest.approx(0.05)


def rounds(*ratios: float, drift: float = 0.01) -> tuple[stats.Sample, stats.Sample]:
    """Return two arms with these ratios, on a machine that becomes slower."""
    base = [1.0 + drift * number for number in range(len(ratios))]
    return sample(*base), sample(*[one / ratio for one, ratio in zip(base, ratios, strict=True)])


@pytest.mark.parametrize(
    ("ratios", "out"),
    [
        ((*[1.3, 1.31, 1.29] * 3, 0.9), {9}),
        ((*[1.0, 1.01, 0.99] * 6, 0.67, 1.5), {18, 19}),
        # At most one in ten: the farthest.
        ((*[1.0] * 8, 1.5, 0.6), {9}),
        # Two of eleven are rare, but three of twelve are not.
        ((*[1.0, 1.01, 0.99] * 3, 1.2, 1.08), {9}),
        ((*[1.0, 1.01, 0.99] * 3, 1.2, 1.08, 0.92), set()),
        # All are far from each other.
        ((1.0, 1.2, 0.9, 1.4, 0.8, 1.1, 1.0, 1.3, 0.7, 1.0), set()),
        # Less than ten percent is not far, however quiet the machine is.
        ((*[1.0] * 9, 1.09), set()),
        # Too few rounds.
        ((*[1.0] * 8, 9.0), set()),
    ],
)
def test_a_round_far_from_all_others_is_an_outlier(ratios, out):
    assert stats.outliers(*rounds(*ratios)) == out


def test_rounds_that_remain_are_compared_round_by_round():
    first, second = rounds(*[1.0, 1.01, 0.99] * 3, 0.5)
    third, fourth = rounds(*[1.02, 1.0, 1.01] * 3, 0.99)
    out = stats.outliers(first, second)
    mean = stats.geometric_mean(
        [(first.without(out), second.without(out)), (third, fourth)], ComparisonRule(paired=True)
    )
    assert (mean.result, mean.noise) == ("no difference", pytest.approx(0.01, abs=0.01))
    assert (
        stats.geometric_mean([(first, second), (third, fourth)], ComparisonRule(paired=True)).noise
        > 0.08
    )
