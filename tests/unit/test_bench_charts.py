"""Tests of the charts: they are valid SVG, show every name, and explain their marks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from bench_samples import report_of

from jitbuild.bench.render import charts
from jitbuild.bench.render.labels import shorten
from jitbuild.bench.stats import Ratio

SVG = "{http://www.w3.org/2000/svg}"
CHARTS = [charts.ratio_chart, charts.value_chart]
TWO = {"nbody": 1.5, "lists": 0.9}


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def marks(svg: str, colour: str) -> str:
    """Return the paths of all marks of a colour."""
    paths = ET.fromstring(svg).iter(f"{SVG}path")
    return "".join(path.get("d", "") for path in paths if path.get("class") == f"mark {colour}")


@pytest.mark.parametrize("draw", CHARTS)
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(
    "name", ["$x$", "_x", "\x00\ud800", "<script>", '"><b>&amp;', "\N{ROCKET}", "x" * 300]
)
def test_any_name_is_shown(draw, narrow, name):
    report = report_of({name: 1.5, "lists": 0.9}, base=name, other=f"{name}2", comparison="files")
    svg = draw(report, narrow=narrow)
    svg.encode("utf-8")
    shown = texts(svg)
    assert shorten(name, 9.5 if narrow else 20) in shown
    assert any(text.startswith(shorten(name, 7 if narrow else 12)) for text in shown)


@pytest.mark.parametrize(
    ("draw", "label"),
    [(charts.ratio_chart, "Ratios of 2"), (charts.value_chart, "Every value of 2")],
)
def test_a_chart_has_an_accessible_name(draw, label):
    root = ET.fromstring(draw(report_of({'"><script>': 1.5, "lists": 0.9})))
    assert root.get("role") == "img"
    assert root.get("aria-label", "").startswith(f"{label} benchmarks")


def test_a_narrow_chart_has_half_the_width_and_nearly_the_same_letters():
    wide, narrow = (
        ET.fromstring(charts.ratio_chart(report_of(TWO), narrow=narrow)) for narrow in (False, True)
    )
    assert float(narrow.get("width", "")) <= float(wide.get("width", "")) / 2
    assert (wide.get("font-size"), narrow.get("font-size")) == ("13", "12")


def test_the_legend_explains_only_marks_that_occur():
    shown = texts(charts.ratio_chart(report_of({**TWO, "calls": 1.4})))
    assert {"faster", "slower", "95% interval"} <= {*shown}
    assert not {"no difference", "not enough data"} & {*shown}
    assert "not enough data" in texts(charts.ratio_chart(report_of({"nbody": 1.5}, rounds=2)))
    assert any("right of 1: on is faster" in text for text in shown)


def test_the_fastest_is_first_and_the_mean_last():
    shown = texts(charts.ratio_chart(report_of({"lists": 0.9, "in_c": 1.0, "nbody": 1.5})))
    names = [text for text in shown if text in {"nbody", "in_c", "lists", "geometric mean"}]
    assert names == ["nbody", "in_c", "lists", "geometric mean"]


def test_a_result_has_a_colour_and_a_shape():
    svg = charts.ratio_chart(report_of(TWO))
    assert marks(svg, "faster").count("z") == 2 + 1  # the legend, nbody and the mean
    assert marks(svg, "slower").count("z") == 2
    up, down = (re.sub(r"M[^l]*", "", marks(svg, colour))[:6] for colour in ("faster", "slower"))
    assert (up, down) == ("l5.5 1", "l5.5 -")


def test_an_interval_that_continues_beyond_the_axis_ends_in_arrows():
    report = report_of({"nbody": 1.5})
    ratio = Ratio(value=1.5, low=1e-9, high=1e9, noise=0.1, result="faster")
    wide = replace(report, rows=(replace(report.rows[0], ratio=ratio),))
    within, beyond = (
        marks(charts.ratio_chart(drawn), "faster").count("z") for drawn in (report, wide)
    )
    assert beyond == within + 2


def test_too_many_values_are_shown_by_process():
    few, many = report_of({"nbody": 1.5}, rounds=40), report_of({"nbody": 1.5}, rounds=41)
    points = [marks(charts.value_chart(report), "faster").count("M") for report in (few, many)]
    assert points == [80, 41]


def test_a_standalone_chart_has_a_title_a_description_and_a_background():
    root = ET.fromstring(charts.standalone(report_of({"nbody": 1.5})))
    assert root.findtext(f"{SVG}title") == "Ratios of 1 benchmark"
    assert (root.findtext(f"{SVG}desc") or "").startswith(
        "Ratios of 1 benchmark, 1 faster, 0 unchanged. Faster with the JIT on: 1.50x"
    )
    style = root.findtext(f"{SVG}style") or ""
    assert "background" in style
    assert "prefers-color-scheme:dark" in style


def test_equal_reports_give_equal_charts():
    assert charts.standalone(report_of(TWO)) == charts.standalone(report_of(TWO))


def test_very_many_values_take_no_quadratic_time():
    # If the mean were computed for every value, this would take minutes.
    assert "Every value of 1 benchmark" in charts.value_chart(report_of({"a": 1.5}, rounds=20_000))
