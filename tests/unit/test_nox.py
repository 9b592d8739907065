"""The parts of nox sessions that need neither nox to run nor an interpreter."""

from __future__ import annotations

import os
from pathlib import Path

import nox
import pytest
import stores
from nox import registry

import jitbuild.nox as jit
from jitbuild.errors import (
    JitbuildError,
    NotInstalledError,
    ProofError,
    SettingsError,
    UsageError,
    VariantError,
)
from jitbuild.modes import MODES
from jitbuild.probing.facts import ProbeFacts
from jitbuild.request import parse
from jitbuild.sessions import sessions
from jitbuild.sessions.sessions import Provided, Want

PROVIDED = Provided(
    "cpython-3.15.2-jit-fast-0", "3.15.2", "/it's here/python3.15", "1" * 32, "yes-off"
)


@pytest.fixture(autouse=True)
def fresh_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOX_ENVDIR", raising=False)
    monkeypatch.delenv("JITBUILD_PYTHONS", raising=False)
    monkeypatch.delenv("JITBUILD_MODES", raising=False)
    registry.reset()
    yield
    registry.reset()


def facts(**changed: object) -> ProbeFacts:
    plain = {
        "version": "3.15.2",
        "full_version": "3.15.2",
        "implementation": "cpython",
        "executable": "/v/bin/python",
        "prefix": "/v",
        "base_prefix": "/usr",
        "free_threaded": False,
        "debug": False,
        "platform": "linux-x86_64",
        "multiarch": "",
        "ignores_environment": False,
        "build_flags": (),
        "tracers": (),
        "jit_available": True,
        "jit_enabled": False,
        "active_iterations": 0,
        "tier2": True,
        "executors": 0,
        "machine_code_bytes": 0,
        "interpreted": False,
        "missing": None,
    }
    return ProbeFacts(**(plain | changed))


ON = {"jit_enabled": True, "executors": 3, "machine_code_bytes": 4096, "active_iterations": 9}


@pytest.mark.parametrize(
    ("want", "session", "tags"),
    [
        (Want(parse("3.15")), "3.15-jit-on", ["jit", "jit_on", "py315"]),
        (Want(parse("3.15.0b2")), "3.15.0b2-jit-on", ["jit", "jit_on", "py315"]),
        (Want(parse("v3.14.1")), "v3.14.1-jit-on", ["jit", "jit_on", "py314"]),
        (Want(parse(">=3.14")), ">=3.14-jit-on", ["jit", "jit_on"]),
        (Want(parse("main")), "main-jit-on", ["jit", "jit_on", "py_main"]),
        (
            Want(parse("3.15"), "yes", "debug", "adopt"),
            "3.15-yes-debug-jit-on",
            ["jit", "jit_on", "py315"],
        ),
    ],
)
def test_names_and_tags(want: Want, session: str, tags: list[str]):
    assert (want.session("on"), want.tags("on")) == (session, tags)
    assert not any("-" in tag for tag in tags)


def test_free_threading_has_a_tag_of_its_own():
    assert Want(parse("3.15t")).tags("off") == ["jit", "jit_off", "py315t"]


def test_every_want_has_a_path_of_its_own(tmp_path: Path):
    texts = ["3.15", "3.15.0", "3.15t", ">=3.15", "<=3.15", "./cpython", "../cpython", "main"]
    different = [Want(parse(text)) for text in texts]
    different += [Want(parse("3.15"), profile="debug"), Want(parse("3.15"), policy="never")]
    shims = [want.shim(tmp_path) for want in different]
    assert len(set(shims)) == len(shims)
    assert all(shim.is_relative_to(tmp_path / ".jitbuild") for shim in shims)


def registered() -> dict[str, object]:
    return registry.get()


def test_a_session_becomes_one_for_each_python_and_mode():
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


def test_bare_parameters_are_nox_s_own():
    found = jit.params(pythons=["3.15"], modes=["stress"])
    assert [(param.id, param.args[1]) for param in found] == [("3.15-jit-stress", "stress")]
    assert Path(found[0].args[0]).is_absolute()


