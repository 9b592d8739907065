"""Interleaved runs of a command, and what is read from each."""

from pathlib import Path

import pytest
from diff_samples import JUNIT_XML
from reporters import RecordingReporter

from jitbuild.diff.run_modes import DiffJob, run_modes
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
    """Write the output that a process would have, and return how it ended."""

    def __init__(self, *, code=0, xml=None, output=b"hello\n", timed_out=False):
        self.code, self.xml, self.output, self.timed_out = code, xml, output, timed_out
        self.modes = []

    def __call__(self, argv, /, *, env, log, timeout=None):
        self.modes.append(env["MODE"])
        log.write(self.output)
        log.flush()
        if self.xml is not None:
            (path,) = [word.partition("=")[2] for word in argv if word.startswith("--junit-xml=")]
            Path(path).write_bytes(self.xml)
        return Completed(argv=tuple(argv), returncode=self.code, timed_out=self.timed_out)


def test_rounds_are_interleaved_and_every_second_round_is_reversed(tmp_path):
    recorder = FakeRecorder()
    runs = run_modes(
        job_of(tmp_path, "tool"),
        reporter=RecordingReporter(),
        recorder=recorder,
        clock=iter(range(100)).__next__,
    )
    assert recorder.modes == ["off", "on", "on", "off", "off", "on"]
    assert [(run.mode, run.round, run.seconds, run.tail, run.log) for run in runs][:2] == [
        ("off", 1, 1, ("hello",), None),
        ("on", 1, 1, ("hello",), None),
    ]


def test_logs_of_failed_runs_are_all_runs_and_with_keep_all_every_log(tmp_path):
    runs = run_modes(
        job_of(tmp_path, "tool"), reporter=RecordingReporter(), recorder=FakeRecorder(code=1)
    )
    assert runs[0].log == tmp_path / "logs" / "diff-off-1.log"
    assert runs[0].log.read_bytes() == b"hello\n"
    all_runs = run_modes(
        job_of(tmp_path, "tool", keep_all=True, prefix="", logs=tmp_path / "all"),
        reporter=RecordingReporter(),
        recorder=FakeRecorder(),
    )
    assert [run.log.name for run in all_runs][:2] == ["off-1.log", "on-1.log"]


def test_pytest_reports_the_outcomes_of_its_tests(tmp_path):
    runs = run_modes(
        job_of(tmp_path, "pytest", "t"),
        reporter=RecordingReporter(),
        recorder=FakeRecorder(code=1, xml=JUNIT_XML),
    )
    assert runs[0].outcome_counts() == {
        "error": 2,
        "failed": 1,
        "passed": 2,
        "skipped": 1,
        "xfailed": 1,
    }


@pytest.mark.parametrize("xml", [None, b"<testsuites/>", b"cut"])
def test_a_pytest_that_ran_no_test_in_any_mode_is_an_error(tmp_path, xml):
    recorder = FakeRecorder(code=1, xml=xml, output=b"No module named pytest\n")
    with pytest.raises(ComparisonError, match="No module named pytest") as caught:
        run_modes(job_of(tmp_path, "-m", "pytest"), reporter=RecordingReporter(), recorder=recorder)
    assert "--with pytest" in caught.value.remedy
    assert len(recorder.modes) == 2


def test_a_timeout_in_every_mode_is_an_error(tmp_path):
    recorder = FakeRecorder(code=-15, timed_out=True, output=b"")
    with pytest.raises(ComparisonError, match="within 5 seconds in any mode") as caught:
        run_modes(job_of(tmp_path, "tool"), reporter=RecordingReporter(), recorder=recorder)
    assert "--timeout" in caught.value.remedy
    assert len(recorder.modes) == 2


def test_a_program_that_does_not_exist_is_a_usage_error(tmp_path):
    def missing(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(UsageError, match="tool cannot be run: No such file"):
        run_modes(job_of(tmp_path, "tool"), reporter=RecordingReporter(), recorder=missing)


def test_live_output_is_copied_to_stderr(tmp_path, capsys):
    run_modes(
        job_of(tmp_path, "tool", live=True, repeats=1),
        reporter=RecordingReporter(),
        recorder=FakeRecorder(),
    )
    assert capsys.readouterr().err == "hello\nhello\n"


def test_the_reporter_shows_each_run_and_how_it_ended(tmp_path):
    reporter = RecordingReporter()
    job = job_of(tmp_path, "tool", repeats=1)
    run_modes(job, reporter=reporter, recorder=FakeRecorder(code=3))
    assert reporter.titles == ["off", "on"]
    assert reporter.details == ["exit 3", "exit 3"]
    job = job_of(tmp_path, "tool", repeats=2)
    run_modes(job, reporter=reporter, recorder=FakeRecorder())
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
        run_modes(job_of(tmp_path, "no.py"), reporter=RecordingReporter(), recorder=recorder)
    assert len(recorder.modes) == 2


def test_a_command_that_succeeds_may_end_with_a_program_that_python_does_not_find(tmp_path):
    """As in `sh -c 'python x.py; python -m optional || true'`."""
    recorder = FakeRecorder(output=b"/x/bin/python: No module named optional\n")
    runs = run_modes(job_of(tmp_path, "sh"), reporter=RecordingReporter(), recorder=recorder)
    assert len(runs) == 6
