"""Tests of the loop over the steps of a measurement: trials, interruptions, failures, resuming."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import FakeWorkers, effects, one_by_one, session

from jitbuild.bench import plan, session_results
from jitbuild.bench.rounds import MeasurementOutcome, RoundEffects, measure_rounds
from jitbuild.errors import MeasurementError, UsageError
from jitbuild.system.progress import SilentReporter
from jitbuild.system.signals import SignalReceived

COMPLETE = MeasurementOutcome(interrupted_by=None, resumed=0)
TRIALS = 4
WORKER = "Traceback (most recent call last):\n  File x\nValueError: 7\n"
MANAGER = (
    "Traceback (most recent call last):\n  File pyperf\n"
    "RuntimeError: python failed with exit code 1\n"
)


@pytest.fixture
def workers():
    return FakeWorkers()


@pytest.fixture
def job(tmp_path):
    return session(tmp_path / "session", timeout=9.0)


def run(job, workers):
    return measure_rounds(job, reporter=SilentReporter(), effects=effects(workers))


def counts(job):
    return {
        arm.name: {
            name: len(paths) for name, paths in session_results.measured_files(job, arm).items()
        }
        for arm in job.arms
    }


def test_every_benchmark_is_tried_in_both_modes_before_it_is_measured(job, workers):
    assert run(job, workers) == COMPLETE
    assert [(name, mode) for name, mode, _ in workers.calls[:TRIALS]] == [
        *(("float_loop", "0"), ("float_loop", "1"), ("lists", "0"), ("lists", "1"))
    ]
    assert len(workers.calls) == TRIALS + 4 * 4
    assert counts(job) == {
        "off": {"float_loop": 4, "lists": 4},
        "on": {"float_loop": 4, "lists": 4},
    }


def test_both_modes_get_the_same_options_and_the_loops_that_off_calibrated(job, workers):
    run(job, workers)
    options = {
        tuple(argv[argv.index("--quiet") : argv.index("--output")])
        for _, _, argv in workers.calls[TRIALS:]
    }
    (same,) = options
    assert same[same.index("--loops") + 1] == "4"


def test_a_mode_that_does_not_reach_the_worker_is_an_error(job, workers):
    workers.wrong_mode = {0}
    with pytest.raises(MeasurementError, match="The mode on did not reach"):
        run(job, workers)


def test_an_interruption_keeps_complete_rounds_and_resuming_continues(job, workers):
    workers.answers[TRIALS + 7] = KeyboardInterrupt()
    assert run(job, workers) == MeasurementOutcome(interrupted_by=2, resumed=0)
    assert counts(job) == {
        "off": {"float_loop": 2, "lists": 1},
        "on": {"float_loop": 2, "lists": 1},
    }
    identity = session_results.identity(job)
    again = FakeWorkers()
    assert run(job, again) == MeasurementOutcome(interrupted_by=None, resumed=6)
    assert len(again.calls) == 16 - 6
    assert session_results.identity(job) == identity
    session_results.clear(job)
    assert session_results.measured_files(job, job.arms[0]) == {}


def test_an_interruption_before_anything_is_measured_is_raised(job, workers):
    workers.answers[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(job, workers)


def test_the_outcome_has_the_number_of_the_signal(job, workers):
    workers.answers[TRIALS + 9] = SignalReceived(15)
    assert run(job, workers).interrupted_by == 15


def test_the_error_of_a_program_is_that_of_its_worker(job, workers):
    workers.answers[2] = (1, WORKER + MANAGER, False)
    with pytest.raises(
        MeasurementError, match=r"float_loop with the JIT on fails:\n(.*\n)*  ValueError: 7"
    ) as caught:
        run(job, workers)
    assert "RuntimeError" not in str(caught.value)


@pytest.mark.parametrize("code", [0, 1])
def test_no_file_of_a_step_keeps_a_secret_of_the_command(job, workers, code):
    url = "https://bob:hunter2@h/?access_token=hunter2"
    command = plan.Benchmark(kind="command", name="command", words=("/python", "x.py", url))
    workers.answers[6] = (code, "", False) if code else None
    with pytest.raises(MeasurementError) if code else contextlib.nullcontext():
        run(replace(job, benchmarks=(command,)), workers)
    files = [path for path in job.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
    assert workers.specs[0]["command"][-1] == url
    assert (
        b"https://***@h/?access_token=***"
        in (job.steps_folder / "001-command-off.json").read_bytes()
    )


@pytest.mark.parametrize(
    ("code", "ending"), [(3, "exit code 3"), (245, "SIGSEGV"), (250, "SIGABRT"), (255, "SIGHUP")]
)
def test_the_error_of_a_command_says_how_it_ended(job, workers, code, ending):
    command = plan.Benchmark(kind="command", name="command", words=("/python", "x.py"))
    message = "Command failed with exit code"
    source = f'    raise Exception("{message} %s"\nException: {message} {code}\n'
    workers.answers[2] = (1, source + MANAGER, False)
    with pytest.raises(
        MeasurementError, match=f"The command fails with the JIT on: it ended with {ending}"
    ):
        run(replace(job, benchmarks=(command,)), workers)


COMMAND_FAILED = "Exception: Command failed with exit code 2\n"


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (
            b"python: can't open file 'x.py'\n",
            " When it ran again, it printed:\n  python: can't open file 'x.py'",
        ),
        (b"", ""),
    ],
)
def test_the_error_of_a_command_has_the_output_of_another_run(job, workers, output, shown):
    command = plan.Benchmark(kind="command", name="command", words=("/python", "x.py"))
    workers.answers[1], workers.output = (1, COMMAND_FAILED, False), output
    with pytest.raises(MeasurementError) as caught:
        run(replace(job, benchmarks=(command,)), workers)
    expected = "The command fails with the JIT off: it ended with exit code 2."
    assert caught.value.what == f"{expected}{shown}"


def test_a_command_that_the_kernel_cannot_execute_is_an_error(job, workers):
    command = plan.Benchmark(kind="command", name="command", words=("/no-interpreter-line",))
    workers.answers[1] = (1, "OSError: [Errno 8] Exec format error\n", False)

    def recorder(argv, **options):
        if "--spec" in argv:
            return workers(argv, **options)
        raise OSError(8, "Exec format error")

    with pytest.raises(UsageError, match="line cannot be run: Exec format"):
        run(replace(job, benchmarks=(command,)), recorder)


INNER = '  File "<timeit-src>", line 6, in inner\n'
BEFORE = """Traceback (most recent call last):
  File "/x/bench_worker.py", line 167, in <module>
    main()
  File "/x/pyperf/_runner.py", line 7, in main
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            f"{BEFORE}{INNER}NameError: name 'foo' is not defined\n{MANAGER}",
            "NameError: name 'foo' is not defined",
        ),
        (
            f'{BEFORE}{INNER}  File "/x/json.py", line 1, in loads\nValueError: x\ny\n{MANAGER}',
            'ValueError: x\ny\n  File "/x/json.py", line 1, in loads',
        ),
        (
            f'{BEFORE}  File "<timeit-src>", line 1\n    1 /\n      ^\nSyntaxError: invalid syntax',
            "SyntaxError: invalid syntax\n    1 /\n      ^",
        ),
    ],
)
def test_the_error_of_a_statement_begins_with_the_exception(job, workers, log, expected):
    statement = plan.Benchmark(kind="stmt", name="stmt", stmt="foo()", setup="pass")
    workers.answers[1] = (1, log, False)
    with pytest.raises(MeasurementError) as caught:
        run(replace(job, benchmarks=(statement,)), workers)
    assert caught.value.what == f"The statement fails with the JIT off: {expected}"
    assert caught.value.remedy == "Correct what is measured, and repeat the command."


