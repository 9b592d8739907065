"""A whole comparison, with a store, a probe and runs that are not real."""

import errno
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import stores
import witness_samples
from reporters import RecordingReporter

from jitbuild.diff.comparison import DiffEffects, compare_modes, given_by_user
from jitbuild.diff.diff_request import DiffRequest
from jitbuild.diff.repeat_command import repeat_command
from jitbuild.errors import ComparisonError, ProofError, UsageError, VariantError
from jitbuild.request import Axes
from jitbuild.running import witness_hook
from jitbuild.running.dependency_groups import DependencyGroup
from jitbuild.running.venvs import Requirements
from jitbuild.store.store import Store
from jitbuild.system.process import Completed

MACHINE_CODE = SimpleNamespace(name="machine-code", detail="There is machine code.")
OTHER_CHECK = SimpleNamespace(name="version", detail="It is 3.15.2.")


class FakeRecorder:
    """Stand for processes that exit with 0 in mode off and with `code` in the others.

    They testify, and have `executors` with the JIT on; `testifying=False` stands for a command that
    runs another Python.
    """

    def __init__(self, code=1, *, executors=1, testifying=True):
        self.code, self.environments, self.commands = code, [], []
        self.executors, self.testifying = executors, testifying

    def __call__(self, argv, /, *, env, log, timeout=None, stdin=None):
        self.commands.append(list(argv))
        self.environments.append(env)
        log.write(b"output\n")
        on = env.get("PYTHON_JIT", "0") != "0"
        witness_samples.write(env, self._testimony(on))
        code = self.code if on else 0
        return Completed(argv=tuple(argv), returncode=code)

    def _testimony(self, on):
        if not self.testifying:
            return witness_samples.other_python()
        return witness_samples.witness(on=on, executors=self.executors if on else 0)


def fake_installer(argv, /, *, env):
    """Stand for virtualenv and pip."""
    if "virtualenv" in argv:
        for place in ("bin/python", "Scripts/python.exe"):
            (Path(argv[-1]) / place).parent.mkdir(parents=True, exist_ok=True)
            (Path(argv[-1]) / place).touch()
            (Path(argv[-1]) / place).chmod(0o755)
    listing = "pytest\n" if "-I" in argv else ""
    return Completed(argv=tuple(argv), returncode=0, stdout=listing)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def interpreter(store):
    return stores.put(store)


@pytest.fixture
def effects(interpreter):
    verdict = SimpleNamespace(
        ok=True,
        checks=(OTHER_CHECK, MACHINE_CODE),
        machine_code_bytes=4096,
        reason="",
        **witness_samples.verdict_fields(),
    )
    return DiffEffects(
        find=lambda spec, axes, **_: interpreter,
        probe=lambda executable, expect: verdict,
        installer=fake_installer,
        recorder=FakeRecorder(),
        environ={"PATH": "/nowhere", "PYTHONPERFSUPPORT": "1", "PYTHON_JIT": "0"},
    )


def request(*command, **fields):
    return DiffRequest(spec="3.15", axes=Axes(), command=command, **fields)


def test_a_report_names_the_interpreter_its_jit_and_the_difference(store, interpreter, effects):
    report = compare_modes(request("-c", "pass"), store, RecordingReporter(), effects)
    assert (report.interpreter, report.version) == (interpreter.name, "3.15.2")
    assert report.notes[-1].startswith("3.15.2 has 1 known JIT bug (gh-157875). ")
    assert report.known_bugs[0].issue == "gh-157875"
    assert report.executable == str(interpreter.executable)
    assert (report.jit, report.proven) == ("There is machine code.", True)
    assert (report.baseline, report.repeats, len(report.runs)) == ("off", 3, 6)
    (difference,) = report.findings.differences
    assert difference.outcomes == {"off": ("exit 0",) * 3, "on": ("exit 1",) * 3}
    assert difference.repeat == "jitbuild run 3.15 --mode on -- -c pass"
    assert Path(difference.log).parent == store.logs


