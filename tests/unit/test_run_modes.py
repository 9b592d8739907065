"""Interleaved runs of a command, and what is read from each."""

from pathlib import Path

import pytest
from diff_samples import RECORDS, record_line, records_of
from reporters import RecordingReporter

from jitbuild.diff.advice import Given
from jitbuild.diff.recorder_folder import RecorderFolder
from jitbuild.diff.run_modes import run_modes
from jitbuild.diff.run_once import DiffJob, RunEffects
from jitbuild.errors import ComparisonError, UsageError
from jitbuild.system.process import Completed


class SilentWitness:
    """Observe nothing, and accept all runs."""

    def environment(self, mode, env):
        return env

    def collect(self, mode):
        return ()

    def check(self, runs):
        pass


def job_of(tmp_path, *command, **options):
    plain = {
        "command": command,
        "argv": list,
        "env": lambda mode: {"MODE": mode},
        "modes": ("off", "on"),
        "repeats": 3,
        "timeout": 5.0,
        "witness": SilentWitness(),
        "scratch": tmp_path,
        "logs": tmp_path / "logs",
        "prefix": "diff-",
    }
    return DiffJob(**plain | options)


class FakeRecorder:
    """Write the output and the records that a process would have, and return how it ended.

    `code` and `records` are those of every process or, in lists, of one process after another.
    """

    def __init__(self, *, code=0, records=None, output=b"hello\n", timed_out=False):
        self.code, self.records, self.output, self.timed_out = code, records, output, timed_out
        self.modes, self.commands, self.stdins = [], [], []

    def __call__(self, argv, /, *, env, log, timeout=None, stdin=None):
        self.modes.append(env["MODE"])
        self.commands.append(list(argv))
        self.stdins.append(stdin)
        log.write(self.output)
        log.flush()
        records = self._next(self.records)
        if records is not None:
            folder = Path(env["PYTHONPATH"], "jitbuild_outcome_recorder")
            (folder / "records-1.jsonl").write_text(records)
        code = self._next(self.code)
        return Completed(argv=tuple(argv), returncode=code, timed_out=self.timed_out)

    def _next(self, value):
        return value.pop(0) if isinstance(value, list) else value


def pytest_job(tmp_path, *words, **options):
    tests = RecorderFolder.install(tmp_path / "recorder")
    return job_of(tmp_path, *(words or ("pytest", "t")), tests=tests, **options)


def run_all(job, recorder, **options):
    return run_modes(job, reporter=RecordingReporter(), effects=RunEffects(recorder, **options))


def test_rounds_are_interleaved_and_every_second_round_is_reversed(tmp_path):
    recorder = FakeRecorder()
    runs = run_all(job_of(tmp_path, "tool"), recorder, clock=iter(range(100)).__next__)
    assert recorder.modes == ["off", "on", "on", "off", "off", "on"]
    assert [(run.mode, run.round, run.seconds, run.tail, run.log) for run in runs][:2] == [
        ("off", 1, 1, ("hello",), None),
        ("on", 1, 1, ("hello",), None),
    ]


def test_logs_of_failed_runs_are_all_runs_and_with_keep_all_every_log(tmp_path):
    runs = run_all(job_of(tmp_path, "tool"), FakeRecorder(code=1))
    assert runs[0].log == tmp_path / "logs" / "diff-off-1.log"
    assert runs[0].log.read_bytes() == b"hello\n"
    job = job_of(tmp_path, "tool", keep_all=True, prefix="", logs=tmp_path / "all")
    all_runs = run_all(job, FakeRecorder())
    assert [run.log.name for run in all_runs][:2] == ["off-1.log", "on-1.log"]


def test_pytest_reports_the_outcomes_of_its_tests(tmp_path):
    recorder = FakeRecorder(code=1, records=RECORDS)
    runs = run_all(pytest_job(tmp_path), recorder)
    assert runs[0].outcome_counts() == {"error": 2, "passed": 1}
    assert recorder.commands[0] == [
        "pytest",
        "-p",
        "jitbuild_outcome_recorder.outcome_recorder",
        "t",
    ]


