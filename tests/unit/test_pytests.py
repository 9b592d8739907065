"""`jitbuild bench --pytest-benchmark`: one run of pytest as a step, what is made of its file, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from machine import one_by_one

from jitbuild.bench import plan, pyperf_files, report, scripts, session, stats
from jitbuild.bench import pytest_benchmark as pytests
from jitbuild.cli import bench_results, bench_subjects
from jitbuild.cli.main import main
from jitbuild.errors import MeasurementError, UsageError
from jitbuild.in_target import bench_pytest as _tests
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter

FUNCTION = {"name": "work", "file": "x.py", "line": 2, "executors": 1, "bytes": 4096}


def written(**means: float) -> dict:
    """What pytest-benchmark writes."""
    return {
        "machine_info": {"python_version": "3.15.2", "node": "here", "cpu": {}},
        "benchmarks": [
            {
                "name": name,
                "fullname": f"t.py::{name}",
                "stats": {"mean": mean, "rounds": 5, "iterations": 2, "data": [mean]},
            }
            for name, mean in means.items()
        ],
    }


class Pytest:
    """Stands for the interpreter with pytest: writes what pytest-benchmark and _tests.py would."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.specs: list[dict] = []
        self.means = {"0": {"test_a": 2.0, "test_b": 1.0}, "1": {"test_a": 1.0, "test_b": 1.0}}
        self.more: dict[str, dict] = {}
        self.code = {"0": 0, "1": 0}
        self.reaches = True

    def __call__(self, argv, /, *, env, log, timeout=None):
        mode = env["PYTHON_JIT"]
        spec = json.loads(Path(argv[-1]).read_text())
        self.asked.append((mode, list(argv)))
        self.specs.append(spec)
        target = next(
            Path(word.partition("=")[2])
            for word in spec["arguments"]
            if word.startswith("--benchmark-json=")
        )
        if self.means[mode]:
            target.write_text(json.dumps(written(**self.means[mode])))
        facts = {
            "switch": mode,
            "enabled": mode == "1" and self.reaches,
            "tracers": [],
            "functions": [FUNCTION],
            "failed": [],
        }
        if spec["look"]:
            facts["tests"] = {"t.py::test_a": [FUNCTION], "t.py::test_b": []}
        Path(spec["facts"]).write_text(json.dumps({**facts, **self.more.get(mode, {})}))
        log.write(b"1 error\n")
        return Completed(argv=tuple(argv), returncode=self.code[mode])


@pytest.fixture
def machine():
    return Pytest()


@pytest.fixture
def job(tmp_path):
    words = ("python", "-X", "dev", "-m", "pytest", "t.py", "--", "-x")
    return session.MeasurementSession(
        benchmarks=(plan.Benchmark(kind="pytest", name="pytest", words=words),),
        arms=plan.AB,
        counts=plan.SampleCounts(rounds=3, values=1, warmups=0, seconds=0.0),
        python=Path("/python"),
        env=lambda arm, _: {"PYTHON_JIT": "1" if arm.mode == "on" else "0"},
        folder=tmp_path / "session",
        diff="jitbuild diff 3.15 -- pytest",
    )


def run(job, machine):
    return session.run(
        job, reporter=SilentReporter(), recorder=machine, together=one_by_one, clock=lambda: 0.0
    )


def test_each_round_runs_it_once_in_each_mode_and_each_test_is_a_benchmark(job, machine):
    assert run(job, machine) == session.MeasurementOutcome(interrupted=None, resumed=0)
    assert [mode for mode, _ in machine.asked] == ["0", "1", "0", "1", "1", "0", "0", "1"]
    assert machine.asked[0][1][:4] == ["/python", "-X", "dev", str(scripts.PYTEST_RUN)]
    made = [pyperf_files.join(session.measured(job, arm)["pytest"], {}) for arm in job.arms]
    off, on = (pyperf_files.samples(suite) for suite in made)
    assert stats.compare(
        off["t.py::test_a"], on["t.py::test_a"], paired=True
    ).value == pytest.approx(2.0)
    assert {name: len(sample.processes) for name, sample in on.items()} == {
        "t.py::test_a": 3,
        "t.py::test_b": 3,
    }
    metadata = made[1].get_benchmark("t.py::test_a").get_metadata()
    assert (metadata["loops"], metadata["python_version"], metadata["hostname"]) == (
        2,
        "3.15.2",
        "here",
    )


def test_it_is_looked_at_after_each_test_in_the_trial_and_never_while_it_is_measured(job, machine):
    run(job, machine)
    assert [spec["look"] for spec in machine.specs] == [False, True, *[False] * 6]
    seen = session.seen(job, job.arms[1])
    assert {name: len(facts["functions"]) for name, facts in seen.items()} == {
        "t.py::test_a": 1,
        "t.py::test_b": 0,
    }
    assert [part.name for part in session.parts(job, job.benchmarks[0])] == [
        "t.py::test_a",
        "t.py::test_b",
    ]


def test_a_test_whose_code_another_had_compiled_is_not_said_to_have_none(job):
    function = report.CompiledFunction(name="work", file="x.py", line=2, executors=1, bytes=4096)
    some, none = report.JITInspection(compiled=(function,)), report.JITInspection(compiled=())
    assert bench_results._without_gain(job, {"a": some, "b": none}) == {"a", "b"}
    assert bench_results._without_gain(job, {"a": none, "b": none}) == frozenset()


