"""Tests of a whole measurement, from the request to the report, with processes that are fakes."""

from __future__ import annotations

import itertools
import json
import math
import re
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import stores
from bench_fakes import FakeWorkers, effects
from msgspec import structs
from pyperformance_samples import LISTED
from witness_samples import end_facts, other_python, start_facts, verdict_fields, witness

from jitbuild.bench import pyperf_files, report_json, scripts
from jitbuild.bench.bench_request import BenchRequest
from jitbuild.bench.compare_files import compare_files
from jitbuild.bench.conclusions import sentence
from jitbuild.bench.machine import describe_system
from jitbuild.bench.measurement import BenchEffects, measure
from jitbuild.bench.render.table import lines
from jitbuild.errors import MeasurementError, ProofError, UsageError, VariantError
from jitbuild.request import Axes
from jitbuild.running.testimony import Testimony
from jitbuild.running.venvs import Requirements
from jitbuild.store.store import Store
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter
from jitbuild.system.signals import SignalReceived

OK = SimpleNamespace(ok=True, reason="", machine_code_bytes=4096, **verdict_fields())


class FakeInstaller:
    """A runner in place of virtualenv, pip, the listing of pyperformance, and the plugin check."""

    def __init__(self) -> None:
        self.installed: list[list[str]] = []
        self.missing = ""
        self.listing = LISTED
        self.failing = ""

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        if "virtualenv" in argv:
            (Path(argv[-1]) / "bin").mkdir(parents=True)
            program = Path(argv[-1]) / "bin" / "python"
            program.write_text("")
            program.chmod(0o755)
        elif "config" in argv:
            return Completed(argv=tuple(argv), returncode=0)
        elif "-I" in argv:  # the list of the environment's packages
            words = [re.split("[=<>]", word)[0] for words in self.installed for word in words]
            return Completed(argv=tuple(argv), returncode=0, stdout="\n".join(words))
        elif any("'pip'" in word for word in argv):
            self.installed.append([word for word in argv[3:] if not word.startswith("--")])
            if self.failing and any(self.failing in word for word in argv):
                return Completed(argv=tuple(argv), returncode=1, stderr="ERROR: no wheel\n")
        elif "-B" in argv:
            Path(argv[-1]).write_text(json.dumps(self.listing))
        return Completed(argv=tuple(argv), returncode=0, stdout=self.missing)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def workers():
    return FakeWorkers()


@pytest.fixture
def installer():
    return FakeInstaller()


@pytest.fixture
def bench(store, workers, installer, tmp_path):
    """Return a function that measures a request with these fakes."""
    interpreter = stores.put(store, "3.15.2", jit="yes-off", profile="fast")

    def run(*, verdict=OK, interpreter=interpreter, clock=lambda: 0.0, **fields):
        request = BenchRequest(**{"spec": "3.15", "axes": Axes(), "rounds": 3, **fields})
        return measure(
            request,
            store,
            SilentReporter(),
            BenchEffects(
                find=lambda spec, axes, machine_code, reporter: interpreter,
                probe=lambda python, expect: verdict,
                runner=installer,
                rounds=effects(workers, clock),
                environ={"PATH": "/bin", "PYTHONINSPECT": "1"},
                machine_root=tmp_path / "machine",
            ),
        )

    return run


def test_programs_of_the_quick_suite_are_measured_and_reported(bench, installer, tmp_path):
    report = bench(benchmarks=("lists", "in_c"), output=tmp_path / "out")
    assert (report.comparison, report.base, report.other) == ("modes", "off", "on")
    assert {row.name: row.ratio.value for row in report.rows} == {
        "lists": pytest.approx(2.0),
        "in_c": pytest.approx(2.0),
    }
    assert installer.installed == [["install", f"pyperf=={pyperf_files.PYPERF_VERSION}"]]
    assert report.about["kind"] == "quick"
    assert report.about["rounds"] == "3"
    assert any("`fast` build" in warning for warning in report.warnings)
    assert any("3.15.2 has 1 known JIT bug (gh-157875)" in each for each in report.warnings)
    assert report.known_bugs[0].issue == "gh-157875"
    assert report.notes == ()
    assert report.again == "jitbuild bench 3.15 --benchmarks=lists,in_c --rounds 3"
    assert {*report.files} == {"off", "on"}
    suite = pyperf_files.load(tmp_path / "out" / "on.json")
    metadata = pyperf_files.metadata(suite)
    assert (metadata["jitbuild_mode"], metadata["jitbuild_probe"]) == ("on", "ok")


