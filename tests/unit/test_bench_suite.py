"""Tests of the script that runs pyperformance's scripts in the interpreter under test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jitbuild.bench import plan
from jitbuild.in_target import bench_suite


def test_host_and_worker_agree_on_the_variable():
    assert bench_suite.SPEC_VARIABLE == plan.SPEC_VARIABLE


def test_a_runner_takes_the_known_loops_of_each_thing_that_it_measures():
    measured_with = []

    class Runner:
        def __init__(self, worker):
            self.args = SimpleNamespace(worker=worker, loops=0)

        def parse_args(self):
            return self.args

        def bench_func(self, name, function):
            measured_with.append((name, self.args.loops))

    measured = bench_suite.with_loops(Runner.bench_func, {"a": 4, "b": 8})
    manager, worker = Runner(worker=False), Runner(worker=True)
    measured(manager, "a", None)
    measured(manager, "b", None)
    measured(worker, "a", None)
    assert measured_with == [("a", 4), ("b", 8), ("a", 0)]


def test_something_that_was_not_measured_in_the_trial_is_refused():
    runner = SimpleNamespace(parse_args=lambda: SimpleNamespace(worker=False, loops=0))
    measure = bench_suite.with_loops(lambda runner, name: None, {"a": 4})
    with pytest.raises(LookupError, match="b was not measured in the trial"):
        measure(runner, "b")