def test_processes_see_their_mode_the_fault_handler_and_no_perf_support(store, effects):
    compare_modes(request("-c", "pass", repeats=1), store, RecordingReporter(), effects)
    recorder = effects.recorder
    assert [env["PYTHON_JIT"] for env in recorder.environments] == ["0", "1"]
    assert all(env["PYTHONFAULTHANDLER"] == "1" for env in recorder.environments)
    assert not any("PYTHONPERFSUPPORT" in env for env in recorder.environments)


def test_every_log_is_kept_in_the_folder_of_keep(store, effects, tmp_path):
    wanted = request("-c", "pass", repeats=1, keep=tmp_path / "kept")
    compare_modes(wanted, store, RecordingReporter(), effects)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"off-1.log", "on-1.log"}


def test_requirements_run_the_command_in_an_environment(store, interpreter, effects):
    wanted = request("python", "x.py", requirements=Requirements(["pytest"]))
    report = compare_modes(wanted, store, RecordingReporter(), effects)
    assert Path(report.executable).is_relative_to(store.cache("environments"))
    assert report.interpreter == interpreter.name
    assert effects.recorder.commands[0] == [report.executable, "x.py"]
    (difference,) = report.findings.differences
    assert difference.repeat == "jitbuild run 3.15 --mode on --with pytest -- python x.py"


def test_files_that_cannot_be_deleted_do_not_lose_the_report(store, effects, monkeypatch, tmp_path):
    remove = os.rmdir

    def rmdir(path, **options):
        if Path(path).name == "__pycache__":
            raise OSError(errno.EBUSY, "Device or resource busy")
        remove(path, **options)

    monkeypatch.setattr(os, "rmdir", rmdir)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    wanted = request("-c", "pass", repeats=1)
    assert len(compare_modes(wanted, store, RecordingReporter(), effects).runs) == 2


def test_the_tests_of_a_pytest_in_the_named_series_are_compared(store, effects):
    wanted = request("python3.15", "-m", "pytest", "test_x.py", repeats=1)
    report = compare_modes(wanted, store, RecordingReporter(), effects)
    assert "jitbuild_outcome_recorder.outcome_recorder" in effects.recorder.commands[0]
    assert report.command == ("python3.15", "-m", "pytest", "test_x.py")
    (difference,) = report.findings.differences
    assert difference.repeat.endswith("--mode on -- python -m pytest test_x.py")


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (request(), UsageError),
        (request("x.py", modes=("on",)), UsageError),
        (request("no-such-program"), UsageError),
    ],
)
def test_requests_that_compare_nothing_are_refused(store, effects, wanted, error):
    with pytest.raises(error):
        compare_modes(wanted, store, RecordingReporter(), effects)
    assert effects.recorder.commands == []


def test_a_mode_that_the_interpreter_ignores_is_refused(store, effects):
    old = stores.put(store, "3.14.2")
    effects = effects._replace(find=lambda spec, axes, **_: old)
    with pytest.raises(VariantError):
        compare_modes(request("x.py", modes=("off", "stress")), store, RecordingReporter(), effects)


def test_a_jit_that_does_not_run_is_refused_where_a_mode_needs_it(store, effects):
    verdict = SimpleNamespace(
        ok=False,
        checks=(),
        machine_code_bytes=0,
        reason="There is no machine code.",
        **witness_samples.verdict_fields(built="no"),
    )
    effects = effects._replace(probe=lambda executable, expect: verdict)
    with pytest.raises(ProofError, match="does not run") as caught:
        compare_modes(request("x.py"), store, RecordingReporter(), effects)
    assert caught.value.remedy == "There is no machine code."
    report = compare_modes(
        request("x.py", modes=("off", "default")), store, RecordingReporter(), effects
    )
    assert (report.jit, report.proven) == ("It has no JIT.", False)


