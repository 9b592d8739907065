"""Tests of the quick suite's programs, and of what host and workers must agree on."""

from __future__ import annotations

import pytest

from jitbuild.bench import quick_suite
from jitbuild.in_target.bench_programs import PROGRAMS, WrongResultError, _check


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_each_program_returns_its_result(name):
    PROGRAMS[name]()


def test_a_wrong_result_is_refused():
    with pytest.raises(WrongResultError, match="lists: 1 instead of 2"):
        _check("lists", 1, 2)


def test_host_and_workers_agree_on_the_programs():
    assert tuple(PROGRAMS) == quick_suite.PROGRAMS
    assert {*PROGRAMS} > quick_suite.WITHOUT_GAIN