def test_the_time_of_the_measurement_does_not_count(tmp_path):
    records = records_of(a="passed") + record_line(seconds=0.25)
    clock = iter(range(100)).__next__
    runs = run_all(pytest_job(tmp_path), FakeRecorder(records=records), clock=clock)
    assert [run.seconds for run in runs] == [0.75] * 6


def test_after_a_crash_the_other_tests_run_when_the_round_is_over(tmp_path):
    crash, rest = records_of("a", "b", running="a"), records_of(b="failed")
    both = records_of(a="passed", b="passed")
    recorder = FakeRecorder(code=[0, -11, 1], records=[both, crash, rest])
    reporter = RecordingReporter()
    job = pytest_job(tmp_path, repeats=1)
    off, on = run_modes(job, reporter=reporter, effects=RunEffects(recorder))
    assert recorder.modes == ["off", "on", "on"]
    assert {name: test.outcome for name, test in on.tests.items()} == {
        "a": "SIGSEGV",
        "b": "failed",
    }
    assert on.tests["b"].log.name == "diff-on-1-process-2.log"
    assert off.interruptions == ()
    assert reporter.titles[-1] == "on: the remaining tests, in process 2"


def test_the_project_is_read_only_for_the_advice_of_a_refusal(tmp_path):
    reads = []

    def given():
        reads.append(1)
        return Given(in_project=True)

    run_all(pytest_job(tmp_path / "a", given=given), FakeRecorder(records=RECORDS))
    assert reads == []
    failing = FakeRecorder(code=4, output=b"ModuleNotFoundError: No module named 'x'\n")
    with pytest.raises(ComparisonError) as caught:
        run_all(pytest_job(tmp_path / "b", given=given), failing)
    assert reads == [1]
    assert "`--with .`" in caught.value.remedy


@pytest.mark.parametrize("records", [None, "", "cut"])
def test_a_pytest_that_ran_no_test_in_any_mode_is_an_error(tmp_path, records):
    recorder = FakeRecorder(code=1, records=records, output=b"No module named pytest\n")
    with pytest.raises(ComparisonError, match="No module named pytest") as caught:
        run_all(pytest_job(tmp_path, "-m", "pytest"), recorder)
    assert "--with pytest" in caught.value.remedy
    assert "diff-off-1.log" in caught.value.remedy
    assert len(recorder.modes) == 2


@pytest.mark.parametrize("code", [2, 3, 4, 5])
@pytest.mark.parametrize("records", [None, records_of(a="error", b="skipped")])
def test_a_suite_that_stopped_before_its_first_test_is_an_error(tmp_path, code, records):
    recorder = FakeRecorder(code=code, records=records, output=b"E   ImportError: x\n=== 1 error\n")
    with pytest.raises(ComparisonError, match=f"no test in any mode .exit {code}") as caught:
        run_all(pytest_job(tmp_path), recorder)
    assert caught.value.what.endswith("\n  E   ImportError: x")


@pytest.mark.parametrize("code", [2, 3])
def test_a_suite_that_stopped_early_in_the_same_way_is_an_error(tmp_path, code):
    output = b"INTERNALERROR> File\nINTERNALERROR> KeyError: 'x'\n1 passed\n"
    recorder = FakeRecorder(code=code, records=records_of(a="passed"), output=output)
    with pytest.raises(ComparisonError, match="stopped early in every mode") as caught:
        run_all(pytest_job(tmp_path), recorder)
    assert "after 1 test" in caught.value.what
    assert caught.value.what.endswith("KeyError: 'x'")


def test_a_suite_that_stopped_in_one_mode_only_is_compared(tmp_path):
    tests = [records_of(a="passed"), records_of()]
    recorder = FakeRecorder(code=[0, 2], records=tests)
    assert len(run_all(pytest_job(tmp_path, repeats=1), recorder)) == 2


def test_a_suite_in_which_every_test_is_skipped_is_an_error(tmp_path):
    recorder = FakeRecorder(records=records_of(a="skipped", b="skipped"))
    with pytest.raises(ComparisonError, match="All 2 tests were skipped: why") as caught:
        run_all(pytest_job(tmp_path), recorder)
    assert "The log: " in caught.value.remedy


