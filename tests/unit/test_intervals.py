"""Intervals of a ratio, what they decide, and how often a decision is wrong."""

from __future__ import annotations

import math

import pytest

from jitbuild.running import intervals
from simulated_measurements import NOISES, RATIOS, answers_of, drift, plain, tails


def test_the_always_valid_quantile_solves_its_equation():
    for rounds in (5, 8, 20, 100):
        t, spread = intervals.always_valid_quantile(rounds - 1), 1 + 5 * rounds
        square = t**2 / (rounds - 1)
        likelihood = spread**-0.5 * ((1 + square) / (1 + square / spread)) ** (rounds / 2)
        assert likelihood == pytest.approx(100)


def test_the_always_valid_interval_is_wider_than_the_ordinary_one():
    for rounds in range(5, 300):
        assert intervals.always_valid_quantile(rounds - 1) > intervals.t_quantile(rounds - 1)
    assert intervals.always_valid_quantile(3) == math.inf


@pytest.mark.parametrize(
    ("low", "high", "options", "answer"),
    [
        (1.27, 1.35, {}, "faster"),
        (1.001, 1.61, {}, "faster"),
        (0.8, 0.99, {}, "slower"),
        (0.99, 1.01, {}, "no difference"),
        # Beyond 1, but too small to count.
        (1.004, 1.012, {}, "no difference"),
        (1.004, 1.012, {"margin": 0.01}, "faster"),
        (1.004, 1.012, {"margin": 0.003}, "faster"),
        (0.97, 1.03, {}, "undecided"),
        (1.0, 1.61, {}, "undecided"),
        (0.97, 1.03, {"margin": 0.05}, "no difference"),
        # Within the noise floor that --aa measured, or not beyond it.
        (0.97, 1.03, {"floor": 0.05}, "no difference"),
        (1.01, 1.07, {"floor": 0.05}, "undecided"),
        (1.03, 1.12, {"floor": 0.05}, "faster"),
    ],
)
def test_an_interval_has_one_of_four_answers(low, high, options, answer):
    assert intervals.answer(low, high, **options) == answer


def test_the_rounds_that_are_still_needed():
    # With the noise of 10 rounds, half a width of 4 percent becomes 2 percent after 4 times as many
    # (a few less with Student's t, whose quantiles fall).
    ordinary, always_valid = intervals.t_quantile, intervals.always_valid_quantile

    def needed(half: float, wanted: float, quantile) -> int | None:
        deviation = half * math.sqrt(10) / quantile(9)
        return intervals.rounds_until(deviation, 10, wanted, quantile)

    assert needed(0.04, 0.02, ordinary) in range(22, 32)
    assert needed(0.04, 0.02, always_valid) in range(12, 32)
    assert needed(0.04, 0.01, ordinary) > needed(0.04, 0.02, ordinary)
    assert needed(0.2, 0.18, ordinary) < 5
    assert needed(40.0, 0.01, ordinary) is None
    assert needed(0.04, 0.0, ordinary) is None


def test_the_always_valid_interval_needs_at_least_five_rounds():
    assert intervals.rounds_until(0.001, 3, 0.02, intervals.always_valid_quantile) == 2
    assert intervals.rounds_until(0.0, 3, 0.02, intervals.always_valid_quantile) == 2


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("ratio", "right"), RATIOS)
def test_an_answer_that_ends_the_measurement_is_rarely_wrong(noise, ratio, right):
    # The integration suite simulates more measurements.
    answers = answers_of(noise, ratio, 100)
    assert answers.total() - answers[right] - answers["undecided"] <= 1, answers


@pytest.mark.parametrize(
    ("noise", "ratio"), [(drift, 1.0), (drift, 1 / 1.05), (plain, 1 / 1.05), (tails, 1.5)]
)
def test_a_measurement_decides_if_there_is_time(noise, ratio):
    assert answers_of(noise, ratio, 200)["undecided"] <= 10