def test_the_settings_are_what_is_meant_when_nothing_is_said(tmp_path: Path):
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
def test_what_cannot_be_run_is_refused_when_the_noxfile_is_read(
    arguments: dict, error: type[JitbuildError]
):
    with pytest.raises(error):
        jit.session(**arguments)(lambda session: None)


def test_nox_s_own_python_and_a_session_of_our_name_are_refused():
    with pytest.raises(UsageError, match="python"):
        jit.session(pythons=["3.15"], python="3.15")(lambda session: None)
    with pytest.raises(UsageError, match="python"):
        jit.session(pythons=["3.15"])(lambda session, python: None)
    nox.session(name="jitbuild")(lambda session: None)
    with pytest.raises(UsageError, match="jitbuild"):
        jit.params(pythons=["3.15"])


def test_without_providers_nox_must_not_skip(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nox.options, "error_on_missing_interpreters", False)
    monkeypatch.setattr("sys.argv", ["nox"])
    jit.params(pythons=["3.15"])
    assert not nox.options.error_on_missing_interpreters
    monkeypatch.setattr("sys.argv", ["nox", "--no-dependencies"])
    jit.params(pythons=["3.15"])
    assert nox.options.error_on_missing_interpreters


def test_the_policy_is_the_variable_s_then_the_noxfile_s_then_install():
    want = Want(parse("3.15"), policy="adopt")
    assert sessions.policy_of(want, {"JITBUILD_POLICY": "never"}) == "never"
    assert sessions.policy_of(want, {}) == "adopt"
    assert sessions.policy_of(Want(parse("3.15")), {"JITBUILD_POLICY": ""}) == "install"
    with pytest.raises(SettingsError, match="JITBUILD_POLICY"):
        sessions.policy_of(want, {"JITBUILD_POLICY": "sometimes"})


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_sets_or_removes_all_of_the_jit_s_variables(mode):
    outer = {
        "PATH": "/bin",
        "PYTHON_JIT": "1",
        "PYTHON_JIT_STRESS": "1",
        "PYTHON_UOPS_OPTIMIZE": "0",
    }
    env = {**outer, **sessions.changes(mode, outer)}
    seen = {name: value for name, value in env.items() if value is not None}
    expected = {
        "off": {"PYTHON_JIT": "0"},
        "on": {"PYTHON_JIT": "1"},
        "stress": {"PYTHON_JIT": "1", "PYTHON_JIT_STRESS": "1"},
        "default": {},
    }
    assert seen == {"PATH": "/bin", **expected[mode]}


def test_what_is_right_already_is_still_said():
    """nox may be told to leave out the outer environment."""
    assert sessions.changes("on", {"PYTHON_JIT": "1"}) == {"PYTHON_JIT": "1"}


@pytest.mark.parametrize("mode", ["off", "default"])
def test_no_machine_code_is_right_there(mode):
    assert sessions.broken(facts(), mode, PROVIDED) == ""


@pytest.mark.parametrize(
    ("seen", "mode", "reason"),
    [
        (ON, "on", ""),
        (ON, "stress", ""),
        ({}, "on", "no machine code"),
        ({"tracers": ("sys.settrace",)}, "on", "sys.settrace is set"),
        (ON, "off", "does not switch the JIT off"),
        ({"executors": 1}, "off", "does not switch the JIT off"),
        ({"tier2": False}, "off", "not compiled in"),
        ({"tier2": False}, "on", "not compiled in"),
        ({"version": "3.14.10"}, "off", "It is Python 3.14.10"),
        ({"ignores_environment": True}, "on", "-E or -I"),
    ],
)
def test_when_a_mode_holds(seen: dict, mode, reason: str):
    said = sessions.broken(facts(**seen), mode, PROVIDED)
    assert reason in said
    assert bool(said) == bool(reason)


def test_what_only_3_15_has_does_not_hold_on_3_13():
    old = PROVIDED._replace(version="3.13.15")
    seen = facts(version="3.13.15", jit_enabled=None, executors=3, machine_code_bytes=4096)
    assert sessions.broken(seen, "on", old) == ""
    assert "PYTHON_JIT_STRESS" in sessions.broken(seen, "stress", old)