def test_the_report_says_when_where_and_by_what_it_was_measured(bench, tmp_path):
    report = bench(stmt="f()", output=tmp_path / "out")
    system = describe_system()
    expected = {"version": "3.15.2", "jitbuild": version("jitbuild"), **system}
    assert expected.items() <= report.about.items()
    metadata = pyperf_files.metadata(pyperf_files.load(tmp_path / "out" / "off.json"))
    assert metadata["jitbuild_version"] == version("jitbuild")
    assert metadata["jitbuild_system"] == system["system"]


def test_a_folder_that_cannot_be_written_does_not_lose_the_report(bench, tmp_path):
    (tmp_path / "file").write_text("")
    report = bench(stmt="f()", output=tmp_path / "file")
    assert isinstance(report.unwritten, OSError)
    assert report.mean.value == pytest.approx(2.0)
    assert all(Path(path).exists() for path in report.files.values())


def test_the_functions_with_machine_code_are_inspected(bench):
    report = bench(benchmarks=("lists",), profile_hot=True)
    (row,) = report.rows
    assert row.inspection is not None
    assert [function.name for function in row.inspection.compiled] == ["work0"]
    assert [hot.name for hot in row.inspection.uncompiled or ()] == ["slow"]


def test_missing_machine_code_is_reported_where_a_gain_is_expected(bench, workers):
    workers.uncompiled = {"lists", "in_c"}
    report = bench(benchmarks=("float_loop", "lists", "in_c"))
    assert any("no machine code in lists:" in warning for warning in report.warnings)


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_tracer_that_keeps_code_out_of_the_jit_is_reported_once(bench, workers, at_the_end):
    """A tracer that was removed before the end is seen only when the command is inspected."""
    workers.tracers = ["sys.settrace"]
    end = end_facts(tracers=("sys.settrace",) if at_the_end else ())
    workers.processes = lambda on: [
        Testimony(start=start_facts(switch=str(int(on))), end=structs.replace(end, enabled=on))
    ]
    report = bench(command=("python", "x.py"))
    assert "may say nothing about the JIT: sys.settrace was set" in sentence(report)
    assert not any("settrace" in warning for warning in report.warnings)


def test_machine_code_that_is_missing_everywhere_is_reported_once(bench, workers):
    workers.uncompiled = {"lists", "in_c"}
    report = bench(benchmarks=("lists", "in_c"))
    assert sentence(report).startswith("No machine code was left at the end")
    assert not any("machine code" in warning for warning in report.warnings)


def test_the_noise_floor_of_an_a_a_comparison_is_taken_into_account_later(bench, workers):
    workers.ratio = 1.0
    noise = bench(stmt="f()", off_against_off=True)
    assert (noise.comparison, noise.other) == ("again", "off-again")
    assert (noise.warnings, noise.known_bugs) == ((), ())
    counts = "4 processes, all 3.15.2, JIT off"
    shown = [*lines(noise, inspect=False)]
    assert [line for line in shown if "JIT off" in line] == [
        f"mode off: {counts}",
        f"off-again (mode off): {counts}",
    ]
    assert all(row.inspection is None for row in noise.rows)
    report = bench(stmt="f()")
    assert report.notes == (
        "The noise floor that --aa measured here, 0.0%, is taken into account.",
    )
    assert bench(stmt="g()").notes == ()
    # With another margin, another noise floor would have been measured.
    assert bench(stmt="f()", margin=0.1).notes == ()


