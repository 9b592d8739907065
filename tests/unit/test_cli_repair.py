"""`jitbuild repair`, and the commands that repair a moved interpreter or pass it over."""

from __future__ import annotations

import dataclasses
import json

import pytest
import stores
from moved_stores import NAME, REPAIRER, put_with_script

from jitbuild.cli import repair as command
from jitbuild.errors import InterpreterError, NotInstalledError, StoreError
from jitbuild.providers import refresh
from jitbuild.store.store import Store


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes the command line use a Repairer."""

    def use(repairer):
        monkeypatch.setattr(command, "Repairer", lambda: repairer)
        monkeypatch.setattr(refresh, "Repairer", lambda: repairer)

    use(REPAIRER)
    return use


@pytest.fixture
def origin(home, tmp_path, use):
    """The folder of an interpreter before its store was moved to the home of the command line."""
    store = Store(tmp_path / "origin")
    path = put_with_script(store).path
    store.root.rename(home)
    return path


@pytest.fixture
def read_only(use):
    def refuse(prefix, old):
        raise PermissionError(13, "Permission denied", str(prefix / "bin/pip"))

    use(dataclasses.replace(REPAIRER, relocate=refuse))


def assert_pip_works(store, origin):
    interpreter = store.get(NAME)
    script = (interpreter.path / "bin/pip").read_text()
    assert (str(interpreter.executable) in script, str(origin) in script) == (True, False)


def test_moved_interpreters_are_repaired_and_named(run, store, origin):
    assert run("repair", "--dry-run")[2] == f"would repair {NAME}, moved from {origin}: 1 files\n"
    assert store.get(NAME).state == "moved"
    assert run("repair") == (0, "", f"repaired {NAME}, moved from {origin}: 1 files\n")
    assert_pip_works(store, origin)
    assert run("repair") == (0, "", "No interpreter was moved: there is nothing to repair.\n")


def test_the_json_has_its_documented_shape(run, store, origin):
    expected = {
        "name": NAME,
        "from": str(origin),
        "path": str(store.interpreters / NAME),
        "files": ["bin/pip"],
        "repaired": False,
        "error": None,
    }
    assert json.loads(run("repair", "-n", "--json")[1]) == [expected]
    assert json.loads(run("repair", "--json")[1]) == [expected | {"repaired": True}]
    assert json.loads(run("repair", "--json")[1]) == []


def test_only_the_named_interpreters_are_repaired(run, store, origin):
    stores.put(store, "3.14.0")
    assert "nothing to repair" in run("repair", "cpython-3.14.0-jit-fast-kkkkkkkk")[2]
    assert store.get(NAME).state == "moved"
    code, _, err = run("repair", NAME, "cpython-3.14.0-nojit")
    assert (code, store.get(NAME).state) == (NotInstalledError.exit_code, "moved")
    assert "The store has no interpreter named cpython-3.14.0-nojit." in err
    assert run("repair", NAME)[0] == 0
    assert store.get(NAME).state == "proven"


@pytest.mark.usefixtures("origin", "read_only")
def test_a_store_that_cannot_be_written_ends_with_the_code_of_the_store(run, store):
    code, out, err = run("repair", "--json")
    assert code == StoreError.exit_code
    (record,) = json.loads(out)
    assert (record["repaired"], record["files"]) == (False, [])
    assert "cannot be rewritten" in record["error"]
    assert "cannot be rewritten" in err


def test_an_interpreter_without_its_program_is_not_repaired(run, store, origin):
    store.get(NAME).executable.unlink()
    assert run("repair")[0] == 0
    assert run("list")[1].split()[:2] == [NAME, "gone"]


@pytest.mark.parametrize("words", [("which", "3.15"), ("which", NAME), ("list",)])
def test_commands_that_find_a_moved_interpreter_repair_it_once(run, store, origin, words):
    code, out, err = run(*words)
    executable = str(store.interpreters / NAME / "bin/python3")
    assert (code, out.split()[-1]) == (0, "release" if words == ("list",) else executable)
    assert err == f"{NAME} was moved from {origin}, and has been repaired.\n"
    assert_pip_works(store, origin)
    assert run(*words) == (0, out, "")


@pytest.mark.usefixtures("read_only")
def test_a_moved_interpreter_that_cannot_be_repaired_is_passed_over(run, store, origin):
    code, out, err = run("which", "3.15")
    assert (code, out) == (StoreError.exit_code, "")
    assert "cannot be rewritten" in err
    code, out, err = run("list")
    assert (code, out.split()[:2]) == (0, [NAME, "moved"])
    assert "cannot be rewritten" in err
    other = stores.put(store, "3.15.1")
    code, out, err = run("which", "3.15")
    assert (code, out) == (0, f"{other.executable}\n")
    assert "cannot be rewritten" in err
    assert "`jitbuild repair`" in err


@pytest.mark.usefixtures("origin")
def test_a_moved_interpreter_that_does_not_run_here_is_passed_over(run, store, use):
    def start(program, environ):
        raise InterpreterError("It needs glibc 2.39.", remedy="Build it here.")

    use(dataclasses.replace(REPAIRER, start=start))
    code, out, err = run("which", "3.15")
    assert (code, out) == (InterpreterError.exit_code, "")
    assert "It needs glibc 2.39." in err
    assert store.get(NAME).state == "moved"
