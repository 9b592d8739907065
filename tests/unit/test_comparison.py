"""A whole comparison, with a store, a probe and runs that are not real."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import stores
from reporters import RecordingReporter

from jitbuild.diff.comparison import DiffEffects, compare_modes
from jitbuild.diff.diff_request import DiffRequest
from jitbuild.diff.repeat_command import repeat_command
from jitbuild.errors import ProofError, UsageError, VariantError
from jitbuild.request import Axes
from jitbuild.running.venvs import Requirements
from jitbuild.store.store import Store
from jitbuild.system.process import Completed

MACHINE_CODE = SimpleNamespace(name="machine-code", detail="There is machine code.")
OTHER_CHECK = SimpleNamespace(name="version", detail="It is 3.15.2.")


class FakeRecorder:
    """Stand for processes that exit with 0 in mode off and with `code` in the others."""

    def __init__(self, code=1):
        self.code, self.environments, self.commands = code, [], []

    def __call__(self, argv, /, *, env, log, timeout=None):
        self.commands.append(list(argv))
        self.environments.append(env)
        log.write(b"output\n")
        code = 0 if env.get("PYTHON_JIT", "0") == "0" else self.code
        return Completed(argv=tuple(argv), returncode=code)


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
        ok=True, checks=(OTHER_CHECK, MACHINE_CODE), machine_code_bytes=4096, reason=""
    )
    return DiffEffects(
        find=lambda spec, axes, reporter: interpreter,
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
    assert difference.repeat.endswith(f"--mode on -- {report.executable} x.py")


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
    effects = effects._replace(find=lambda spec, axes, reporter: old)
    with pytest.raises(VariantError):
        compare_modes(request("x.py", modes=("off", "stress")), store, RecordingReporter(), effects)


def test_a_jit_that_does_not_run_is_refused_where_a_mode_needs_it(store, effects):
    verdict = SimpleNamespace(
        ok=False, checks=(), machine_code_bytes=0, reason="There is no machine code."
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
    line = repeat_command(wanted, interpreter, "on", "test_x.py::test_f", {})
    assert line == "jitbuild run 3.15 --mode on -- -m pytest -q test_x.py::test_f"
    unknown = repeat_command(wanted, interpreter, "on", "elsewhere.test_z", {})
    assert unknown == "jitbuild run 3.15 --mode on -- -m pytest -q test_x.py"


def test_a_repeat_command_names_the_interpreter_where_axes_chose_it(interpreter):
    wanted = DiffRequest(spec="3.15", axes=Axes(profile="debug"), command=("x.py",))
    line = repeat_command(wanted, interpreter, "on", None, {})
    assert line == f"jitbuild run {interpreter.name} --mode on -- x.py"


def test_a_repeat_command_names_programs_of_an_environment_by_their_path(tmp_path, store):
    script = tmp_path / "bin" / "pytest"
    script.parent.mkdir()
    script.touch()
    script.chmod(0o755)
    environment = stores.put(store).with_executable(script.parent / "python")
    wanted = request("pytest", "-q", requirements=Requirements(["pytest"]))
    line = repeat_command(wanted, environment, "on", None, {"PATH": "/nowhere"})
    assert line == f"jitbuild run 3.15 --mode on -- {script} -q"