def test_an_interruption_is_reported_with_the_command_that_continues(bench, workers):
    workers.answers[2 + 5] = SignalReceived(15)
    report = bench(stmt="f()")
    assert report.interrupted_by == 15
    assert report.notes == (
        "The measurement was interrupted: 1 of 1 programs, at least 2 of 3 rounds.",
        "To continue: jitbuild bench 3.15 --resume --stmt 'f()' --rounds 3",
    )
    resumed = bench(stmt="f()", resume=True)
    assert resumed.notes == ("4 processes had been measured before and were not repeated.",)
    assert bench(stmt="f()").notes == ()


@pytest.mark.parametrize(("max_time", "limit"), [(None, ""), (25.0, "--max-time {} ")])
def test_an_undecided_interrupted_measurement_names_one_command(bench, workers, max_time, limit):
    workers.slow_calls = {*range(3, 30, 3)}
    workers.answers[2 + 2 * 10 + 1] = SignalReceived(2)
    clock = itertools.count().__next__
    report = bench(command=("x.py",), rounds=None, max_time=max_time, clock=clock)
    assert (report.interrupted_by, report.mean.result) == (2, "undecided")
    longer = 10 * math.ceil((10 + 1.5 * report.more_seconds) / 10)
    command = f"jitbuild bench 3.15 --resume {limit.format(longer)}-- x.py"
    assert report.notes[-1] == f"To continue: {command}"
    assert report.more == command
    assert "more would decide it." in sentence(report)
    assert "jitbuild bench" not in sentence(report)


def test_an_outlier_is_left_out_of_files_and_report(bench, workers, tmp_path):
    trials = 2
    # The process with the JIT on in round 4, which begins with it.
    workers.slow_calls = {trials + 2 * 3 + 1}
    report = bench(stmt="f()", rounds=10, output=tmp_path / "out")
    (row,) = report.rows
    assert (row.ratio.value, len(row.base.processes)) == (pytest.approx(2.0), 9)
    assert report.notes[0].startswith("Rounds left out as outliers: 1 of stmt.")
    metadata = pyperf_files.metadata(pyperf_files.load(tmp_path / "out" / "off.json"))
    assert metadata["jitbuild_rounds_left_out"] == 1


def test_without_a_number_of_rounds_the_measurement_continues_until_it_decides(bench, tmp_path):
    report = bench(stmt="f()", rounds=None, output=tmp_path / "out")
    assert report.mean.result == "faster"
    assert (report.about["rounds"], report.confidence) == ("5", "99%")
    assert (report.more_seconds, report.more) == (None, "")
    assert report.again == "jitbuild bench 3.15 --stmt 'f()'"
    (compared,) = compare_files([tmp_path / "out" / "off.json", tmp_path / "out" / "on.json"])
    assert compared.mean == report.mean
    assert compared.confidence == "99%"


def test_an_undecided_measurement_says_how_to_continue(bench, workers):
    workers.slow_calls = {*range(3, 30, 3)}
    report = bench(command=("x.py",), rounds=None, max_time=20.0, clock=itertools.count().__next__)
    assert report.mean.result == "undecided"
    used, more = 20, report.more_seconds
    assert more > 0
    limit = 10 * math.ceil((used + 1.5 * more) / 10)
    assert report.more == f"jitbuild bench 3.15 --resume --max-time {limit} -- x.py"
    again = bench(command=("x.py",), rounds=None, max_time=20.0, resume=True)
    assert again.mean == report.mean
    assert again.notes[0].startswith("40 processes had been measured before")


def test_an_undecided_measurement_of_exact_rounds_advises_more_rounds(bench, workers):
    workers.slow_calls = {*range(3, 30, 3)}
    report = bench(command=("x.py",), rounds=6)
    assert (report.mean.result, report.confidence) == ("undecided", "95%")
    rounds = 6 + report.mean.more_rounds
    assert report.more == f"jitbuild bench 3.15 --rounds {rounds} -- x.py"
    assert sentence(report).endswith(
        f"About {rounds} rounds in all would decide it. To measure anew: {report.more}"
    )


