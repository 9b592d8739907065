"""Times that are called slower or faster only if they differ by more than noise."""

import pytest

from jitbuild.diff.compare_times import compare_times


@pytest.mark.parametrize(
    ("baseline", "other", "speed"),
    [
        ([1.0, 1.01, 1.0], [0.6, 0.61, 0.6], "faster"),
        ([1.0, 1.01, 1.0], [1.5, 1.51, 1.52], "slower"),
        ([1.0, 1.01, 1.0], [1.01, 1.0, 1.01], "within noise"),
        ([1.0, 1.4, 1.2], [0.9, 1.3, 1.1], "within noise"),
        ([1.0, 1.0, 1.0], [1.015, 1.015, 1.015], "within noise"),
        ([1.0, 1.0], [0.5, 0.5], "not compared"),
        ([1.0], [0.5], "not compared"),
        # One disturbed round of five does not hide a change.
        ([1.0, 1.01, 1.0, 9.0, 1.0], [0.6, 0.61, 0.6, 0.6, 0.59], "faster"),
        # Two rounds of five disagree with the medians.
        ([1.0, 1.0, 1.0, 0.5, 0.5], [0.8, 0.8, 0.8, 0.8, 0.8], "within noise"),
    ],
)
def test_a_change_is_claimed_only_beyond_noise(baseline, other, speed):
    assert compare_times("on", baseline, other).speed == speed


def test_times_of_different_work_are_not_compared():
    assert compare_times("on", [1.0] * 3, [0.5] * 3, comparable=False).speed == "not compared"
