"""Times that are called slower or faster only if they differ by more than noise."""

import random

import pytest

from jitbuild.diff.compare_times import compare_times


@pytest.mark.parametrize(
    ("baseline", "other", "result"),
    [
        ([1.0, 1.01, 1.0], [0.6, 0.61, 0.6], "faster"),
        ([1.0, 1.01, 1.0], [1.5, 1.51, 1.52], "slower"),
        ([1.0, 1.01, 1.0], [1.01, 1.0, 1.01], "undecided"),
        ([1.0, 1.4, 1.2], [0.9, 1.3, 1.1], "undecided"),
        ([1.0, 1.0, 1.0], [1.015, 1.015, 1.015], "no difference"),
        ([1.0, 1.0], [0.5, 0.5], "not compared"),
        ([1.0], [0.5], "not compared"),
        # One disturbed round of five does not hide a change.
        ([1.0, 1.01, 1.0, 9.0, 1.0], [0.6, 0.61, 0.6, 0.6, 0.59], "faster"),
        # Two rounds of five disagree with the medians.
        ([1.0, 1.0, 1.0, 0.5, 0.5], [0.8, 0.8, 0.8, 0.8, 0.8], "undecided"),
        # Many rounds show a difference that is smaller than the noise of one of them.
        ([1.0, 1.2, 1.1, 0.9] * 4, [1.08, 1.28, 1.17, 0.96] * 4, "slower"),
        ([1.0, 1.01, 1.0] * 4, [1.01, 1.0, 1.0] * 4, "no difference"),
    ],
)
def test_a_change_is_claimed_only_beyond_noise(baseline, other, result):
    assert compare_times("on", baseline, other).result == result


def test_times_of_different_work_are_not_compared():
    timing = compare_times("on", [1.0] * 3, [0.5] * 3, obstacle="a worker crashed")
    assert (timing.result, timing.reason) == ("not compared", "a worker crashed")


@pytest.mark.parametrize(("repeats", "reason"), [(2, "that needs 3 repeats or more"), (3, None)])
def test_too_few_repeats_are_the_reason_why_times_are_not_compared(repeats, reason):
    data = compare_times("on", [1.0] * repeats, [0.5] * repeats).to_json()
    assert data["reason"] == (reason and f"{reason} (--repeat 3)")


def test_an_undecided_comparison_says_how_many_repeats_would_decide():
    timing = compare_times("on", [1.0, 1.05, 1.0], [1.03, 0.99, 1.04])
    assert timing.result == "undecided"
    assert 3 < timing.more_rounds < 80
    low, high = timing.interval
    assert low < 1.02 < high


def test_the_estimate_uses_the_interval_of_the_answer_that_it_predicts():
    """Student's interval nearly excludes 1, but "slower" needs the wider one."""
    rounds = (1.06, 1.02, 1.01, 1.12, 1.06)
    timing = compare_times("on", [1.0] * 5, rounds)
    assert (timing.result, timing.more_rounds) == ("undecided", 9)
    assert compare_times("on", [1.0] * 15, rounds * 3).result == "slower"
    assert compare_times("on", [1.0] * 10, rounds * 2).result == "undecided"


@pytest.mark.parametrize(
    ("other", "speed"), [(1.0, "within noise"), (1.5, "slower"), (0.5, "faster")]
)
def test_the_older_key_speed_keeps_its_values(other, speed):
    data = compare_times("on", [1.0] * 3, [other] * 3).to_json()
    assert data["speed"] == speed
    assert data["result"] == ("no difference" if other == 1.0 else speed)
    assert data["interval"] == [other, other]


def equal_modes(rng: random.Random, repeats: int) -> list[list[float]]:
    """Return the times of two equal modes with noise of 5 percent and rare disturbances."""
    return [
        [rng.gauss(1, 0.05) * (1.5 if rng.random() < 0.05 else 1) for _ in range(repeats)]
        for _ in range(2)
    ]


@pytest.mark.parametrize("repeats", [3, 5, 10, 30])
def test_equal_modes_are_rarely_called_different(repeats):
    rng = random.Random(repeats)
    results = [compare_times("on", *equal_modes(rng, repeats)).result for _ in range(500)]
    assert results.count("faster") + results.count("slower") <= 5
