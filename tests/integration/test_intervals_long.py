"""Count the wrong answers of many simulated measurements, for half a minute."""

from __future__ import annotations

import pytest

from simulated_measurements import NOISES, RATIOS, answers_of

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("ratio", "right"), RATIOS)
def test_at_most_one_answer_in_a_hundred_is_wrong(noise, ratio, right):
    answers = answers_of(noise, ratio, 600)
    assert answers.total() - answers[right] - answers["undecided"] <= 6, answers
