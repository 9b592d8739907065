"""`jitbuild which`."""

import json

import pytest
from cli_fixtures import put

from jitbuild.errors import NotInstalledError

pytestmark = pytest.mark.usefixtures("home")


def test_the_executable_is_printed_and_nothing_else(run, store):
    name = "cpython-3.15.2-jit-fast-kkkkkkkk"
    found = put(store, name)
    for spec in ("3.15", "3.15.2", ">=3.13", name, "cpython-3.15"):
        assert run("which", spec) == (0, f"{found.executable}\n", "")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["3.14"], "jitbuild install 3.14"),
        ([">=3.14,<3.15"], "jitbuild install '>=3.14,<3.15'"),
        (["3.15", "--jit", "yes"], "jitbuild install 3.15 --jit=yes"),
        (
            ["3.15", "--profile", "debug", "--tail-call", "--configure-arg", "--with-x=a b"],
            "jitbuild install 3.15 --profile=debug --tail-call '--configure-arg=--with-x=a b'",
        ),
    ],
)
def test_the_error_for_a_missing_interpreter_names_the_command_that_builds_it(
    run, store, words, remedy
):
    put(store, "x")
    code, out, err = run("which", *words)
    assert (code, out) == (NotInstalledError.exit_code, "")
    contents = (
        "x was built with --jit=yes-off --profile=fast."
        if words[0] == "3.15"
        else "The store has: x."
    )
    assert contents in err
    assert err.endswith(f"\nBuild it: {remedy}\n")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("3.12", "CPython 3.12 has no JIT: the JIT came with 3.13."),
        ("3.15.77", "No recipe has a release for 3.15.77."),
        ("3.99", "for 3.99: they know only 3.99.0a1."),
        ("3.99.0a1", "CPython 3.99.0a1 exists, but the recipes do not have the sha256 of its"),
        (">=4", "No recipe has a release for >=4."),
    ],
)
def test_an_install_that_must_fail_is_not_advised(run, tmp_path, monkeypatch, spec, reason):
    (tmp_path / "cpython-3.99.toml").write_text(
        'series = "3.99"\n[[unpinned]]\nversion = "3.99.0a1"\nreason = "It is new."\n'
    )
    monkeypatch.setenv("JITBUILD_RECIPES", str(tmp_path))
    code, out, err = run("which", spec)
    assert (code, out) == (NotInstalledError.exit_code, "")
    assert reason in err
    assert "jitbuild install" not in err


@pytest.mark.parametrize("command", ["which", "uninstall"])
def test_a_name_that_was_removed_is_not_installed(run, command):
    code, _, err = run(command, "cpython-3.15.2-jit-fast-00000000")
    assert code == NotInstalledError.exit_code
    assert "jitbuild list" in err


def test_an_interpreter_without_its_executable_is_not_installed(run, store):
    put(store, "x").executable.unlink()
    assert run("which", "3.15")[0] == NotInstalledError.exit_code


def test_several_requests_are_printed_one_per_line_or_none_of_them(run, store):
    first, second = put(store, "a", "3.14.10"), put(store, "b", "3.15.2")
    for words in (["3.14,3.15"], ["3.14", "3.15"]):
        assert run("which", *words) == (0, f"{first.executable}\n{second.executable}\n", "")
    code, out, err = run("which", "3.14,3.13")
    assert (code, out) == (NotInstalledError.exit_code, "")
    assert "fits 3.13." in err


def test_the_json_is_that_of_list(run, store):
    put(store, "a", "3.14.10")
    put(store, "b", "3.15.2")
    assert json.loads(run("which", "3.14,3.15", "--json")[1]) == json.loads(
        run("list", "--json")[1]
    )
    (one,) = json.loads(run("which", "3.15", "--json")[1])
    assert one["name"] == "b"


@pytest.mark.parametrize("jit", ["no", "interpreter"])
def test_a_note_says_if_the_mode_on_cannot_use_the_interpreter(run, store, jit):
    name = "cpython-3.15.2-nojit-fast-kkkkkkkk"
    found = put(store, name, jit=jit)
    printed = f"{found.executable}\n"
    note = f"note: {name} has no machine code, so `jitbuild run --mode on` does not use it.\n"
    assert run("which", "3.15") == (0, printed, note)
    for words in (["3.15", "-q"], ["3.15", "--jit", jit], [name]):
        assert run("which", *words) == (0, printed, "")
    put(store, "x", "3.15.2", jit="no", free_threaded=True)
    assert run("which", "3.15t")[2] == ""
