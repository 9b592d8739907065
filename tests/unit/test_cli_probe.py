"""`jitbuild probe`."""

import json
from pathlib import Path

import pytest
from cli_fixtures import put
from fake_interpreter import build, probed

from jitbuild.cli import probe
from jitbuild.errors import NotInstalledError, RequestError

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def missing():
    """The modules that the probed programs cannot import."""
    return []


@pytest.fixture
def programs(monkeypatch, missing):
    """The programs that were probed; each answers as a build with the JIT off by default."""
    programs: list[Path] = []

    def answer(program, *, expect, modules, required):
        programs.append(program)
        answers = build("yes-off", missing=missing)
        return probed(answers, expect=expect, modules=modules, required=required)

    monkeypatch.setattr(probe, "probe", answer)
    return programs


def test_the_text_has_every_check_and_the_conclusion(run, elsewhere, programs):
    code, out, err = run("probe", elsewhere)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "cpython 3.15.2  /opt/python/bin/python3"
    assert all(line.startswith("  ok    ") for line in lines[1:-3])
    assert lines[-2] == (
        "  note: 3.15.2 has 1 known JIT bug (gh-157875). No release has a fix for it yet. "
        "`jitbuild bugs 3.15.2` describes it."
    )
    assert lines[-3] == "  JIT built: yes-off; by PYTHON_JIT unset: off, 0: off, 1: on"
    assert lines[-1] == "The interpreter is as expected."


def test_the_exit_code_is_1_if_the_interpreter_is_not_as_expected(run, elsewhere, programs):
    code, out, _ = run("probe", elsewhere, "--expect", "no")
    assert code == 1
    assert "\n  FAIL  " in out
    shown = json.loads(run("probe", elsewhere, "--expect", "no", "--json")[1])
    assert shown["ok"] is False
    assert shown["known_bugs"][0]["issue"] == "gh-157875"


def test_a_path_or_a_program_on_path_is_probed_before_the_store(
    run, store, elsewhere, programs, monkeypatch
):
    put(store, "x")
    elsewhere.chmod(0o755)
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    run("probe", elsewhere)
    run("probe", "python3.15")
    assert programs == [elsewhere, elsewhere]


def test_a_request_is_looked_up_in_the_store(run, store, programs):
    installed = put(store, "x")
    assert run("probe", "3.15")[0] == 0
    assert programs == [installed.executable]
    assert run("probe", "3.14")[0] == NotInstalledError.exit_code


def test_the_exact_name_of_an_interpreter_is_looked_up_in_the_store(run, store, programs):
    name = "cpython-3.15.2-jit-fast-0123abcd"
    installed = put(store, name)
    assert run("probe", name)[0] == 0
    assert programs == [installed.executable]
    assert run("probe", f"{name[:-1]}e")[0] == NotInstalledError.exit_code


def test_another_name_is_a_program_on_path_or_a_wrong_request(
    run, programs, elsewhere, monkeypatch
):
    pypy = elsewhere.with_name("pypy3")
    pypy.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(pypy.parent))
    assert run("probe", "pypy3")[0] == 0
    assert programs == [pypy]
    code, _, err = run("probe", "pypy4")
    assert code == RequestError.exit_code
    assert "There is no program 'pypy4' on PATH." in err
    assert "Name the path of a Python" in err


def test_modules_that_an_interpreter_of_the_store_lost_fail_the_probe(
    run, store, programs, missing
):
    put(store, "x")
    missing += ["curses"]
    code, out, _ = run("probe", "3.15")
    assert (
        code,
        "  ok    modules: These usual modules are missing, which does not fail the probe: curses.\n"
        in out,
    ) == (0, True)
    missing += ["ssl"]
    code, out, _ = run("probe", "3.15")
    assert (code, "  FAIL  modules: It can no longer import ssl.\n" in out) == (1, True)
    assert out.splitlines()[-1].endswith("again: jitbuild install 3.15")
    shown = json.loads(run("probe", "3.15", "--json")[1])
    assert (shown["ok"], shown["missing_modules"]) == (False, ["curses", "ssl"])


def test_modules_that_an_interpreter_never_had_do_not_fail_the_probe(
    run, store, elsewhere, programs, missing
):
    put(store, "x", verdict={"ok": True, "jit": {"built": "yes-off"}, "missing_modules": ["ssl"]})
    put(store, "y", "3.14.0", program=elsewhere)
    missing += ["ssl"]
    assert [run("probe", spec)[0] for spec in ("3.15", "3.14", elsewhere)] == [0, 0, 0]