def test_a_repeat_command_runs_one_test_in_place_of_all(interpreter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_x.py").touch()
    wanted = request("-m", "pytest", "-q", "test_x.py")
    line = repeat_command(wanted, interpreter, "on", "test_x.py::test_f")
    assert line == "jitbuild run 3.15 --mode on -- -m pytest -q test_x.py::test_f"
    unknown = repeat_command(wanted, interpreter, "on", "elsewhere.test_z")
    assert unknown == "jitbuild run 3.15 --mode on -- -m pytest -q test_x.py"


def test_a_repeat_command_names_the_interpreter_where_axes_chose_it(interpreter):
    wanted = DiffRequest(spec="3.15", axes=Axes(profile="debug"), command=("x.py",))
    line = repeat_command(wanted, interpreter, "on", None)
    assert line == f"jitbuild run {interpreter.name} --mode on -- x.py"


def test_a_repeat_command_states_the_requirements(interpreter):
    group = DependencyGroup("test", ("pytest",))
    wanted = request("pytest", "-q", requirements=Requirements(["-e ."], [Path("r.txt")], [group]))
    line = repeat_command(wanted, interpreter, "on", None)
    assert line == (
        "jitbuild run 3.15 --mode on --with '-e .' --requirements r.txt --group test -- pytest -q"
    )


def test_the_report_has_the_processes_of_each_mode(store, effects):
    report = compare_modes(request("-c", "pass"), store, RecordingReporter(), effects)
    off, on = report.witness
    assert (off.mode, off.processes, off.enabled, off.compiled) == ("off", 3, 0, 0)
    assert (on.mode, on.processes, on.enabled, on.compiled) == ("on", 3, 3, 3)
    assert report.nothing_compiled is None


def test_a_command_that_hides_a_python_has_a_note(store, effects):
    wanted = request("-c", "os.system('python x.py; python -I y.py')", repeats=1)
    report = compare_modes(wanted, store, RecordingReporter(), effects)
    (note,) = [note for note in report.notes if "Nothing is known" in note]
    assert note.startswith("The command starts Python with -I, -E or -S")


def test_testimonies_beyond_the_limit_are_in_the_report(store, effects, monkeypatch):
    monkeypatch.setattr(witness_hook, "MAX_TESTIMONIES", 1)

    def record_two_processes(argv, /, **options):
        effects.recorder(argv, **options)
        return effects.recorder(argv, **options)

    both = effects._replace(recorder=record_two_processes)
    report = compare_modes(request("-c", "pass", repeats=2), store, RecordingReporter(), both)
    assert [(each.processes, each.left_out) for each in report.witness] == [(2, 2), (2, 2)]
    assert any("In mode on, 2 more processes" in note for note in report.notes)


def test_the_own_pythonpath_of_the_user_stays_behind_that_of_the_witness(store, effects):
    effects = effects._replace(environ={"PATH": "/nowhere", "PYTHONPATH": "/mine"})
    compare_modes(request("-c", "pass", repeats=1), store, RecordingReporter(), effects)
    folders = [env["PYTHONPATH"] for env in effects.recorder.environments]
    assert all(value.endswith(f"{os.pathsep}/mine") for value in folders)
    assert len(set(folders)) == 2  # each mode has its own


def test_a_command_that_runs_another_python_has_no_verdict(store, effects):
    effects = effects._replace(recorder=FakeRecorder(testifying=False))
    with pytest.raises(ComparisonError, match=r"no process of Python 3\.15\.2") as caught:
        compare_modes(request("-c", "pass"), store, RecordingReporter(), effects)
    assert "3.11.7 (/usr/bin/python3.11): 1" in caught.value.what
    assert len(effects.recorder.commands) == 2  # known after the first round


def test_runs_without_machine_code_are_no_proof(store, effects):
    effects = effects._replace(recorder=FakeRecorder(code=0, executors=0))
    report = compare_modes(request("-c", "pass"), store, RecordingReporter(), effects)
    assert not report.different
    assert report.nothing_compiled.certain


def test_the_repeat_command_does_not_name_the_witness(store, effects):
    report = compare_modes(request("-c", "pass"), store, RecordingReporter(), effects)
    assert "PYTHONPATH" not in report.findings.differences[0].repeat


def test_what_the_project_offers_is_read_from_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        "[project.optional-dependencies]\ndocs = []\n[dependency-groups]\ntest = []\n"
    )
    given = given_by_user(Requirements())
    assert (given.groups, given.extras) == (("test",), ("docs",))
    assert {"pkg", "src"} <= given.modules