@pytest.mark.parametrize(
    ("command", "arguments", "module"),
    [
        (["pytest", "b/"], ["b/", "--benchmark-json=F"], False),
        (
            ["-m", "pytest", "b/", "--benchmark-json=x"],
            ["b/", "--benchmark-json=x", "--benchmark-json=F"],
            True,
        ),
        (["python", "-mpytest", "--", "b/"], ["--benchmark-json=F", "--", "b/"], True),
        (["/venv/bin/pytest"], ["--benchmark-json=F"], False),
    ],
)
def test_the_command(command, arguments, module):
    spec = pytests.spec(command, Path("facts"), Path("F"), look=False)
    assert spec == {"arguments": arguments, "module": module, "facts": "facts", "look": False}


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"benchmarks": [{}]}', b'{"benchmarks": []}']
)
def test_what_measured_nothing(data):
    assert pytests.parse(data) == {}


def test_the_mode_must_reach_the_tests(job, machine):
    machine.reaches = False
    with pytest.raises(
        MeasurementError, match="The mode on did not reach the process that measured the tests"
    ):
        run(job, machine)


def test_a_test_that_fails_in_one_mode_is_named(job, machine):
    machine.code["1"] = 1
    machine.more["1"] = {
        "failed": [
            {"test": "t.py::test_b", "message": "assert 1 == 2"},
            {"test": "t.py::test_c", "message": "x"},
        ]
    }
    with pytest.raises(MeasurementError) as caught:
        run(job, machine)
    assert str(caught.value) == (
        "t.py::test_b fails with the JIT on, and so do 1 more:\n  t.py::test_b: assert 1 == 2\n  t.py::test_c: x\n"
        "See what differs, test by test, with: jitbuild diff 3.15 -- pytest"
    )


def test_nothing_that_was_measured_is_told_with_its_reason(job, machine):
    machine.means["0"] = {}
    machine.more["0"] = {"without": "--benchmark-skip and pytest-xdist (-n)"}
    with pytest.raises(
        MeasurementError, match=r"--benchmark-skip and pytest-xdist \(-n\) keeps it from it"
    ):
        run(job, machine)
    del machine.more["0"]
    with pytest.raises(
        MeasurementError, match="pytest measured nothing with the JIT off:\n  1 error"
    ):
        run(job, machine)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "there is no command of pytest's after `--`"),
        (["--", "x.py"], "there is no command of pytest's after `--`"),
        (["--values", "3", "--", "pytest"], "each process has one value of each test"),
        (["--suite", "pyperformance", "--", "pytest"], "--suite chooses from the suites"),
        (["--benchmarks", "lists", "--", "pytest"], "--benchmarks chooses from the suites"),
        (["--", "-E", "-m", "pytest"], "Under -E no mode reaches the program"),
    ],
)
def test_mistakes_of_usage(line, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    assert main(["bench", "3.15", "--pytest-benchmark", *line]) == 2
    assert said in capsys.readouterr().err


def test_an_environment_without_the_plugin():
    def runner(argv, /, **_):
        return Completed(argv=tuple(argv), returncode=0, stdout="pytest_benchmark\n")

    with pytest.raises(UsageError, match="The environment has no pytest-benchmark") as caught:
        bench_subjects._check_plugin(Path("/python"), runner)
    assert "--with pytest-benchmark" in str(caught.value)


# Inside the run


class Seen:
    """Stands for _seen.py: has more executors each time that it is asked."""

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


def said(nodeid: str, when: str = "call", why: str = "") -> SimpleNamespace:
    longrepr = SimpleNamespace(reprcrash=SimpleNamespace(message=why)) if why else None
    return SimpleNamespace(nodeid=nodeid, when=when, failed=bool(why), longrepr=longrepr)


def test_of_each_test_what_was_compiled_while_it_ran():
    plugin = _tests.Plugin(
        Seen({"a": 1, "runner": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, {"a": 2}), look=True
    )
    for number in range(3):
        plugin.pytest_runtest_logreport(said(f"t{number}", "setup"))
        plugin.pytest_runtest_logreport(said(f"t{number}"))
    facts = plugin.facts()
    assert {test: [each["name"] for each in found] for test, found in facts["tests"].items()} == {
        "t0": ["a"],
        "t1": ["b"],
        "t2": ["a"],
    }
    assert [each["name"] for each in facts["functions"]] == ["a"]


def test_what_failed_is_remembered_and_nothing_is_looked_at_while_it_is_measured():
    plugin = _tests.Plugin(Seen({}), look=False)
    plugin.pytest_runtest_logreport(said("t0"))
    plugin.pytest_runtest_logreport(said("t1", why="assert 1 == 2\n  more"))
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
    ("options", "why"),
    [
        ({}, ""),
        ({"benchmark_skip": True, "dist": "load"}, "--benchmark-skip and pytest-xdist (-n)"),
        ({"dist": "no"}, ""),
    ],
)
def test_what_keeps_pytest_benchmark_from_measuring(options, why):
    plugin = _tests.Plugin(Seen(), look=False)
    plugin.pytest_configure(SimpleNamespace(getoption=options.get))
    assert plugin.without == why