@pytest.mark.parametrize(("rounds", "same"), [(None, ""), (4, " with 4 rounds")])
def test_a_resumed_measurement_says_that_there_was_nothing_to_continue(bench, rounds, same):
    bench(stmt="f()", rounds=3)
    report = bench(stmt="f()", rounds=rounds, resume=True)
    assert report.notes[0] == (
        f"--resume found no results of the same measurement{same}, so the measurement begins anew."
    )
    again = bench(stmt="f()", rounds=rounds, resume=True)
    assert not any("begins anew" in note for note in again.notes)


def test_a_command_is_located_and_inspected_apart(bench, workers, installer):
    report = bench(command=("python", "x.py"))
    (row,) = report.rows
    assert (row.name, report.about["kind"]) == ("command", "command")
    assert row.inspection is not None
    command = workers.specs[0]["command"]
    assert command[0].endswith("bin/python")
    assert command[1:] == ["x.py"]


def test_the_processes_of_a_command_are_observed_in_its_trial_only(bench, workers, tmp_path):
    workers.processes = lambda on: [
        witness(on=on, executors=int(on)),
        witness(on=on, arguments=["python", str(scripts.WORKER), "--spec"]),
        witness(on=on, arguments=["python", "/x/site-packages/pyperf/_process_time.py", "1"]),
        other_python(),
    ]
    report = bench(command=("python", "x.py"), output=tmp_path)
    assert ["PYTHONPATH" in env for env in workers.environments] == [True] * 2 + [False] * 6
    assert report_json.to_json(report)["witness"]["on"]["processes"] == 1
    assert report.witness["on"].sentence == (
        "mode on: 2 processes, 1 of 3.15.2, JIT on; machine code in 1"
    )
    assert any("another Python" in warning for warning in report.warnings)
    metadata = pyperf_files.metadata(pyperf_files.load(tmp_path / "on.json"))
    assert metadata["jitbuild_witness"] == report.witness["on"].sentence
    resumed = bench(command=("python", "x.py"), output=tmp_path, resume=True)
    assert resumed.witness == report.witness


def test_a_command_of_another_python_has_no_verdict(bench, workers):
    workers.processes = lambda on: [other_python()]
    for resume in (False, True):
        with pytest.raises(MeasurementError, match="no process of Python") as caught:
            bench(command=("python", "x.py"), resume=resume)
        assert "3.11.7 (/usr/bin/python3.11): 1" in caught.value.what
    assert len(workers.calls) == 2


def test_a_command_without_machine_code_is_measured_but_proves_nothing(bench, workers):
    workers.processes = lambda on: [witness(on=on)]
    report = bench(command=("python", "x.py"))
    assert sentence(report).startswith(
        "No machine code was left at the end, so this may say nothing about the JIT"
    )
    data = report_json.to_json(report)
    assert data["nothing_compiled"].startswith("a Python loop")
    assert not any("machine code" in warning for warning in report.warnings)
    assert data["verdict"]["result"] == "nothing compiled"


def test_a_command_whose_processes_were_killed_is_measured_with_a_reservation(bench, workers):
    workers.processes = lambda on: [witness(on=on), witness(on=on, ended=False)]
    report = bench(command=("python", "x.py"))
    assert sentence(report).startswith("Faster with the JIT on: ")
    assert "may say nothing about the JIT: 1 process ended" in sentence(report)


def test_the_workers_of_other_benchmarks_report_for_themselves(bench, workers):
    report = bench(stmt="f()")
    assert not any("PYTHONPATH" in env for env in workers.environments)
    assert report.witness["off"].sentence == "mode off: 4 processes, all 3.15.2, JIT off"
    assert report.witness["on"].sentence == (
        "mode on: 4 processes, all 3.15.2, JIT on; machine code in 4"
    )


def test_a_worker_of_another_python_is_an_error(bench, workers):
    workers.version = "3.11.7"
    with pytest.raises(MeasurementError, match=r"Another Python measured stmt: 3\.11\.7"):
        bench(stmt="f()")


