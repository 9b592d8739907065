"""Tests of `jitbuild bench --pytest-benchmark`: a run of pytest as a step, and its failures."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from bench_fakes import effects, session

from jitbuild.bench import (
    plan,
    pyperf_files,
    pytest_benchmark,
    scripts,
    session_results,
    stats,
    worker_facts,
)
from jitbuild.bench.rounds import MeasurementOutcome, measure_rounds
from jitbuild.errors import MeasurementError
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter

FUNCTION = {"name": "work", "file": "x.py", "line": 2, "executors": 1, "bytes": 4096}


def benchmark_json(**means: float) -> dict:
    """Return what pytest-benchmark writes."""
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


class FakePytest:
    """A recorder that writes what pytest-benchmark and bench_pytest.py would."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []
        self.specs: list[dict] = []
        self.means = {"0": {"test_a": 2.0, "test_b": 1.0}, "1": {"test_a": 1.0, "test_b": 1.0}}
        self.more: dict[str, dict] = {}
        self.code = {"0": 0, "1": 0}
        self.reaches = True

    def __call__(self, argv, /, *, env, log, timeout=None):
        mode = env["PYTHON_JIT"]
        spec = json.loads(Path(argv[-1]).read_text())
        self.calls.append((mode, list(argv)))
        self.specs.append(spec)
        target = next(
            Path(word.partition("=")[2])
            for word in spec["arguments"]
            if word.startswith("--benchmark-json=")
        )
        if self.means[mode]:
            target.write_text(json.dumps(benchmark_json(**self.means[mode])))
        facts = {
            "switch": mode,
            "enabled": mode == "1" and self.reaches,
            "tracers": [],
            "functions": [FUNCTION],
            "failed": [],
        }
        if spec["inspect"]:
            facts["tests"] = {"t.py::test_a": [FUNCTION], "t.py::test_b": []}
        Path(spec["facts"]).write_text(json.dumps({**facts, **self.more.get(mode, {})}))
        log.write(b"1 error\n")
        return Completed(argv=tuple(argv), returncode=self.code[mode])


@pytest.fixture
def pytests():
    return FakePytest()


@pytest.fixture
def job(tmp_path):
    words = ("python", "-X", "dev", "-m", "pytest", "t.py", "--", "-x")
    return session(
        tmp_path / "session",
        benchmarks=(plan.Benchmark(kind="pytest", name="pytest", words=words),),
        counts=plan.SampleCounts(rounds=3, values=1, warmups=0, seconds=0.0),
        diff_command="jitbuild diff 3.15 -- pytest",
    )


def run(job, pytests):
    return measure_rounds(job, reporter=SilentReporter(), effects=effects(pytests))


def test_each_round_runs_pytest_once_in_each_mode_and_each_test_is_a_benchmark(job, pytests):
    assert run(job, pytests) == MeasurementOutcome(interrupted_by=None, resumed=0)
    assert [mode for mode, _ in pytests.calls] == ["0", "1", "0", "1", "1", "0", "0", "1"]
    assert pytests.calls[0][1][:4] == ["/python", "-X", "dev", str(scripts.PYTEST_RUN)]
    suites = [
        pyperf_files.join(session_results.measured_files(job, arm)["pytest"], {})
        for arm in job.arms
    ]
    off, on = (pyperf_files.samples(suite) for suite in suites)
    assert stats.compare(
        off["t.py::test_a"], on["t.py::test_a"], stats.ComparisonRule(paired=True)
    ).value == pytest.approx(2.0)
    assert {name: len(sample.processes) for name, sample in on.items()} == {
        "t.py::test_a": 3,
        "t.py::test_b": 3,
    }
    metadata = suites[1].get_benchmark("t.py::test_a").get_metadata()
    assert (metadata["loops"], metadata["python_version"], metadata["hostname"]) == (
        2,
        "3.15.2",
        "here",
    )


