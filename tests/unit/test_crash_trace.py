"""Tracebacks of faulthandler in the output of a crashed process."""

import pytest
from diff_samples import CRASH_OUTPUT

from jitbuild.diff.crash_trace import find_trace, shorten_trace


def test_a_trace_has_the_frames_of_its_thread():
    trace = find_trace(CRASH_OUTPUT)
    assert trace[0] == "Fatal Python error: Segmentation fault"
    assert len(trace) == 5
    assert shorten_trace(trace)[-1].endswith("in test_crash")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [([], ()), (["fine"], ()), (CRASH_OUTPUT[:3], ("Fatal Python error: Segmentation fault",))],
)
def test_an_incomplete_trace_is_returned_as_far_as_it_goes(lines, expected):
    assert find_trace(lines) == expected


def test_a_long_trace_is_shortened_to_twelve_lines():
    assert shorten_trace(["x"] * 20)[-1] == "  ... 8 more"
