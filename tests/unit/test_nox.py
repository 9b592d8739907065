"""jitbuild.nox: the sessions it makes, and how they start, without running nox."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import nox
import pytest
import stores
from nox import registry
from session_samples import WITH_CODE, facts

import jitbuild.nox as jit
from jitbuild.errors import JitbuildError, SettingsError, UsageError, VariantError
from jitbuild.sessions.shims import read_shim, write_shim
from jitbuild.store.store import Store


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOX_ENVDIR", raising=False)
    monkeypatch.delenv("JITBUILD_PYTHONS", raising=False)
    monkeypatch.delenv("JITBUILD_MODES", raising=False)
    registry.reset()
    yield
    registry.reset()


def registered() -> dict[str, object]:
    return registry.get()


def test_a_function_becomes_a_session_for_each_python_and_mode():
    @jit.session(pythons=["3.14", "3.15"], modes=["off", "on"], tags=["slow"], reuse_venv=True)
    def tests(session):
        """Test it."""

    assert registered()["tests"] is tests
    assert [param.id for param in tests.parametrize] == [
        "3.14-jit-off",
        "3.14-jit-on",
        "3.15-jit-off",
        "3.15-jit-on",
    ]
    assert [param.tags for param in tests.parametrize][-1] == ["jit", "jit_on", "py315"]
    assert (tests.tags, tests.reuse_venv, tests.__doc__) == (["slow"], True, "Test it.")
    provider = registered()["jitbuild"]
    assert [param.id for param in provider.parametrize] == ["3.14", "3.15"]
    assert (provider.default, provider.python) == (False, False)
    assert not (Path.cwd() / ".nox").exists()


def test_each_parameter_requires_only_its_own_provider():
    from nox._decorators import Call

    @jit.session(pythons=["3.14", "3.15"], modes=["on"], requires=["lint"])
    def tests(session): ...

    calls = Call.generate_calls(tests, tests.parametrize)
    assert [call.requires for call in calls] == [
        ["lint", "jitbuild(3.14)"],
        ["lint", "jitbuild(3.15)"],
    ]
    assert all(
        call.python.endswith(str(Path(series, "python")))
        for call, series in zip(calls, ("3.14", "3.15"), strict=True)
    )


def test_two_functions_share_their_providers():
    @jit.session(pythons=["3.15"])
    def one(session): ...

    @jit.session(pythons=["3.15", "3.14"], policy=None)
    def two(session): ...

    @jit.session(pythons=["3.15"], profile="debug", policy="never")
    def three(session): ...

    assert [param.id for param in registered()["jitbuild"].parametrize] == [
        "3.15",
        "3.14",
        "3.15-debug-never",
    ]


def test_other_parameters_multiply():
    @jit.session(pythons=["3.15"], modes=["on"])
    @nox.parametrize("django", ["4", "5"])
    def tests(session, django): ...

    assert [str(param) for param in tests.parametrize] == [
        "django='4', 3.15-jit-on",
        "django='5', 3.15-jit-on",
    ]


def test_parameters_are_those_of_nox():
    parameters = jit.params(pythons=["3.15"], modes=["stress"])
    assert [(param.id, param.args[1]) for param in parameters] == [("3.15-jit-stress", "stress")]
    assert Path(parameters[0].args[0]).is_absolute()


def test_without_arguments_the_settings_apply(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.jitbuild]\npythons = ["3.13", "3.15"]\nmodes = ["on"]\n'
    )
    assert [param.id for param in jit.params()] == ["3.13-jit-on", "3.15-jit-on"]
    assert [param.id for param in jit.params(pythons=["3.14"], modes=["off"])] == ["3.14-jit-off"]
    (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\npythons = ["3.13"]\n')
    assert [param.id for param in jit.params()] == ["3.13-jit-off", "3.13-jit-on"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, UsageError),
        ({"pythons": []}, UsageError),
        ({"pythons": ["three"]}, JitbuildError),
        ({"pythons": ["3.15"], "modes": ["of"]}, UsageError),
        ({"pythons": ["3.14"], "modes": ["stress"]}, VariantError),
        ({"pythons": ["3.15t"], "modes": ["on"]}, VariantError),
        ({"pythons": ["3.15t"], "modes": ["off"], "jit": "yes"}, VariantError),
        ({"pythons": ["3.15"], "modes": ["on"], "jit": "no"}, VariantError),
        ({"pythons": ["3.15"], "policy": "always"}, UsageError),
    ],
)
def test_impossible_sessions_are_refused_when_the_noxfile_is_read(
    arguments: dict, error: type[JitbuildError]
):
    with pytest.raises(error):
        jit.session(**arguments)(lambda session: None)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            {"pythons": ["3.15"], "modes": ["onn"]},
            "'onn' is not a mode. Did you mean on? Choose from: off, on, stress, default.",
        ),
        (
            {"pythons": ["3.15t"], "modes": ["on"]},
            "CPython 3.15t has no JIT: it would silently ignore the mode `on`. Omit the mode.",
        ),
        ({"pythons": 3.15}, "pythons: 3.15 is not a string. Write it as '3.15'."),
        ({"pythons": ["3.14", 3.15]}, "pythons: 3.15 is not a string. Write it as '3.15'."),
        ({"pythons": ["3.15"], "modes": [1]}, "modes: 1 is not a string. Write it as '1'."),
        (
            {"pythons": ["3.15"], "mode": ["on"]},
            "<lambda>: jit.session has no option `mode`. Did you mean modes? Check the spelling.",
        ),
    ],
)
def test_a_mistake_that_the_noxfile_does_not_catch_ends_nox_with_one_line(
    arguments: dict, line: str
):
    with pytest.raises(SystemExit) as caught:
        jit.session(**arguments)(lambda session: None)
    place, _, rest = str(caught.value.code).partition(": ")
    assert re.fullmatch(r"nox > test_nox\.py, line \d+", place)
    assert rest == line
    assert isinstance(caught.value, JitbuildError)


def test_an_invalid_setting_ends_nox_with_one_line(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\npythons = "3.14"\n')
    with pytest.raises(SystemExit) as caught:
        jit.params()
    assert "`pythons` must be a non-empty list of strings" in caught.value.code
    assert "\n" not in caught.value.code
    with pytest.raises(SettingsError):
        jit.params()


def test_an_unknown_mode_ends_a_session_with_the_reason(tmp_path: Path, executable: Path):
    with pytest.raises(QuitError, match=r"'onn' is not a mode\. .* stress, default$"):
        jit.start(provided_session(tmp_path, reused=False), "onn")


def test_the_python_of_nox_and_a_session_named_jitbuild_are_refused():
    with pytest.raises(UsageError, match="python"):
        jit.session(pythons=["3.15"], python="3.15")(lambda session: None)
    with pytest.raises(UsageError, match="python"):
        jit.session(pythons=["3.15"])(lambda session, python: None)
    nox.session(name="jitbuild")(lambda session: None)
    with pytest.raises(UsageError, match="jitbuild"):
        jit.params(pythons=["3.15"])


def test_nox_selects_sessions_by_their_interpreter():
    """`nox -p TEXT` selects the sessions whose Python equals TEXT."""
    requests = ["3.14", "3.15.2", "3.15t", "main", ">=3.14"]
    parameters = jit.params(pythons=requests, modes=["off"])
    pythons = {request: param.args[0] for request, param in zip(requests, parameters, strict=True)}
    selected = {
        text: [request for request, python in pythons.items() if python == text]
        for text in ("3.14", "3.15.2", "3.15", "3.15t", "main", ">=3.14", "3.13")
    }
    assert selected == {
        "3.14": ["3.14"],
        "3.15.2": ["3.15.2"],
        "3.15": ["3.15.2"],
        "3.15t": ["3.15t"],
        "main": ["main"],
        ">=3.14": [">=3.14"],
        "3.13": [],
    }
    (param,) = jit.params(pythons=["3.15"], modes=["off"], jit="yes", profile="debug")
    assert param.args[0] == "3.15-yes-debug"


def test_the_python_of_a_session_is_a_path_and_can_be_copied():
    python = jit.params(pythons=["3.15"], modes=["off"])[0].args[0]
    path = str(python)
    assert (python == path, path == python, python != path, hash(python) == hash(path)) == (
        *(True, True, False),
        True,
    )
    assert python != "3.14"
    assert python != 3.15
    for same in (copy.deepcopy(python), pickle.loads(pickle.dumps(python))):
        assert (str(same), same == "3.15") == (path, True)
    assert json.dumps(python) == json.dumps(path)


def test_a_python_that_nox_is_forced_to_use_is_no_interpreter_of_jitbuild():
    jit.params(pythons=["3.14", "3.15"])
    (requirement,) = jit.requires
    text = requirement.format(python="3.15", name="tests")
    assert text == (
        "3.15 is not provided by jitbuild. Instead of --force-python, use -p, which selects the "
        "sessions of an interpreter (3.14, 3.15)"
    )


def test_without_providers_nox_fails_for_a_missing_python(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nox.options, "error_on_missing_interpreters", False)
    monkeypatch.setattr("sys.argv", ["nox"])
    jit.params(pythons=["3.15"])
    assert not nox.options.error_on_missing_interpreters
    monkeypatch.setattr("sys.argv", ["nox", "--no-dependencies"])
    jit.params(pythons=["3.15"])
    assert nox.options.error_on_missing_interpreters


class QuitError(Exception):
    """Stand for the exception that session.error raises."""


class FakeVenv:
    def __init__(self, location: Path, *, reused: bool) -> None:
        self.location, self._reused, self.reuse_existing, self.created = (
            str(location),
            reused,
            reused,
            0,
        )
        location.mkdir(exist_ok=True)

    def create(self) -> None:
        self.created += not self.reuse_existing


class FakeSession:
    """Stand for the session that nox passes to a function, once its venv exists."""

    def __init__(self, python: object, venv: FakeVenv, backend: str = "virtualenv") -> None:
        self.name, self.python, self.virtualenv, self.venv_backend = (
            "tests(3.15-jit-on)",
            python,
            venv,
            backend,
        )
        self.bin, self.env, self.messages = (
            str(Path(venv.location, "bin")),
            {"VIRTUAL_ENV": venv.location, "CONDA": None},
            [],
        )

    def log(self, text: str) -> None:
        self.messages.append(text)

    def error(self, text: str) -> None:
        raise QuitError(text)


@pytest.fixture
def executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fill a store with a 3.15.2, and return its executable."""
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JITBUILD_POLICY", "never")
    store = Store(tmp_path / "home")
    return stores.put(store, name="cpython-3.15.2-x").executable