def test_a_build_without_the_jit_that_was_asked_for_is_fine_with_it_off():
    assert (
        sessions.broken(facts(tier2=False, jit_available=False), "off", PROVIDED._replace(jit="no"))
        == ""
    )


def test_the_check_looks_in_the_environment_of_the_session():
    asked = []

    def look(python, environ):
        asked.append((python, dict(environ)))
        return facts()

    with pytest.raises(ProofError, match="mode on does not hold"):
        sessions.check(Path("/v/bin/python"), "on", PROVIDED, {"PYTHON_JIT": "1"}, look=look)
    assert asked == [(Path("/v/bin/python"), {"PYTHON_JIT": "1"})]


def test_a_shim_says_what_it_stands_for_and_changes_only_with_it(tmp_path: Path):
    shim = tmp_path / "3.15" / "python"
    assert sessions.read_shim(shim) is None
    sessions.write_shim(shim, PROVIDED)
    assert sessions.read_shim(shim) == PROVIDED
    assert os.access(shim, os.X_OK)
    os.utime(shim, (1, 1))
    sessions.write_shim(shim, PROVIDED)
    assert shim.stat().st_mtime == 1
    sessions.write_shim(shim, PROVIDED._replace(instance="2" * 32))
    assert shim.stat().st_mtime > 1
    assert [path.name for path in shim.parent.iterdir()] == ["python"]


@pytest.mark.parametrize("text", ["", "#!/bin/sh\n", "# {\n", "# {}\n", "# []\n"])
def test_a_shim_that_is_none_stands_for_nothing(tmp_path: Path, text: str):
    (tmp_path / "python").write_text(text)
    assert sessions.read_shim(tmp_path / "python") is None


def test_the_note_in_a_venv(tmp_path: Path):
    stamp = tmp_path / "note"
    assert sessions.read_stamp(stamp) is None
    sessions.write_stamp(stamp, ["/python", "1"])
    assert sessions.read_stamp(stamp) == ["/python", "1"]
    stamp.write_text("{")
    assert sessions.read_stamp(stamp) is None


def test_the_programs_on_path_that_may_be_it(tmp_path: Path):
    for name in (
        "a/python3.15",
        "a/python3.14",
        "a/python3.15t",
        "a/python3.15-config",
        "b/python3",
        "b/python",
        "b/pythonw3",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "b/python3.15").symlink_to(tmp_path / "a/python3.15")
    path = os.pathsep.join([str(tmp_path / "a"), "", str(tmp_path / "gone"), str(tmp_path / "b")])

    def names(text: str) -> list[str]:
        return [
            str(found.relative_to(tmp_path)) for found in sessions.candidates(parse(text), path)
        ]

    assert names("3.15") == ["a/python3.15", "b/python3", "b/python"]
    assert names("3.15t") == ["a/python3.15t", "b/python3", "b/python"]
    assert names(">=3.14") == ["a/python3.15", "a/python3.14", "b/python3", "b/python"]


def test_nothing_on_path_is_told_with_what_to_do(tmp_path: Path):
    from jitbuild.store.store import Store

    with pytest.raises(NotInstalledError, match=r"No Python on PATH fits 3\.15") as caught:
        sessions.adopt(Want(parse("3.15")), Store(tmp_path / "home"), str(tmp_path))
    assert "jitbuild install 3.15" in str(caught.value)


