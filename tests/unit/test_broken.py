"""Entries of the store with manifests that are damaged, or of something else."""

from __future__ import annotations

import json

import pytest
import tomli_w
from cli_fixtures import put

from jitbuild.errors import JitbuildError, StoreError
from jitbuild.store.broken import broken_entries, broken_entry
from jitbuild.store.manifest import FILE

NAME = "cpython-3.15.2-jit-fast-kkkkkkkk"


@pytest.fixture
def entry(store):
    return put(store, NAME)


def rewrite(entry, **fields):
    plain = entry.manifest.to_plain()
    (entry.path / FILE).write_text(tomli_w.dumps(plain | fields))


DEFECTS = [
    ({"version": 3}, "Expected `str`, got `int`"),
    ({"version": ""}, "'' is not a version of CPython"),
    ({"version": "3.14.2"}, "it states the version 3.14.2"),
    ({"version": "3.15.2", "name": "cpython-3.14.2-x"}, "it is the manifest of cpython-3.14.2-x"),
    ({"executable": "../../other/bin/python3"}, "outside its folder"),
    ({"executable": "/usr/bin/python3"}, "outside its folder"),
    ({"executable": ""}, "outside its folder"),
    ({"executable": "a\0b"}, "outside its folder"),
    ({"adopted": True, "executable": "bin/python3"}, "no absolute path"),
    ({"created": "2026-11-26T08:09:10"}, "timezone"),
    ({"schema": 99}, "another version of jitbuild"),
    ({"instance": ""}, "no instance"),
    ({"variant": []}, "Expected `object`, got `array`"),
]


@pytest.mark.parametrize(("fields", "reason"), DEFECTS)
def test_a_manifest_that_does_not_fit_is_one_broken_entry(store, run, entry, fields, reason):
    other = put(store, "cpython-3.14.2-jit-fast-kkkkkkkk", "3.14.2")
    rewrite(entry, **fields)
    code, out, err = run("list")
    assert (code, out.split()[0]) == (0, other.name)
    assert len(out.splitlines()) == 1
    assert f"{NAME} in the store is broken: its manifest is invalid" in err
    assert reason in err
    assert f"jitbuild uninstall {NAME}" in err


@pytest.mark.parametrize(
    "content",
    [b"", b"name = 'another program'", b"\xff\xfe", b"x = " + b"[" * 9999, b"x = " + b"9" * 9999],
)
def test_a_file_that_is_no_manifest_is_one_broken_entry(run, entry, content):
    (entry.path / FILE).write_bytes(content)
    code, out, err = run("list")
    assert (code, out) == (0, "")
    assert "is broken: its manifest is invalid" in err
    assert "The store is empty" not in err


def test_the_name_of_a_broken_entry_is_quoted_in_its_remedy(run, entry):
    entry.path.rename(entry.path.with_name("cpython-x; rm -rf ~"))
    _, _, err = run("list")
    assert "Remove it: jitbuild uninstall 'cpython-x; rm -rf ~'. Then" in err


@pytest.mark.parametrize("command", ["which", "plan", "run", "probe"])
def test_a_command_that_names_a_broken_entry_fails_with_its_remedy(run, entry, command):
    (entry.path / FILE).unlink()
    code, out, err = run(command, NAME)
    assert (code, out) == (StoreError.exit_code, "")
    assert err.startswith(f"error: {NAME} in the store is broken: it has no manifest.\n")


@pytest.mark.parametrize("command", [["prune"], ["repair"], ["cache"], ["uninstall", "3", "--all"]])
def test_other_commands_ignore_a_broken_entry(run, entry, command):
    rewrite(entry, version="")
    assert run(*command)[0] != JitbuildError.exit_code
    assert entry.path.exists()


def test_uninstall_removes_a_broken_entry(run, entry, store):
    rewrite(entry, version="")
    other = put(store, "cpython-3.14.2-jit-fast-kkkkkkkk", "3.14.2")
    code, out, err = run("uninstall", NAME, "--json")
    assert code == 0
    assert json.loads(out) == [
        {"kind": "broken", "name": NAME, "path": str(entry.path), "removed": True}
    ]
    assert err == f"removed {NAME}, which was broken\n"
    assert [path.name for path in store.interpreters.iterdir()] == [other.name]


def test_only_entries_of_jitbuild_are_broken(store, entry):
    for name in (".DS_Store", "notes", f".{NAME}.replaced"):
        (store.interpreters / name).mkdir()
    assert broken_entries(store.interpreters, besides=[NAME]) == []
    for name in (NAME, "cpython-3.14.2-gone", f"cpython-3.15.2-{'a' * 300}", "../interpreters", ""):
        assert broken_entry(store.interpreters, name) is None


def test_a_program_at_the_root_is_not_a_moved_interpreter(store, entry):
    verdict = entry.manifest.to_plain()["verdict"] | {"executable": "/bin/python3"}
    rewrite(entry, verdict=verdict)
    assert store.get(NAME).moved_from is None
