"""Tests of the HTML report."""

from __future__ import annotations

import re

from bench_samples import report_of, sample

from jitbuild.bench import stats
from jitbuild.bench.render.html import html


def test_the_verdict_is_first_and_the_warnings_follow():
    whole = html(
        report_of(
            {"nbody": 1.5, "lists": 0.9},
            warnings=("Beware.",),
            notes=("Note.",),
            again="jitbuild bench 3.15",
        )
    )
    parts = [
        "Faster with the JIT on",
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
    assert "How to repeat it" not in html(report_of({"nbody": 1.5}))
    assert 'class="warnings"' not in html(report_of({"nbody": 1.5}))


def test_the_table_is_ordered_like_the_chart_and_marks_each_result():
    whole = html(report_of({"lists": 0.9, "in_c": 1.0, "nbody": 1.5}))
    rows = re.findall(
        r'<th scope="row" class="name">(.*?)</th>.*?aria-hidden="true">(.)</span> (.*?)</td>', whole
    )
    mean = stats.geometric_mean(
        [(sample(1.0), sample(1 / value)) for value in (0.9, 1.0, 1.5)],
        stats.ComparisonRule(paired=True),
    )
    assert rows == [
        ("nbody", "▲", "faster"),
        ("in_c", "●", "no difference"),
        ("lists", "▼", "slower"),
        ("geometric mean", "▲", mean.result),
    ]


def test_names_that_no_file_can_hold_are_replaced():
    found = report_of(
        {"half \ud800": 1.5},
        about={"executable": "/x/\udcff"},
        again="jitbuild bench 3.15 -- \udcff '\n' \u202egnp",
    )
    whole = html(found).encode("utf-8").decode("utf-8")
    assert "half \N{REPLACEMENT CHARACTER}" in whole
    assert "-- \N{REPLACEMENT CHARACTER} &#x27;\n&#x27; \N{REPLACEMENT CHARACTER}gnp" in whole
