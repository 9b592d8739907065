"""Durations and sizes as people read them."""

import pytest

from jitbuild.system.formatting import format_duration, format_size


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3600, "60 min 00 s"),
    ],
)
def test_a_duration_is_formatted(value, expected):
    assert format_duration(value) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (23_200_000, "23.2 MB"),
        (1_500_000_000, "1.5 GB"),
        (5_000_000_000_000_000, "5000.0 TB"),
    ],
)
def test_a_size_is_formatted(count, expected):
    assert format_size(count) == expected
