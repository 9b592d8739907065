"""Simulate measurements of a known ratio, each of which ends when its interval decides."""

from __future__ import annotations

import math
import random
from collections import Counter

from jitbuild.bench import stats
from jitbuild.bench.stats import ComparisonRule, Sample

LOOKS_FROM, MOST_ROUNDS = 5, 150
RULE = ComparisonRule(paired=True, always_valid=True)


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


NOISES = (plain, drift, bursts, levels, tails)
# Ratios, and the right answer for each.
RATIOS = ((1.0, "no difference"), (1 / 1.05, "slower"), (1.5, "faster"))


def answers_of(noise, ratio: float, measurements: int) -> Counter[str]:
    """Return how often each answer ends a measurement; the same in every run."""
    rng = random.Random(f"{noise.__name__} {ratio}")
    return Counter(measured(rng, noise, ratio) for _ in range(measurements))
