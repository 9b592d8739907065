"""The names that `jitbuild list` prints mean the same in every command."""

from __future__ import annotations

import argparse
import json

import pytest
import stores

from jitbuild.cli import parser as parsers
from jitbuild.cli.commands import COMMANDS
from jitbuild.errors import NotInstalledError, RequestError, UsageError
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.running.lookup import find_interpreter
from jitbuild.running.matching import matching
from jitbuild.store.names import find_named

pytestmark = pytest.mark.usefixtures("home", "complete")

TAG = load_catalog().newest(parse("3.13"))
NAME = f"cpython-{TAG.version}-jit-fast-kkkkkkkk"
# Each kind of text that means the one interpreter in the store of these tests.
KINDS = {
    "the name": NAME,
    "the name without its key": f"cpython-{TAG.version}-jit-fast",
    "the beginning of the name": f"cpython-{TAG.version}-jit-f",
    "a version": TAG.version,
    "a series": "3.13",
    "the spelling of another tool": "cpython-3.13",
}
# Commands that take interpreters, with the words that make them end at once. Those that start
# processes are in tests/integration/test_names_real.py.
HERE = {
    "install": [],
    "which": [],
    "plan": ["--json"],
    "bugs": ["--json"],
    "repair": [],
    "uninstall": [],
}
IN_PROCESSES = {"run", "diff", "bench", "probe", "doctor", "adopt"}
# Its interpreter must have been proven as a whole: test_cli_export.py.
WITH_FILES = {"export"}
# Lists of requests for CI, whose output must be the same on every machine.
FOR_CI = {"matrix", "ci", "lock"}
# With interpreters, these use the network: tests/integration/test_registry_real.py.
IN_NETWORK = {"push", "pull"}


@pytest.fixture
def interpreter(store):
    return stores.put(
        store, TAG.version, key="k" * 64, source={"kind": "release", "digest": TAG.tar_xz}
    )


def test_every_command_that_takes_interpreters_is_in_the_tables():
    takers = set()
    for name in COMMANDS:
        parser = parsers.build([name]).commands.choices[name]
        if {"spec", "path", "pythons"} & {action.dest for action in parser._actions}:
            takers.add(name)
        assert isinstance(parser, argparse.ArgumentParser)
    assert takers == {*HERE, *IN_PROCESSES, *WITH_FILES, *FOR_CI, *IN_NETWORK}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", HERE)
def test_a_command_takes_every_kind_of_name(run, store, interpreter, command, kind):
    code, out, err = run(command, KINDS[kind], *HERE[command])
    assert code == 0, err
    if command == "plan":
        plan = json.loads(out)
        assert (plan["name"], plan["source"]["digest"]) == (
            f"cpython-{TAG.version}-jit-fast",
            TAG.tar_xz,
        )
    elif command in {"which", "install"}:
        assert out == f"{interpreter.executable}\n"
    assert (store.installed() == []) == (command == "uninstall")


@pytest.mark.parametrize("command", [*HERE, "adopt", "export", "run"])
def test_a_name_that_the_store_does_not_have_is_reported_with_the_nearest(
    run, interpreter, command
):
    code, out, err = run(command, f"cpython-{TAG.version}-jit-fsat")
    assert (code, out) == (NotInstalledError.exit_code, "")
    assert f"The store has no interpreter named cpython-{TAG.version}-jit-fsat." in err
    assert f"Did you mean {NAME}?" in err


@pytest.mark.parametrize("command", ["run", "diff", "bench", "doctor", "probe", "export"])
def test_a_list_where_one_is_taken_is_refused_with_the_first(run, command):
    words = ["--", "-c", "pass"] if command in {"run", "diff", "bench"} else []
    code, out, err = run(command, "3.14,3.15", *words)
    assert (code, out) == (RequestError.exit_code, "")
    assert "'3.14,3.15' names 2 Pythons, and only one can be named here." in err
    assert "Name one of them, such as 3.14." in err


@pytest.mark.parametrize("command", ["matrix", "ci"])
def test_a_pipeline_needs_requests_instead_of_names(run, interpreter, command):
    words = ["key"] if command == "ci" else []
    code, _, err = run(command, *words, "--pythons", NAME)
    assert code == RequestError.exit_code
    assert f"{NAME} is a name in the store of one machine, and stands for no source." in err


def test_a_beginning_that_several_names_have_is_refused(store, run):
    stores.put(store, "3.13.15", key="a" * 64)
    stores.put(store, "3.13.15", key="b" * 64, jit="no")
    stores.put(store, "3.13.15", key="c" * 64, tail_call=True)
    assert find_named(store, "cpython-3.13.15-jit-fast").name.endswith("-jit-fast-aaaaaaaa")
    assert find_named(store, "cpython-3.13.15-nojit").variant.jit == "no"
    with pytest.raises(UsageError, match="-jit may be any of 2 interpreters"):
        find_named(store, "cpython-3.13.15-jit")
    assert run("which", "cpython-3.13.15-jit")[0] == 2
    assert run("uninstall", "cpython-3.13.15-jit")[0] == 2
    assert len(matching(store, "cpython-3.13.15-jit", Axes(), every=True)) == 2
    assert run("uninstall", "cpython-3.13.15-jit", "--all")[0] == 0
    assert [each.variant.jit for each in store.installed()] == ["no"]


def test_a_name_has_its_own_variant_whatever_the_settings_say(run, store, monkeypatch):
    plain = stores.put(store, "3.13.15", configure_args=["--with-trace-refs"])
    monkeypatch.setenv("JITBUILD_JIT", "no")
    monkeypatch.setenv("JITBUILD_PROFILE", "debug")
    assert run("install", plain.name)[:2] == (0, f"{plain.executable}\n")
    assert find_interpreter(plain.name, Axes()) == plain


@pytest.mark.parametrize("command", ["which", "install", "plan"])
def test_options_that_contradict_a_name_are_refused(run, interpreter, command):
    code, _, err = run(command, NAME, "--jit", "no")
    assert code == 2
    assert f"{NAME} was built with --jit=yes-off --profile=fast." in err
    assert run(command, NAME, "--jit", "yes-off", "--profile", "fast")[0] == 0


@pytest.mark.parametrize(
    ("text", "threads"),
    [
        ("cpython-3.15.2-jit-fast-0a1b2c3d", False),
        ("cpython-3.15.0b2t-nojit-release-0a1b2c3d", True),
        ("cpython-3.15.0rc1-uops", False),
    ],
)
def test_a_name_is_a_request(text, threads):
    request = parse(text)
    assert (request.kind, request.value) == ("name", text)
    assert (request.free_threaded, request.is_version, request.is_local) == (threads, False, False)
    assert request.shown == text


@pytest.mark.parametrize("text", ["cpython-3.15.2-linux-x86_64-gnu", "cpython-foo", "cpython-"])
def test_names_of_other_tools_are_not_names(text):
    with pytest.raises(RequestError, match="is not a Python that jitbuild knows"):
        parse(text)
