"""The first Python on PATH that fits a request is adopted."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitbuild.errors import InterpreterError, NotInstalledError
from jitbuild.request import parse
from jitbuild.sessions.adopt_from_path import adopt_from_path, mismatch, programs_on_path
from jitbuild.sessions.interpreter_request import InterpreterRequest
from jitbuild.store.store import Store

REQUEST = InterpreterRequest(parse("3.15"))


def test_programs_on_path_are_chosen_by_name_without_duplicates(tmp_path: Path):
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
            str(program.relative_to(tmp_path))
            for program in programs_on_path(InterpreterRequest(parse(text)), path)
        ]

    assert names("3.15") == ["a/python3.15", "b/python3", "b/python"]
    assert names("3.15t") == ["a/python3.15t", "b/python3", "b/python"]
    assert names(">=3.14") == ["a/python3.15", "a/python3.14", "b/python3", "b/python"]


def verdict(version="3.15.2", **changed):
    """Return the verdict on a Python that fits 3.15."""
    facts = {"executable": "/real/python3.15", "prefix": "/usr", "base_prefix": "/usr"}
    facts |= {name: changed.pop(name) for name in list(changed) if name in facts}
    plain = {"ok": True, "reason": "No machine code.", "free_threaded": False}
    return SimpleNamespace(version=version, facts=SimpleNamespace(**facts), **(plain | changed))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, ""),
        ({"version": "3.14.1"}, "it is Python 3.14.1."),
        ({"prefix": "/venv"}, "it belongs to a virtual environment."),
        ({"ok": False}, "No machine code."),
        ({"free_threaded": True}, "it is free-threaded."),
    ],
)
def test_a_python_that_does_not_fit_is_refused_with_the_reason(changed, reason):
    assert mismatch(REQUEST, verdict(**changed)) == reason


def test_a_free_threaded_request_needs_a_free_threaded_python():
    request = InterpreterRequest(parse("3.15t"))
    assert mismatch(request, verdict(free_threaded=True)) == ""
    assert mismatch(request, verdict()) == "it is not free-threaded."


@pytest.fixture
def path(tmp_path):
    """Return a PATH with three Pythons, of which the probe accepts the last."""
    for name in ("a/python3.15", "b/python3", "c/python"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    return os.pathsep.join(str(tmp_path / name) for name in "abc")


def fake_probe(program, *, expect):
    if program.name == "python3.15":
        raise InterpreterError("It cannot be run.", remedy="-")
    return verdict("3.14.1") if program.name == "python3" else verdict()


def test_the_first_python_that_fits_is_adopted_by_its_real_path(tmp_path, path):
    adopted = []

    def adopt(store, program, **options):
        adopted.append((program, options))
        return "adopted"

    store = Store(tmp_path / "home")
    assert adopt_from_path(REQUEST, store, path, probe=fake_probe, adopt=adopt) == "adopted"
    assert adopted == [(Path("/real/python3.15"), {"expect": "jit", "profile": None})]


def test_without_a_fitting_python_every_reason_is_named(tmp_path, path):
    folders = path.split(os.pathsep)[:2]
    with pytest.raises(NotInstalledError) as caught:
        adopt_from_path(
            REQUEST, Store(tmp_path / "home"), os.pathsep.join(folders), probe=fake_probe
        )
    assert caught.value.what == (
        "No Python on PATH fits 3.15 and passes the probe. It cannot be run. "
        f"{Path(folders[1]) / 'python3'}: it is Python 3.14.1."
    )
    assert "jitbuild install 3.15" in caught.value.remedy


def test_an_empty_path_has_no_program_of_such_a_name(tmp_path):
    with pytest.raises(NotInstalledError, match="No program has a suitable name"):
        adopt_from_path(REQUEST, Store(tmp_path / "home"), str(tmp_path))