@pytest.mark.parametrize(
    ("code", "output"),
    [
        (5, b"Ran 0 tests in 0.000s\n\nNO TESTS RAN\n"),
        (0, b"Ran 0 tests in 0.000s\n\nOK\n"),
        (
            1,
            (
                b"ERROR: test_x (unittest.loader._FailedTest.test_x)\n"
                b"ModuleNotFoundError: No module named 'wordy'\n"
                b"Ran 1 test in 0.000s\n\nFAILED (errors=1)\n"
            ),
        ),
    ],
)
def test_a_unittest_that_ran_no_test_in_any_mode_is_an_error(tmp_path, code, output):
    with pytest.raises(ComparisonError, match="unittest ran no test in any mode") as caught:
        run_all(job_of(tmp_path, "-m", "unittest"), FakeRecorder(code=code, output=output))
    assert ("wordy" in caught.value.what) is (code == 1)


def test_a_unittest_with_tests_is_compared(tmp_path):
    output = b"ERROR: test_x (unittest.loader._FailedTest.test_x)\nRan 2 tests in 0.1s\n"
    job = job_of(tmp_path, "-m", "unittest", repeats=1)
    assert len(run_all(job, FakeRecorder(code=1, output=output))) == 2


def test_a_program_that_cannot_import_what_it_needs_is_an_error(tmp_path):
    recorder = FakeRecorder(code=1, output=b"ModuleNotFoundError: No module named 'numpy'\n")
    with pytest.raises(ComparisonError, match="same error in every mode") as caught:
        run_all(job_of(tmp_path, "x.py"), recorder)
    assert "`--with numpy`" in caught.value.remedy


def test_each_run_gets_the_copy_of_stdin(tmp_path):
    recorder = FakeRecorder()
    run_all(job_of(tmp_path, "tool", repeats=1, stdin=tmp_path / "stdin"), recorder)
    assert recorder.stdins == [tmp_path / "stdin"] * 2


def test_a_timeout_in_every_mode_is_an_error(tmp_path):
    recorder = FakeRecorder(code=-15, timed_out=True, output=b"")
    with pytest.raises(ComparisonError, match="within 5 seconds in any mode") as caught:
        run_all(job_of(tmp_path, "tool"), recorder)
    assert "--timeout" in caught.value.remedy
    assert len(recorder.modes) == 2


def test_a_program_that_does_not_exist_is_a_usage_error(tmp_path):
    def missing(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(UsageError, match="tool cannot be run: No such file"):
        run_all(job_of(tmp_path, "tool"), missing)


def test_live_output_is_copied_to_stderr(tmp_path, capsys):
    run_all(job_of(tmp_path, "tool", live=True, repeats=1), FakeRecorder())
    assert capsys.readouterr().err == "hello\nhello\n"


def test_the_reporter_shows_each_run_and_how_it_ended(tmp_path):
    reporter = RecordingReporter()
    job = job_of(tmp_path, "tool", repeats=1)
    run_modes(job, reporter=reporter, effects=RunEffects(FakeRecorder(code=3)))
    assert reporter.titles == ["off", "on"]
    assert reporter.details == ["exit 3", "exit 3"]
    job = job_of(tmp_path, "tool", repeats=2)
    run_modes(job, reporter=reporter, effects=RunEffects(FakeRecorder()))
    assert reporter.titles[2:4] == ["off, round 1 of 2", "on, round 1 of 2"]


@pytest.mark.parametrize(
    "output",
    [
        b"/x/bin/python3.15: can't open file '/w/no.py': [Errno 2] No such file or directory\n",
        b"/x/bin/python: No module named nosuch\n",
        b"/x/bin/python: can't find '__main__' module in '/w'\n",
    ],
)
def test_a_program_that_python_does_not_find_is_an_error(tmp_path, output):
    recorder = FakeRecorder(code=2, output=output)
    with pytest.raises(ComparisonError, match="did not find the program in any mode"):
        run_all(job_of(tmp_path, "no.py"), recorder)
    assert len(recorder.modes) == 2


def test_a_command_that_succeeds_may_end_with_a_program_that_python_does_not_find(tmp_path):
    """As in `sh -c 'python x.py; python -m optional || true'`."""
    recorder = FakeRecorder(output=b"/x/bin/python: No module named optional\n")
    runs = run_all(job_of(tmp_path, "sh"), recorder)
    assert len(runs) == 6
