"""Intervals of a ratio, what they decide, and how often a decision is wrong."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from jitbuild.bench import stats
from jitbuild.bench.stats import ComparisonRule, Sample
from jitbuild.running import intervals

LOOKS_FROM, MOST_ROUNDS = 5, 150
RULE = ComparisonRule(paired=True, always_valid=True)


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


def drift(rng: random.Random, rounds: int) -> float:
    """Noise of 2 percent on a machine that slows down, in alternation for and against an arm."""
    return rng.gauss(0, 0.02) + (0.01 if rounds % 2 else -0.01)


def bursts(rng: random.Random, rounds: int) -> float:
    """Little noise, but other work slows down one of the two processes in every tenth round."""
    return rng.gauss(0, 0.01) + (rng.choice((-0.3, 0.3)) if rng.random() < 0.1 else 0)


def levels(rng: random.Random, rounds: int) -> float:
    """A clock with two speeds: each process runs on one of them."""
    return rng.choice((0, 0, 0, 0.2)) - rng.choice((0, 0, 0, 0.2)) + rng.gauss(0, 0.01)


def tails(rng: random.Random, rounds: int) -> float:
    """Student's t with two degrees of freedom, whose variance is infinite."""
    return 0.02 * rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1, 1))


def plain(rng: random.Random, rounds: int) -> float:
    """Noise of 5 percent, as of commands on a busy machine."""
    return rng.gauss(0, 0.05)


def measured(rng: random.Random, noise, ratio: float) -> str:
    """Return the answer of a measurement that looks after each round and stops when it decides.

    As in `jitbuild bench`, outliers are left out before each look. The noise of a round affects one
    half of each arm, so it does not change the true ratio of the means.
    """
    halves = [math.exp(noise(rng, number) / 2) for number in range(MOST_ROUNDS)]
    base = [(half,) for half in halves]
    other = [(1 / half / ratio,) for half in halves]
    for rounds in range(LOOKS_FROM, MOST_ROUNDS + 1):
        arms = Sample(processes=tuple(base[:rounds])), Sample(processes=tuple(other[:rounds]))
        out = stats.outliers(*arms)
        answer = stats.compare(*(arm.without(out) for arm in arms), RULE).result
        if answer != "undecided":
            return answer
    return "undecided"


@pytest.mark.parametrize("noise", [plain, drift, bursts, levels, tails])
@pytest.mark.parametrize(
    ("ratio", "right"), [(1.0, "no difference"), (1 / 1.05, "slower"), (1.5, "faster")]
)
def test_an_answer_that_ends_the_measurement_is_rarely_wrong(noise, ratio, right):
    rng = random.Random(f"{noise.__name__} {ratio}")
    answers = Counter(measured(rng, noise, ratio) for _ in range(300))
    assert answers.total() - answers[right] - answers["undecided"] <= 3, answers


@pytest.mark.parametrize(
    ("noise", "ratio"), [(drift, 1.0), (drift, 1 / 1.05), (plain, 1 / 1.05), (tails, 1.5)]
)
def test_a_measurement_decides_if_there_is_time(noise, ratio):
    rng = random.Random(f"{noise.__name__} {ratio}")
    answers = Counter(measured(rng, noise, ratio) for _ in range(200))
    assert answers["undecided"] <= 10, answers