def provided_session(
    tmp_path: Path, *, reused: bool, python: object = None, backend: str = "virtualenv"
) -> FakeSession:
    (parameter,) = jit.params(pythons=["3.15"], modes=["on"])
    return FakeSession(
        python or parameter.args[0], FakeVenv(tmp_path / "venv", reused=reused), backend
    )


def provide(session: FakeSession) -> None:
    registered()["jitbuild"](session, provides="3.15")


def test_a_session_is_provided_started_and_checked(
    tmp_path: Path, executable: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHON_JIT_STRESS", "1")
    session = provided_session(tmp_path, reused=False)
    provide(session)
    calls = []

    def collect_facts(python, environ):
        calls.append((python, environ))
        return facts(**WITH_CODE)

    jit.start(session, "on", collect_facts=collect_facts)
    ((python, environ),) = calls
    assert python == tmp_path / "venv/bin/python"
    assert (environ["PYTHON_JIT"], environ["VIRTUAL_ENV"]) == ("1", str(tmp_path / "venv"))
    assert not {"PYTHON_JIT_STRESS", "CONDA"} & set(environ)
    assert (session.env["PYTHON_JIT"], session.env["PYTHON_JIT_STRESS"]) == ("1", None)
    assert f"3.15 is cpython-3.15.2-x: CPython 3.15.2, {executable}" in session.messages[0]
    assert "JIT on: a hot loop has 4096 bytes of machine code" in session.messages[1]
    assert session.virtualenv.created == 0
    with pytest.raises(QuitError, match="mode on has no effect"):
        jit.start(session, "on", collect_facts=lambda *_: facts())


def test_a_reused_venv_is_created_again_unless_its_note_names_the_instance(
    tmp_path: Path, executable: Path
):
    session = provided_session(tmp_path, reused=True)
    provide(session)
    jit.start(session, "on", collect_facts=lambda *_: facts(**WITH_CODE))
    assert (session.virtualenv.created, session.virtualenv._reused) == (1, False)
    again = FakeSession(session.python, FakeVenv(tmp_path / "venv", reused=True))
    jit.start(again, "on", collect_facts=lambda *_: facts(**WITH_CODE))
    assert (again.virtualenv.created, again.virtualenv._reused) == (0, True)
    shim = Path(session.python)
    write_shim(shim, read_shim(shim)._replace(instance="another"))
    jit.start(again, "on", collect_facts=lambda *_: facts(**WITH_CODE))
    assert again.virtualenv.created == 1


def test_a_session_that_cannot_start_ends_with_the_reason(tmp_path: Path, executable: Path):
    with pytest.raises(QuitError, match=r"was not provided. Run: nox -s 'jitbuild\(3\.15\)'"):
        jit.start(provided_session(tmp_path, reused=False), "on")
    with pytest.raises(QuitError, match="jitbuild did not provide"):
        jit.start(provided_session(tmp_path, reused=False, python="3.11"), "on")
    with pytest.raises(QuitError, match="venv backend conda"):
        jit.start(provided_session(tmp_path, reused=False, backend="conda"), "on")


def test_a_provider_that_may_not_build_names_the_command(tmp_path: Path, executable: Path):
    jit.params(pythons=["3.14"])
    with pytest.raises(
        QuitError, match=r"No interpreter in the store fits 3\.14.*jitbuild install 3\.14"
    ):
        registered()["jitbuild"](provided_session(tmp_path, reused=False), provides="3.14")


def test_the_function_is_called_after_the_start_and_receives_the_mode_if_it_takes_it(
    tmp_path: Path, executable: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jit, "start", lambda session, mode: started.append(mode))
    started, called = [], []

    @jit.session(pythons=["3.15"])
    def with_mode(session, jit_mode, other=None):
        called.append((jit_mode, other))

    @jit.session(pythons=["3.15"])
    def without_mode(session):
        called.append(())

    session = provided_session(tmp_path, reused=False)
    with_mode(session, jit_mode="on", other=3)
    without_mode(session, jit_mode="off")
    assert (started, called) == (["on", "off"], [("on", 3), ()])
