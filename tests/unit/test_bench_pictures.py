"""The charts and the page of `jitbuild bench`: axes, names that come from anywhere, and what stands where."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from jitbuild.bench import report, stats
from jitbuild.bench.render import axis as scale
from jitbuild.bench.render import html as page
from jitbuild.bench.render import svg as chart
from jitbuild.bench.stats import Ratio, Sample

SVG = "{http://www.w3.org/2000/svg}"


def sample(mean: float, rounds: int = 5) -> Sample:
    return Sample(processes=((mean, mean),) * rounds)


def made(ratios: dict[str, float], *, rounds: int = 5, **changes) -> report.BenchReport:
    base = dict.fromkeys(ratios, sample(1.0, rounds))
    other = {name: sample(1 / ratio, rounds) for name, ratio in ratios.items()}
    rows = report.compare_samples(base, other, paired=True, floors={})
    mean = report.mean_of(rows, paired=True)
    given = {
        "comparison": "modes",
        "base": "off",
        "other": "on",
        "about": {"version": "3.15.2"},
        **changes,
    }
    return report.BenchReport(rows=rows, mean=mean, **given)


def texts(drawn: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(drawn).iter(f"{SVG}text")]


# Axes


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
def test_round_numbers(low, high, most, shown):
    assert scale.ticks(low, high, most) == shown


@pytest.mark.parametrize("most", [4, 8])
def test_an_axis_always_has_its_one(most):
    for exponent in range(1, 60):
        low, high = 0.99 / 1.3**exponent, 1.01 * 1.4**exponent
        shown = scale.ticks(low, high, most)
        assert 1.0 in shown
        assert len(shown) <= most
        assert shown == sorted(set(shown))


def ratio(value: float, low: float, high: float) -> Ratio:
    return Ratio(value=value, low=low, high=high, noise=0.1, result="faster")


def test_an_axis_has_room_for_every_ratio_and_both_sides_of_one():
    low, high = scale.of_ratios([ratio(1.3, 1.25, 1.35)])
    assert low < 0.96
    assert high > 1.35
    unknown = ratio(0.5, math.nan, math.nan)
    low, high = scale.of_ratios([ratio(1.3, 1.25, 1.35), unknown])
    assert 0.4 < low < 0.5


@pytest.mark.parametrize("edges", [(1e-9, 1e9), (0.0, math.inf)])
def test_an_interval_that_says_nothing_does_not_hide_the_others(edges):
    low, high = scale.of_ratios([ratio(1.3, 1.25, 1.35), ratio(1.1, *edges)])
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
def test_a_name_fits(name, ems, shown):
    assert scale.short(name, ems) == shown


@pytest.mark.parametrize("letters", ["W", "i", "very_long_", "ベ", "Ab 1"])
def test_a_shortened_name_is_no_longer_than_was_said(letters):
    for ems in (5, 9.5, 20):
        assert ems * 0.7 < scale.width(scale.short(letters * 50, ems)) <= ems


@pytest.mark.usefixtures("matplotlib")
def test_no_letter_is_wider_than_it_is_taken_for():
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    measured = TextToPath().get_text_width_height_descent
    for letter in map(chr, range(33, 127)):
        wide, _, _ = measured(letter, FontProperties(family="DejaVu Sans", size=100), ismath=False)
        assert wide <= scale.width(letter) * 100, letter


# Charts


@pytest.mark.parametrize("draw", [chart.ratios, chart.distribution])
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(
    "name", ["$\\frac{$ $x$", "_x", "\x00\ud800", "<script>", "\N{ROCKET}", "x" * 300]
)
@pytest.mark.usefixtures("matplotlib")
def test_a_name_is_shown_whatever_it_is(draw, narrow, name):
    found = made({name: 1.5, "lists": 0.9}, base=name, other=f"{name}2", comparison="files")
    drawn = draw(found, narrow=narrow)
    drawn.encode("utf-8")
    shown = texts(drawn)
    assert scale.short(name, 9.5 if narrow else 20) in shown
    assert any(text.startswith(scale.short(name, 7 if narrow else 12)) for text in shown)


@pytest.mark.parametrize(
    ("draw", "label"), [(chart.ratios, "Ratios of 2"), (chart.distribution, "Every value of 2")]
)
@pytest.mark.usefixtures("matplotlib")
def test_a_chart_has_a_name_for_those_who_cannot_see_it(draw, label):
    root = ET.fromstring(draw(made({'"><script>': 1.5, "lists": 0.9})))
    assert root.get("role") == "img"
    assert root.get("aria-label", "").startswith(f"{label} benchmarks")


@pytest.mark.usefixtures("matplotlib")
def test_a_narrow_chart_has_letters_of_about_the_same_size_in_half_the_room():
    found = made({"nbody": 1.5, "lists": 0.9})
    wide, narrow = (ET.fromstring(chart.ratios(found, narrow=narrow)) for narrow in (False, True))
    assert (
        float(narrow.get("width", "").rstrip("pt"))
        < float(wide.get("width", "").rstrip("pt")) * 0.55
    )
    assert {
        re.search(r"font(?:-size)?: ([\d.]+)px", text.get("style", ""))[1]
        for text in narrow.iter(f"{SVG}text")
    } == {"9"}


@pytest.mark.usefixtures("matplotlib")
def test_the_legend_explains_what_occurs_and_nothing_else():
    shown = texts(chart.ratios(made({"nbody": 1.5, "lists": 0.9, "calls": 1.4})))
    assert {"faster", "slower", "95% interval"} <= {*shown}
    assert not {"no difference", "not enough data"} & {*shown}
    assert "not enough data" in texts(chart.ratios(made({"nbody": 1.5}, rounds=2)))
    assert any("right of 1: on is faster" in text for text in shown)


def test_the_persons_own_matplotlibrc_changes_nothing(matplotlib):
    found = made({"nbody": 1.5, "lists": 0.9})
    drawn = chart.ratios(found)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        assert chart.ratios(found) == drawn


@pytest.mark.usefixtures("matplotlib")
def test_more_values_than_can_be_told_apart_are_shown_by_process():
    few, many = made({"nbody": 1.5}, rounds=40), made({"nbody": 1.5}, rounds=41)
    points = [chart.distribution(found).count("<use ") for found in (few, many)]
    assert points[0] - points[1] == 2 * 80 - 2 * 41


@pytest.mark.usefixtures("matplotlib")
def test_a_chart_alone_has_a_title_and_a_ground_of_its_own():
    root = ET.fromstring(chart.svg(made({"nbody": 1.5})))
    assert (root.findtext(f"{SVG}title") or "").startswith(
        "Ratios of 1 benchmark, 1 faster, 0 unchanged. Turn it on: 1.50x"
    )
    assert "background" in (root.findtext(f"{SVG}style") or "")


# The page


@pytest.mark.usefixtures("matplotlib")
def test_the_verdict_comes_first_then_the_warnings():
    whole = page.html(
        made(
            {"nbody": 1.5, "lists": 0.9},
            warnings=("Beware.",),
            notes=("Note.",),
            again="jitbuild bench 3.15",
        )
    )
    parts = [
        "Turn it on",
        "Beware.",
        "<svg",
        "<table",
        "Every value",
        "Note.",
        "Machine and build",
        "How to repeat it",
    ]
    places = [whole.index(part) for part in parts]
    assert places == sorted(places)
    assert "How to repeat it" not in page.html(made({"nbody": 1.5}))
    assert 'class="warnings"' not in page.html(made({"nbody": 1.5}))


@pytest.mark.usefixtures("matplotlib")
def test_the_table_has_the_order_of_the_chart_and_a_mark_beside_each_word():
    whole = page.html(made({"lists": 0.9, "in_c": 1.0, "nbody": 1.5}))
    rows = re.findall(
        r'<th scope="row" class="name">(.*?)</th>.*?aria-hidden="true">(.)</span> (.*?)</td>', whole
    )
    mean = stats.geometric_mean(
        [(sample(1.0), sample(1 / value)) for value in (0.9, 1.0, 1.5)], paired=True
    )
    assert rows == [
        ("nbody", "▲", "faster"),
        ("in_c", "●", "no difference"),
        ("lists", "▼", "slower"),
        ("geometric mean", "▲", mean.result),
    ]


@pytest.mark.usefixtures("matplotlib")
def test_a_page_can_be_written_whatever_the_names_are():
    found = made(
        {"half \ud800": 1.5},
        about={"executable": "/x/\udcff"},
        again="jitbuild bench 3.15 -- \udcff '\n' \u202egnp",
    )
    whole = page.html(found).encode("utf-8").decode("utf-8")
    assert "half \N{REPLACEMENT CHARACTER}" in whole
    assert "-- \N{REPLACEMENT CHARACTER} &#x27;\n&#x27; \N{REPLACEMENT CHARACTER}gnp" in whole