def test_a_program_in_the_current_folder_is_not_looked_up_on_path(
    bench, workers, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    bench(command=("./tool", "x"))
    assert workers.specs[0]["command"] == [str(tool), "x"]


def test_a_missing_program_is_refused(bench):
    with pytest.raises(UsageError, match="no-such-program cannot be run: no such program"):
        bench(command=("no-such-program",))


def test_variables_that_spoil_a_measurement_are_removed(bench, workers):
    bench(stmt="f()")
    assert workers.environments
    assert all("PYTHONINSPECT" not in env for env in workers.environments)


def test_a_jit_that_does_not_run_is_an_error_unless_only_noise_is_measured(bench):
    broken = SimpleNamespace(**{**vars(OK), "ok": False, "reason": "No machine code."})
    with pytest.raises(ProofError, match="does not run") as caught:
        bench(stmt="f()", verdict=broken)
    assert "No machine code." in str(caught.value)
    assert bench(stmt="f()", off_against_off=True, verdict=broken).comparison == "again"


def test_an_interpreter_without_the_jit_is_refused(bench, store):
    with pytest.raises(VariantError):
        bench(interpreter=stores.put(store, "3.14.1", jit="no"))


def test_a_suite_is_measured_as_its_manifest_lists_it(bench, installer, workers, tmp_path):
    own = tmp_path / "requirements.txt"
    own.write_text("x==1")
    listing = json.loads(json.dumps(LISTED))
    listing["benchmarks"][1]["requirements"] = str(own)
    installer.listing = listing
    report = bench(suite="pyperformance", benchmarks=("nbody", "logging"))
    assert [row.name for row in report.rows] == ["nbody", "logging"]
    assert report.about["pyperformance"] == "1.14.0"
    assert ["-r", str(own)] == installer.installed[1][1:3]
    assert {call[2][0] for call in workers.calls if call[0] == "logging"}.isdisjoint(
        {call[2][0] for call in workers.calls if call[0] == "nbody"}
    )


def test_a_benchmark_whose_packages_cannot_be_installed_is_left_out(bench, installer, tmp_path):
    own = tmp_path / "requirements.txt"
    own.write_text("x==1")
    listing = json.loads(json.dumps(LISTED))
    listing["benchmarks"][1]["requirements"] = str(own)
    installer.listing, installer.failing = listing, str(own)
    report = bench(suite="pyperformance", benchmarks=("nbody", "logging"))
    assert report.notes == (
        "logging was left out: its requirements cannot be installed (no wheel).",
    )
    with pytest.raises(MeasurementError, match="cannot run any of the selected benchmarks"):
        bench(suite="pyperformance", benchmarks=("logging",))


def test_a_benchmark_that_runs_in_no_mode_is_left_out_of_the_report(bench, workers):
    workers.broken["nbody"] = "01"
    report = bench(suite="pyperformance", benchmarks=("nbody", "logging"))
    assert [row.name for row in report.rows] == ["logging"]
    assert report.notes == ("nbody was left out: ImportError: No module named 'x'.",)


def test_a_command_that_hides_a_python_has_a_warning(bench):
    report = bench(command=("-c", "os.system('ls; python -I y.py')"), rounds=3)
    (warning,) = [each for each in report.warnings if "Nothing is known" in each]
    assert warning.startswith("The command starts Python with -I, -E or -S")


@pytest.mark.parametrize(
    ("requirements", "missing", "message"),
    [
        (Requirements(), "", "no pytest and pytest-benchmark"),
        (Requirements(["pytest"]), "pytest_benchmark\n", "no pytest-benchmark"),
    ],
)
def test_pytest_benchmark_must_be_installed(bench, installer, requirements, missing, message):
    installer.missing = missing
    with pytest.raises(UsageError, match=f"The environment has {message}") as caught:
        bench(pytest_benchmark=True, command=("pytest",), requirements=requirements)
    assert "--with pytest-benchmark" in str(caught.value)
    assert installer.installed == ([["install", "pytest"]] if missing else [])
