"""Tests of the JSON form of a report."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bench_fakes import report

from jitbuild.bench.report_json import to_json
from jitbuild.bench.stats import ComparisonRule


def test_a_report_has_the_documented_shape():
    data = to_json(report(1.5, 0.9))
    json.dumps(data, allow_nan=False)
    assert data["known_bugs"] == []
    assert (data["faster"], data["slower"], data["unchanged"]) == (1, 1, 0)
    assert data["benchmarks"][0]["ratio"] == pytest.approx(1.5)
    assert data["benchmarks"][0]["jit"] == {
        "executors": 2,
        "bytes": 4096,
        "functions": [
            {
                "name": "work",
                "file": "x.py",
                "line": 2,
                "executors": 2,
                "bytes": 4096,
                "library": "",
            }
        ],
        "hot_without": [{"name": "slow", "file": "x.py", "line": 9, "share": 0.4, "library": ""}],
    }
    json.dumps(to_json(report(1.5, rounds=1, comparison="again")), allow_nan=False)


def test_a_report_says_what_is_undecided_and_how_it_was_measured():
    data = to_json(report(1.5, 0.9))
    assert (data["undecided"], data["margin"]) == (0, 0.02)
    assert (data["until_decided"], data["confidence"]) == (False, 0.95)
    assert data["verdict"]["more_seconds"] is None
    assert data["verdict"]["more"] == ""
    assert data["verdict"]["advice"] is False
    rule = ComparisonRule(paired=True, always_valid=True, margin=0.05)
    measured = report(1.5, more_seconds=9.5, more="jitbuild bench 3.15 --resume")
    data = to_json(replace(measured, rule=rule))
    assert (data["until_decided"], data["confidence"], data["margin"]) == (True, 0.99, 0.05)
    assert data["verdict"]["more_seconds"] == 9.5
    assert data["verdict"]["more"] == "jitbuild bench 3.15 --resume"


@pytest.mark.parametrize(("signal", "complete"), [(None, True), (2, False)])
def test_an_interrupted_measurement_is_incomplete(signal, complete):
    assert to_json(report(1.5, interrupted_by=signal))["complete"] is complete


def test_an_a_a_comparison_has_a_noise_floor_if_there_is_enough_data():
    assert to_json(report(1.1, comparison="again"))["noise_floor"] == pytest.approx(0.1)
    assert to_json(report(1.1, rounds=1, comparison="again"))["noise_floor"] is None
    assert to_json(report(1.1))["noise_floor"] is None


def test_wrong_results_are_counted_where_no_difference_is_possible():
    assert to_json(report(1.0, 1.3, 0.8, comparison="again"))["wrong"] == 2
    assert to_json(report(1.0, 1.3))["wrong"] is None