def test_tests_are_inspected_in_the_trial_and_never_while_they_are_measured(job, pytests):
    run(job, pytests)
    assert [spec["inspect"] for spec in pytests.specs] == [False, True, *[False] * 6]
    seen = worker_facts.facts_of_arm(job, job.arms[1])
    assert {name: len(facts["functions"]) for name, facts in seen.items()} == {
        "t.py::test_a": 1,
        "t.py::test_b": 0,
    }
    assert [part.name for part in session_results.parts_of(job, job.benchmarks[0])] == [
        "t.py::test_a",
        "t.py::test_b",
    ]


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
def test_the_file_option_comes_last_and_a_module_is_recognized(command, arguments, module):
    spec = pytest_benchmark.spec(command, Path("facts"), Path("F"), inspect=False)
    assert spec == {"arguments": arguments, "module": module, "facts": "facts", "inspect": False}


TIMES = b'{"benchmarks": [{"fullname": "t", "stats": {"mean": %s, "iterations": 1, "rounds": %s}}]}'
IMPOSSIBLE_TIMES = [
    (b"NaN", b"5"),
    (b"Infinity", b"5"),
    (b"-1", b"5"),
    (b"0", b"5"),
    (b"1", b"1e400"),
]


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b'{"benchmarks": [{}]}', b'{"benchmarks": []}']
    + [TIMES % (mean, rounds) for mean, rounds in IMPOSSIBLE_TIMES],
)
def test_other_data_has_no_timings(data):
    assert pytest_benchmark.parse(data) == {}


def test_the_mode_must_reach_the_tests(job, pytests):
    pytests.reaches = False
    with pytest.raises(
        MeasurementError, match="The mode on did not reach the process that measured the tests"
    ):
        run(job, pytests)


def test_a_test_that_fails_in_one_mode_is_named(job, pytests):
    pytests.code["1"] = 1
    pytests.more["1"] = {
        "failed": [
            {"test": "t.py::test_b", "message": "assert 1 == 2"},
            {"test": "t.py::test_c", "message": "x"},
        ]
    }
    with pytest.raises(MeasurementError) as caught:
        run(job, pytests)
    assert str(caught.value) == (
        "t.py::test_b fails with the JIT on, and so do 1 more:\n  t.py::test_b: assert 1 == 2\n  "
        "t.py::test_c: x\n"
        "To see what differs, test by test: jitbuild diff 3.15 -- pytest"
    )


def test_a_run_that_measures_nothing_is_an_error_with_its_reason(job, pytests):
    pytests.means["0"] = {}
    pytests.more["0"] = {"without": "--benchmark-skip and pytest-xdist (-n)"}
    with pytest.raises(
        MeasurementError, match=r"because of --benchmark-skip and pytest-xdist \(-n\)"
    ):
        run(job, pytests)
    del pytests.more["0"]
    with pytest.raises(
        MeasurementError, match="pytest measured nothing with the JIT off:\n  1 error"
    ):
        run(job, pytests)


def test_the_facts_about_machine_and_date_have_the_names_of_pyperf():
    data = benchmark_json(test_a=1.0)
    data["datetime"] = "2026-11-27T12:00:00.5+00:00"
    data["machine_info"] |= {
        "system": "Linux",
        "release": "6.1",
        "machine": "x86_64",
        "cpu": {"brand_raw": "A CPU"},
    }
    (timing,) = pytest_benchmark.parse(json.dumps(data).encode()).values()
    local = datetime.fromisoformat(data["datetime"]).astimezone()
    assert timing.metadata == {
        "python_version": "3.15.2",
        "hostname": "here",
        "cpu_model_name": "A CPU",
        "platform": "Linux-6.1-x86_64",
        "date": f"{local:%Y-%m-%d %H:%M:%S.%f}",
        "loops": 2,
        "pytest_benchmark_rounds": 5,
    }


def test_a_date_without_a_form_is_omitted():
    data = benchmark_json(test_a=1.0) | {"datetime": "yesterday"}
    (timing,) = pytest_benchmark.parse(json.dumps(data).encode()).values()
    assert "date" not in timing.metadata
