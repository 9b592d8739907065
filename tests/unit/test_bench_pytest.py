"""Tests of the plugin that records what the JIT makes of a run of pytest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jitbuild.in_target import bench_pytest


class FakeExecutors:
    """A stand-in for bench_executors.py with other executors at each call."""

    def __init__(self, *times: dict[str, int]) -> None:
        self.times = list(times)

    def facts(self):
        executors = self.times.pop(0)
        functions = [
            {
                "module": "pytest_benchmark.fixture" if name == "runner" else "x",
                "file": "x.py",
                "name": name,
                "line": 1,
                "executors": n,
            }
            for name, n in executors.items()
        ]
        return {"enabled": True, "functions": functions}


def report(nodeid: str, when: str = "call", message: str = "") -> SimpleNamespace:
    longrepr = SimpleNamespace(reprcrash=SimpleNamespace(message=message)) if message else None
    return SimpleNamespace(nodeid=nodeid, when=when, failed=bool(message), longrepr=longrepr)


def test_each_test_is_recorded_with_the_functions_compiled_while_it_ran():
    plugin = bench_pytest.Plugin(
        FakeExecutors({"a": 1, "runner": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, {"a": 2}),
        inspect=True,
    )
    for number in range(3):
        plugin.pytest_runtest_logreport(report(f"t{number}", "setup"))
        plugin.pytest_runtest_logreport(report(f"t{number}"))
    facts = plugin.facts()
    assert {test: [row["name"] for row in rows] for test, rows in facts["tests"].items()} == {
        "t0": ["a"],
        "t1": ["b"],
        "t2": ["a"],
    }
    assert [row["name"] for row in facts["functions"]] == ["a"]


def test_failures_are_recorded_and_nothing_is_inspected_while_it_is_measured():
    plugin = bench_pytest.Plugin(FakeExecutors({}), inspect=False)
    plugin.pytest_runtest_logreport(report("t0"))
    plugin.pytest_runtest_logreport(report("t1", message="assert 1 == 2\n  more"))
    plugin.pytest_collectreport(
        SimpleNamespace(nodeid="t.py", failed=True, longrepr="x.py:1\nE   ImportError: y\n")
    )
    facts = plugin.facts()
    assert facts["failed"] == [
        {"test": "t1", "message": "assert 1 == 2"},
        {"test": "t.py", "message": "ImportError: y"},
    ]
    assert "tests" not in facts


@pytest.mark.parametrize(
    ("options", "obstacles"),
    [
        ({}, ""),
        ({"benchmark_skip": True, "dist": "load"}, "--benchmark-skip and pytest-xdist (-n)"),
        ({"dist": "no"}, ""),
    ],
)
def test_options_that_prevent_measuring_are_recorded(options, obstacles):
    plugin = bench_pytest.Plugin(FakeExecutors(), inspect=False)
    plugin.pytest_configure(SimpleNamespace(getoption=options.get))
    assert plugin.without == obstacles
