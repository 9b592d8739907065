"""Tests of the script that runs pyperformance's scripts in the interpreter under test."""

from __future__ import annotations

import builtins
import json
import os
import runpy
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


class Turns:
    """An interleaving that counts the turns that are passed."""

    passed = 0

    def pass_turn(self):
        self.passed += 1


def measure_time(runner, name, measure, *args, **options):
    """Stand for pyperf: measure four loops."""
    return name, measure(4, *args), options


def test_a_value_of_the_script_itself_is_measured_in_one_turn():
    turns = Turns()
    measure = bench_suite.interleaved_methods(turns, measure_time=measure_time)["bench_time_func"]
    measured = measure(None, "a", lambda loops, unit: loops * unit, 0.5, inner_loops=3)
    assert measured == ("a", 2.0, {"inner_loops": 3})
    assert turns.passed == 1


def test_the_loops_of_a_function_are_spread_over_several_turns():
    turns, calls = Turns(), []
    measure = bench_suite.interleaved_methods(turns, measure_time=measure_time)["bench_func"]
    name, seconds, _ = measure(None, "a", calls.append, "x")
    assert (name, calls) == ("a", ["x"] * 4)
    assert seconds >= 0
    assert turns.passed > 1


def test_without_interleaving_the_methods_of_pyperf_stay():
    assert bench_suite.interleaved_methods(None) == {}


@pytest.fixture
def fresh():
    """Return the script as a process of its own would have it: nothing was measured yet."""
    return SimpleNamespace(**runpy.run_path(bench_suite.__file__))


def facts(*codes):
    return {"enabled": True, "functions": []}


EXECUTORS = SimpleNamespace(facts=facts)


def test_the_facts_of_each_task_have_a_file_of_their_own(fresh, tmp_path):
    fresh.write_facts(str(tmp_path / "facts.json"), 0, EXECUTORS, os.getpid())
    fresh.write_facts(str(tmp_path / "facts.json"), 2, EXECUTORS, os.getpid())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.2.json", "facts.json"]
    assert json.loads((tmp_path / "facts.json").read_text()) == {"enabled": True, "functions": []}


def test_a_child_that_the_script_forked_writes_no_facts(fresh, tmp_path):
    fresh.write_facts(str(tmp_path / "facts.json"), 0, EXECUTORS, os.getpid() + 1)
    assert list(tmp_path.iterdir()) == []


def test_of_a_command_no_functions_are_reported(fresh, tmp_path):
    def bench_command(runner, name, command):
        return None

    runner = SimpleNamespace(parse_args=lambda: SimpleNamespace(worker=True, loops=0))
    fresh.with_loops(bench_command, {})(runner, "startup", ["python"])
    fresh.write_facts(str(tmp_path / "facts.json"), 0, EXECUTORS, os.getpid())
    assert json.loads((tmp_path / "facts.json").read_text()) == {"enabled": True}
