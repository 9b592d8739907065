"""Tests of measuring a suite: scripts that measure several things, and ones that do not run."""

from __future__ import annotations

import pytest
from bench_fakes import FakeWorkers, effects, session
from pyperformance_samples import MANIFEST

from jitbuild.bench import plan, pyperf_files, scripts, session_results, worker_facts
from jitbuild.bench.rounds import MeasurementOutcome, measure_rounds
from jitbuild.errors import MeasurementError
from jitbuild.system.progress import SilentReporter


@pytest.fixture
def workers():
    workers = FakeWorkers()
    workers.parts["logging"] = ["logging_format", "logging_silent"]
    return workers


@pytest.fixture
def job(tmp_path):
    return session(
        tmp_path / "session",
        benchmarks=tuple(
            MANIFEST.benchmarks[name].benchmark("1.14.0") for name in ("nbody", "logging")
        ),
        counts=plan.SampleCounts(rounds=3, values=2, warmups=1, seconds=0.1),
    )


def run(job, workers):
    return measure_rounds(job, reporter=SilentReporter(), effects=effects(workers))


def test_a_script_measures_several_things_with_loops_of_their_own(job, workers):
    assert run(job, workers) == MeasurementOutcome(interrupted_by=None, resumed=0)
    assert len(workers.calls) == 2 * 2 + 2 * 2 * 3
    assert all(argv[1] == str(scripts.SUITE_WORKER) for _, _, argv in workers.calls)
    first, *others = [spec for spec in workers.specs if spec["name"] == "logging"]
    assert first["loops"] == {}
    assert all(spec["loops"] == {"logging_format": 4, "logging_silent": 8} for spec in others)
    samples = pyperf_files.samples(
        pyperf_files.join(session_results.measured_files(job, job.arms[1])["logging"], {})
    )
    assert {name: len(sample.processes) for name, sample in samples.items()} == {
        "logging_format": 3,
        "logging_silent": 3,
    }
    assert [part.name for part in session_results.parts_of(job, job.benchmarks[1])] == [
        "logging_format",
        "logging_silent",
    ]
    assert {
        name: facts["functions"][0]["name"]
        for name, facts in worker_facts.facts_of_arm(job, job.arms[1]).items()
    } == {
        "nbody": "work0",
        "logging_format": "work0",
        "logging_silent": "work1",
    }


def test_the_mode_must_reach_every_worker(job, workers):
    workers.wrong_mode = {1}
    with pytest.raises(
        MeasurementError, match="The mode on did not reach the process that measured logging_silent"
    ):
        run(job, workers)


def test_a_benchmark_that_runs_in_no_mode_is_left_out_and_not_tried_again(job, workers):
    workers.broken["nbody"] = "01"
    assert run(job, workers).left_out == {"nbody": "ImportError: No module named 'x'"}
    assert {*session_results.measured_files(job, job.arms[0])} == {"logging"}
    again = FakeWorkers()
    again.parts = workers.parts
    assert run(job, again).left_out == {"nbody": "ImportError: No module named 'x'"}
    assert again.calls == []


@pytest.mark.parametrize(("modes", "mode"), [("0", "off"), ("1", "on")])
def test_a_benchmark_that_runs_in_one_mode_only_is_an_error(job, workers, modes, mode):
    workers.broken["nbody"] = modes
    with pytest.raises(MeasurementError, match=f"nbody with the JIT {mode} fails"):
        run(job, workers)
    # It is still an error when the measurement is resumed.
    with pytest.raises(MeasurementError, match=f"nbody with the JIT {mode} fails"):
        run(job, workers)


def test_a_suite_in_which_nothing_runs_is_an_error(job, workers):
    workers.broken = {"nbody": "01", "logging": "01"}
    with pytest.raises(
        MeasurementError,
        match="None of the benchmarks runs, in any mode:\n  nbody: ImportError",
    ):
        run(job, workers)


def test_a_benchmark_that_fails_after_its_trial_is_an_error(job, workers):
    workers.answers[6] = (1, "ValueError: 7\n", False)
    with pytest.raises(MeasurementError, match="nbody with the JIT on fails"):
        run(job, workers)


def test_one_of_the_things_that_a_script_measures_is_run_as_a_worker():
    task = MANIFEST.benchmarks["logging"].benchmark("1.14.0").task("logging_silent", 1, 8)
    assert task.name == "logging_silent"
    assert task.words[:5] == (
        *("/b/bm_logging/run_benchmark.py", "--worker", "--worker-task=1"),
        *("--loops", "8"),
    )
