"""Tests of requests to measure: what contradicts itself, and the command lines that repeat one."""

from __future__ import annotations

from pathlib import Path

import pytest
import stores

from jitbuild.bench import plan, quick_suite
from jitbuild.bench.bench_request import BenchRequest
from jitbuild.bench.benchmark_choice import (
    requested_benchmarks,
    requested_counts,
    with_plain_command,
)
from jitbuild.bench.request_check import check_request
from jitbuild.bench.stopping import StoppingRule
from jitbuild.errors import UsageError
from jitbuild.request import Axes
from jitbuild.running.venvs import Requirements
from jitbuild.store.store import Store


def request(**fields):
    return BenchRequest(**{"spec": "3.15", "axes": Axes(), **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stmt": "f()", "command": ("x.py",)}, "cannot be combined"),
        ({"setup": "1"}, "--setup needs --stmt"),
        ({"benchmarks": ("lists",), "stmt": "x"}, "--benchmarks cannot be combined with a command"),
        (
            {"suite": "pyperformance", "command": ("x.py",)},
            "--suite cannot be combined with a command",
        ),
        ({"stmt": ""}, "The statement of --stmt does nothing"),
        ({"stmt": "pass"}, "does nothing"),
        ({"stmt": "# a comment"}, "does nothing"),
        ({"stmt": "1; 'text'; ..."}, "does nothing"),
        ({"command": ()}, "There is no command after `--`"),
        ({"command": ("-I", "x.py")}, "With -I, the interpreter ignores PYTHON_JIT"),
        ({"pytest_benchmark": True}, "needs a pytest command"),
        ({"pytest_benchmark": True, "command": ("x.py",)}, "needs a pytest command"),
        (
            {"pytest_benchmark": True, "command": ("pytest",), "values": 3},
            "each process has exactly one value per test",
        ),
        (
            {"pytest_benchmark": True, "command": ("pytest",), "suite": "pyperformance"},
            "--suite cannot be combined with a command",
        ),
        (
            {"pytest_benchmark": True, "command": ("-E", "-m", "pytest")},
            "With -E, the interpreter ignores PYTHON_JIT",
        ),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        check_request(request(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"command": ("x.py",)},
        {"stmt": "x", "setup": "2"},
        {"stmt": "# a comment\nx"},
        {"stmt": "only the interpreter can parse it"},
        {"pytest_benchmark": True, "command": ("pytest", "b/")},
        {"pytest_benchmark": True, "command": ("python3.15", "-m", "pytest", "b/")},
    ],
)
def test_other_requests_are_accepted(fields):
    check_request(request(**fields))


@pytest.mark.parametrize(
    ("fields", "kind", "names"),
    [
        ({}, "quick", list(quick_suite.PROGRAMS)),
        (
            {"suite": "quick", "benchmarks": ("lists", "calls", "lists")},
            "quick",
            ["lists", "calls"],
        ),
        ({"command": ("x.py",)}, "command", ["command"]),
        ({"stmt": "1"}, "stmt", ["stmt"]),
        ({"suite": "pyperformance"}, "suite", ["pyperformance"]),
        ({"pytest_benchmark": True, "command": ("pytest",)}, "pytest", ["pytest"]),
    ],
)
def test_a_request_names_benchmarks_of_one_kind(fields, kind, names):
    benchmarks = requested_benchmarks(request(**fields))
    assert {benchmark.kind for benchmark in benchmarks} == {kind}
    assert [benchmark.name for benchmark in benchmarks] == names


def test_a_command_that_names_the_series_of_the_interpreter_runs_it(tmp_path):
    interpreter = stores.put(Store(tmp_path), "3.15.2")
    wanted = request(pytest_benchmark=True, command=("python3.15", "-m", "pytest"))
    (benchmark,) = requested_benchmarks(wanted)
    assert with_plain_command(benchmark, interpreter).words == ("python", "-m", "pytest")
    (benchmark,) = requested_benchmarks(request(command=("python3.15", "x.py")))
    assert with_plain_command(benchmark, interpreter).words == ("python", "x.py")
    (benchmark,) = requested_benchmarks(
        request(pytest_benchmark=True, command=("python3.14", "-m", "pytest"))
    )
    with pytest.raises(UsageError, match="needs a pytest command"):
        with_plain_command(benchmark, interpreter)


def test_no_gain_is_expected_of_some_programs():
    benchmarks = requested_benchmarks(request(benchmarks=("lists", "in_c")))
    assert [benchmark.expects_gain for benchmark in benchmarks] == [True, False]


def test_an_unknown_program_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="'list' is not a program of the quick suite") as caught:
        requested_benchmarks(request(benchmarks=("list",)))
    assert "Did you mean lists?" in str(caught.value)


def test_numbers_of_the_request_replace_those_of_the_kind():
    (benchmark,) = requested_benchmarks(request(stmt="1"))
    counts = requested_counts(request(rounds=3), benchmark)
    assert (counts.rounds, counts.values) == (3, plan.DEFAULT_COUNTS["stmt"].values)
    assert requested_counts(request(values=7), benchmark).values == 7


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, ""),
        ({"off_against_off": True, "suite": "pyperformance"}, " --aa --suite pyperformance"),
        ({"benchmarks": ("math", "-nbody")}, " --benchmarks=math,-nbody"),
        (
            {"stmt": "x", "max_time": 90.0, "margin": 0.005},
            " --stmt x --max-time 90 --margin 0.5",
        ),
        (
            {"stmt": "x = 1", "setup": "y", "rounds": 3, "values": 2},
            " --stmt 'x = 1' --setup y --rounds 3 --values 2",
        ),
        (
            {
                "axes": Axes(profile="release"),
                "pytest_benchmark": True,
                "requirements": Requirements(["x"], [Path("r.txt")]),
                "command": ("pytest", "b c"),
            },
            " --profile=release --with x --requirements r.txt --pytest-benchmark -- pytest 'b c'",
        ),
    ],
)
def test_a_request_can_be_repeated(fields, options):
    assert request(**fields).repeat_command() == f"jitbuild bench 3.15{options}"


def test_the_command_that_continues_writes_the_same_files():
    wanted = request(
        timeout=9.5, profile_hot=True, output=Path("out"), html="r.html", svg="a b.svg"
    )
    assert wanted.repeat_command(resume=True) == (
        "jitbuild bench 3.15 --resume --timeout 9.5 --inspect --output out --html r.html "
        "--svg 'a b.svg'"
    )
    assert wanted.repeat_command(files=False) == "jitbuild bench 3.15 --timeout 9.5 --inspect"


def test_a_request_can_be_resumed_and_its_modes_compared():
    wanted = request(
        axes=Axes(jit="yes"), requirements=Requirements(["x"]), command=("x.py",), rounds=3
    )
    subject = "3.15 --jit=yes --with x"
    assert wanted.repeat_command(resume=True) == (
        f"jitbuild bench {subject} --resume --rounds 3 -- x.py"
    )
    assert wanted.diff_command() == f"jitbuild diff {subject} -- x.py"


def test_an_exact_number_of_rounds_replaces_the_measurement_until_a_decision():
    assert request(rounds=9).stopping_rule("stmt") == StoppingRule()
    assert request().stopping_rule("stmt") == StoppingRule(until_decided=True, seconds=300)
    assert request(max_time=7.0, margin=0.1).stopping_rule("quick") == StoppingRule(
        until_decided=True, seconds=7, strict=True, margin=0.1
    )


def test_the_command_that_continues_has_a_longer_limit():
    resumed = request(max_time=7.0).repeat_command(resume=True, max_time=50)
    assert resumed.endswith("--resume --max-time 50")