class QuitError(Exception):
    """What nox raises at session.error."""


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
    """A session as nox hands it to a function, at the time when its venv is made."""

    def __init__(self, python: object, venv: FakeVenv, backend: str = "virtualenv") -> None:
        self.name, self.python, self.virtualenv, self.venv_backend = (
            "tests(3.15-jit-on)",
            python,
            venv,
            backend,
        )
        self.bin, self.env, self.said = (
            str(Path(venv.location, "bin")),
            {"VIRTUAL_ENV": venv.location, "CONDA": None},
            [],
        )

    def log(self, text: str) -> None:
        self.said.append(text)

    def error(self, text: str) -> None:
        raise QuitError(text)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a 3.15.2; returns its executable."""
    from jitbuild.store.store import Store

    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JITBUILD_POLICY", "never")
    store = Store(tmp_path / "home")
    found = stores.put(store, name="cpython-3.15.2-x")
    return found.executable


def provided_session(
    tmp_path: Path, *, reused: bool, python: object = None, backend: str = "virtualenv"
) -> FakeSession:
    (parameter,) = jit.params(pythons=["3.15"], modes=["on"])
    return FakeSession(
        python or parameter.args[0], FakeVenv(tmp_path / "venv", reused=reused), backend
    )


def provide(session: FakeSession) -> None:
    registered()["jitbuild"](session, provides="3.15")


def test_a_session_is_provided_begun_and_checked(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHON_JIT_STRESS", "1")
    session = provided_session(tmp_path, reused=False)
    provide(session)
    asked = []

    def look(python, environ):
        asked.append((python, environ))
        return facts(**ON)

    jit.start(session, "on", look=look)
    ((python, environ),) = asked
    assert python == tmp_path / "venv/bin/python"
    assert (environ["PYTHON_JIT"], environ["VIRTUAL_ENV"]) == ("1", str(tmp_path / "venv"))
    assert not {"PYTHON_JIT_STRESS", "CONDA"} & set(environ)
    assert (session.env["PYTHON_JIT"], session.env["PYTHON_JIT_STRESS"]) == ("1", None)
    assert f"3.15 is cpython-3.15.2-x: CPython 3.15.2, {kept}" in session.said[0]
    assert "JIT on: a hot loop has 4096 bytes of machine code" in session.said[1]
    assert session.virtualenv.created == 0
    with pytest.raises(QuitError, match="mode on does not hold"):
        jit.start(session, "on", look=lambda *_: facts())


def test_a_reused_venv_is_made_anew_unless_it_is_noted_as_that_instance_s(
    tmp_path: Path, kept: Path
):
    session = provided_session(tmp_path, reused=True)
    provide(session)
    jit.start(session, "on", look=lambda *_: facts(**ON))
    assert (session.virtualenv.created, session.virtualenv._reused) == (1, False)
    again = FakeSession(session.python, FakeVenv(tmp_path / "venv", reused=True))
    jit.start(again, "on", look=lambda *_: facts(**ON))
    assert (again.virtualenv.created, again.virtualenv._reused) == (0, True)
    shim = Path(session.python)
    sessions.write_shim(shim, sessions.read_shim(shim)._replace(instance="another"))
    jit.start(again, "on", look=lambda *_: facts(**ON))
    assert again.virtualenv.created == 1


def test_what_cannot_begin_says_why(tmp_path: Path, kept: Path):
    with pytest.raises(QuitError, match=r"was not provided. Run: nox -s 'jitbuild\(3\.15\)'"):
        jit.start(provided_session(tmp_path, reused=False), "on")
    with pytest.raises(QuitError, match="none of jitbuild's"):
        jit.start(provided_session(tmp_path, reused=False, python="3.11"), "on")
    with pytest.raises(QuitError, match="venv backend conda"):
        jit.start(provided_session(tmp_path, reused=False, backend="conda"), "on")


def test_a_provider_that_may_not_build_says_what_to_type(tmp_path: Path, kept: Path):
    jit.params(pythons=["3.14"])
    with pytest.raises(
        QuitError, match=r"No interpreter in the store fits 3\.14.*jitbuild install 3\.14"
    ):
        registered()["jitbuild"](provided_session(tmp_path, reused=False), provides="3.14")


def test_the_function_is_called_in_its_mode_and_told_if_it_asks(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jit, "start", lambda session, mode: begun.append(mode))
    begun, called = [], []

    @jit.session(pythons=["3.15"])
    def told(session, jit_mode, other=None):
        called.append((jit_mode, other))

    @jit.session(pythons=["3.15"])
    def untold(session):
        called.append(())

    session = provided_session(tmp_path, reused=False)
    told(session, jit_mode="on", other=3)
    untold(session, jit_mode="off")
    assert (begun, called) == (["on", "off"], [("on", 3), ()])
