"""Tests of the charts' axis and labels."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from jitbuild.bench.render.axis import Axis, range_of_ratios, ticks
from jitbuild.bench.render.labels import shorten, width
from jitbuild.bench.stats import Ratio


@pytest.mark.parametrize(
    ("low", "high", "most", "shown"),
    [
        (0.95, 1.05, 8, [0.96, 0.98, 1.0, 1.02, 1.04]),
        (0.92, 1.9, 8, [1.0, 1.2, 1.4, 1.6, 1.8]),
        (0.92, 1.9, 4, [1.0, 1.5]),
        (0.28, 5.3, 8, [0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0]),
        (0.28, 5.3, 4, [0.5, 1.0, 2.0, 5.0]),
        (0.001, 1000, 8, [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]),
        (1e-9, 1e9, 4, [1e-5, 1.0, 1e5]),
    ],
)
def test_ticks_are_round_numbers(low, high, most, shown):
    assert ticks(low, high, most) == shown


@pytest.mark.parametrize("most", [4, 8])
def test_every_axis_has_a_tick_at_one(most):
    for exponent in range(1, 60):
        low, high = 0.99 / 1.3**exponent, 1.01 * 1.4**exponent
        shown = ticks(low, high, most)
        assert 1.0 in shown
        assert len(shown) <= most
        assert shown == sorted(set(shown))


def ratio(value: float, low: float, high: float) -> Ratio:
    return Ratio(value=value, low=low, high=high, noise=0.1, result="faster")


def test_the_range_holds_every_ratio_and_both_sides_of_one():
    low, high = range_of_ratios([ratio(1.3, 1.25, 1.35)])
    assert low < 0.96
    assert high > 1.35
    unknown = ratio(0.5, math.nan, math.nan)
    low, high = range_of_ratios([ratio(1.3, 1.25, 1.35), unknown])
    assert 0.4 < low < 0.5


@pytest.mark.parametrize("edges", [(1e-9, 1e9), (0.0, math.inf)])
def test_a_very_wide_interval_is_cut_off(edges):
    low, high = range_of_ratios([ratio(1.3, 1.25, 1.35), ratio(1.1, *edges)])
    assert 0.45 < low < 1
    assert 1.35 < high < 2.8


@pytest.mark.parametrize(
    ("name", "ems", "shown"),
    [
        ("nbody", 9, "nbody"),
        ("aaaa", 4 * 0.65, "aaaa"),
        ("tests/test_x.py::test_y[first]", 9, "tests/t…y[first]"),
        ("W" * 9, 5, "WW…WW"),
        ("two\nlines\tof \x1b[31m", 20, "two lines of \N{REPLACEMENT CHARACTER}[31m"),
        ("half \ud800", 20, "half \N{REPLACEMENT CHARACTER}"),
        ("ベンチマーク", 6, "ベンチマーク"),
        ("ベンチマーク", 5, "ベン…ーク"),
    ],
)
def test_a_name_is_shortened_in_its_middle(name, ems, shown):
    assert shorten(name, ems) == shown


@pytest.mark.parametrize("letters", ["W", "i", "very_long_", "ベ", "Ab 1"])
def test_a_shortened_name_fits_its_width(letters):
    for ems in (5, 9.5, 20):
        assert ems * 0.7 < width(shorten(letters * 50, ems)) <= ems


def test_labels_of_ticks_do_not_overlap():
    for high in (1.01, 1.5, 20, 3e3, 3e5):
        axis = Axis(low=0.99 / high, high=high, left=100, right=300)
        labels = axis.ticks(8, em=12)
        for (left, left_text), (right, right_text) in pairwise(labels):
            room = axis.x(right) - axis.x(left)
            assert (width(left_text) + width(right_text)) * 12 / 2 < room
        assert "1x" in [text for _, text in labels]


def test_an_axis_without_room_has_only_a_tick_at_one():
    assert Axis(low=0.5, high=2, left=0, right=20).ticks(8, em=12) == [(1.0, "1x")]


def test_values_beyond_the_axis_are_drawn_at_its_edge():
    axis = Axis(low=0.5, high=2, left=100, right=300)
    assert [axis.x(value) for value in (0, 0.1, 1, 9, math.inf)] == [100, 100, 200, 300, 300]
