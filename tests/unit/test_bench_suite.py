"""Tests of the script that runs pyperformance's scripts in the interpreter under test."""

from __future__ import annotations

import builtins
import json
import os
import sys
from types import SimpleNamespace

import pyperf
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


SCRIPT = """\
import json, sys
import pyperf
with open(SEEN, "w") as file:
    json.dump({
        "argv": sys.argv[1:], "folder": sys.path[0], "name": __name__, "file": __file__,
        "main": sys.modules["__main__"].__file__,
    }, file)
pyperf.Runner.bench_func(RUNNER, "a", None)
"""


@pytest.fixture
def own_process(monkeypatch):
    """Restore all that the script changes in its process, which is normally its own."""
    for name in ("bench_func", "bench_time_func", "bench_async_func", "bench_command", "timeit"):
        monkeypatch.setattr(pyperf.Runner, name, getattr(pyperf.Runner, name))
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv(bench_suite.SPEC_VARIABLE, "")
    return monkeypatch


def test_the_runner_runs_the_script_as_the_main_module_with_its_options(own_process, tmp_path):
    calls = []

    def bench_func(runner, name, function):
        calls.append((name, runner.parse_args().loops))

    own_process.setattr(pyperf.Runner, "bench_func", bench_func)
    script, seen = tmp_path / "suite" / "run_benchmark.py", tmp_path / "seen.json"
    script.parent.mkdir()
    arguments = SimpleNamespace(worker=False, loops=0)
    own_process.setattr(
        builtins, "RUNNER", SimpleNamespace(parse_args=lambda: arguments), raising=False
    )
    script.write_text(f"SEEN = {str(seen)!r}\n{SCRIPT}")
    spec = tmp_path / "spec.json"
    spec.write_text(
        json.dumps({"script": str(script), "options": ["--n", "5"], "loops": {"a": 8}, "facts": ""})
    )
    own_process.setattr(sys, "argv", ["bench_suite.py", "--spec", str(spec), "-p", "3"])
    bench_suite.main()
    assert json.loads(seen.read_text()) == {
        "argv": ["--n", "5", "-p", "3"],
        "folder": str(script.parent),
        "name": "__main__",
        "file": str(script),
        "main": str(script),
    }
    assert os.environ[bench_suite.SPEC_VARIABLE] == str(spec)
    assert calls == [("a", 8)]