def test_only_a_failure_after_the_trial_can_be_resumed(job, workers):
    workers.answers[TRIALS + 3] = (1, "Traceback\nValueError: 7\n", False)
    with pytest.raises(MeasurementError) as caught:
        run(job, workers)
    assert "with --resume it continues where it failed" in caught.value.remedy


def test_a_process_that_takes_too_long_is_an_error(job, workers):
    workers.answers[1] = (-15, "", True)
    with pytest.raises(
        MeasurementError, match="float_loop with the JIT off did not end within 9 seconds"
    ):
        run(job, workers)


def test_of_two_interleaved_processes_either_may_have_taken_too_long(job, workers):
    workers.answers[TRIALS + 1] = (-15, "", True)
    with pytest.raises(MeasurementError, match=r"or float_loop in the other mode, .* 18 seconds"):
        run(job, workers)


def test_a_missing_interpreter_is_an_error(job, workers):
    workers.answers[1] = FileNotFoundError(2, "No such file")
    with pytest.raises(MeasurementError, match="/python cannot be run"):
        run(job, workers)


def test_the_remaining_time_is_shown(job, workers):
    details = []

    class Stages(SilentReporter):
        @contextlib.contextmanager
        def stage(self, title):
            yield self

        def advance(self, done, total):
            pass

        def detail(self, text):
            details.append(text)

    # The clock advances by a second each time it is read, as if each step took one.
    clock = itertools.count().__next__
    measure_rounds(job, reporter=Stages(), effects=effects(workers, clock))
    assert details[:2] == ["float_loop off", "about 6.0 s left, float_loop on"]
    assert details[-1] == "about 1.1 s left, lists on off"


def test_an_incomplete_file_is_measured_again_with_the_interleaved_one(job, workers):
    run(job, workers)
    step = next(plan.measuring_steps(job.benchmarks, job.arms, 1))
    job.result_file(step).rename(job.result_file(step).with_suffix(".part"))
    again = FakeWorkers()
    run(job, again)
    assert [mode for _, mode, _ in again.calls] == ["0", "1"]


def test_without_fifos_the_processes_of_a_round_run_one_after_another(job, workers, monkeypatch):
    monkeypatch.delattr("os.mkfifo")
    assert run(job, workers) == COMPLETE
    assert all("interleaving" not in spec for spec in workers.specs)


def test_an_interpreter_of_its_own_gets_an_environment_of_its_own(job, workers):
    own = replace(job.benchmarks[0], python="/own/python")
    pythons = []

    def recorder(argv, /, *, env, log, timeout=None):
        pythons.append((argv[0], env["PYTHON"]))
        return workers(argv, env=env, log=log, timeout=timeout)

    def env(arm, python):
        return {**job.env(arm, python), "PYTHON": str(python)}

    measure_rounds(
        replace(job, benchmarks=(own, job.benchmarks[1]), env=env),
        reporter=SilentReporter(),
        effects=RoundEffects(recorder, one_by_one, lambda: 0.0),
    )
    assert {*pythons} == {("/own/python", "/own/python"), (str(Path("/python")),) * 2}
