"""`jitbuild install`, with interpreters that are already in the store."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stores
from cli_fixtures import put

from jitbuild.cli.install import summary
from jitbuild.errors import RequestError
from jitbuild.registry.lock_file import LockedInterpreter, LockFile, write_lock_file
from jitbuild.target import host

pytestmark = pytest.mark.usefixtures("home", "complete")


def test_stdout_has_the_executables_and_stderr_the_summaries(run, store):
    first, second = put(store, "a"), put(store, "b", "3.14.10")
    code, out, err = run("install", "3.15", "3.14")
    assert (code, out) == (0, f"{first.executable}\n{second.executable}\n")
    assert "a is already in the store." in err
    assert "a: the JIT is present and runs machine code with PYTHON_JIT=1. In the store" in err
    assert run("install", "-q", "3.15") == (0, f"{first.executable}\n", "")


def test_the_json_is_that_of_list(run, store):
    put(store, "a")
    assert json.loads(run("install", "3.15", "--json")[1]) == json.loads(run("list", "--json")[1])


def test_a_misspelt_request_is_reported_before_anything_is_built(run, home):
    code, out, _ = run("install", "3.15", "latest")
    assert (code, out) == (RequestError.exit_code, "")
    assert not home.exists()


def test_interpreters_are_printed_even_if_a_later_one_fails(run, store):
    there = put(store, "a")
    code, out, _ = run("install", "3.15", "3.15.77")
    assert (code, out) == (RequestError.exit_code, f"{there.executable}\n")


@pytest.mark.parametrize("jit", ["yes-off", "yes", "interpreter", "no"])
def test_the_summary_has_the_proof_and_the_time_of_each_step(store, jit):
    found = put(store, "x", jit=jit)
    assert summary(found, found.created).startswith("x: ")
    assert "Built in" not in summary(found, found.created)
    found = stores.edited(found, times={"configure": 12.0, "make": 185.0, "total": 200.0})
    assert summary(found, found.created).endswith(
        " Built in 3 min 20 s (configure 12 s, make 3 min 05 s)."
    )


def test_the_summary_says_that_an_interpreter_was_pulled(store):
    times = {"download": 1.0, "unpack": 3.0, "probe": 1.0, "total": 5.0}
    pulled = stores.edited(put(store, "x"), times=times)
    assert " Pulled in 5.0 s (download 1.0 s, " in summary(pulled, pulled.created)


def test_the_summary_shows_what_the_caches_supplied(store):
    times = {"configure": 1.0, "stencils": 0.1, "make": 9.0, "total": 10.1}
    caches = {"configure": "miss", "stencils": "hit", "compiler": {"hits": 7, "misses": 3}}
    built = stores.edited(put(store, "x"), times=times, caches=caches)
    assert summary(built, built.created).endswith(
        " Built in 10 s (configure 1.0 s, stencils 0.1 s [cached], "
        "make 9.0 s [7 of 10 files cached])."
    )


@pytest.mark.parametrize(
    ("times", "year", "end"),
    [
        ({"make": 66.0, "total": 98.0}, 2026, "27 November, built in 1 min 38 s."),
        ({"make": 66.0, "total": 98.0}, 2027, "27 November 2026, built in 1 min 38 s."),
        ({}, 2026, "27 November."),
    ],
)
def test_the_summary_of_an_interpreter_in_the_store_has_its_date(store, times, year, end):
    created = datetime(2026, 11, 27, 12, tzinfo=UTC)
    found = stores.edited(put(store, "x"), times=times, created=created)
    begun = datetime(year, 12, 31, 12, tzinfo=UTC)
    assert summary(found, begun).endswith(f"PYTHON_JIT=1. In the store since {end}")


def test_each_error_is_printed_once_and_the_first_gives_the_exit_code(run, store):
    put(store, "a")
    code, _, err = run("install", "3.15", "3.15.77", "3.13.77")
    assert code == RequestError.exit_code
    assert err.count("3.15.77 failed: ") == err.count("No recipe has a release for 3.15.77.") == 1
    assert err.count("3.13.77 failed: ") == err.count("No recipe has a release for 3.13.77.") == 1
    assert err.endswith(
        "error: 2 of 3 failed: 3.15.77, 3.13.77.\nThe warnings above give the reasons.\n"
    )
    assert run("install", "3.15.77")[2].startswith("error: No recipe has a release for 3.15.77.")


def test_a_newer_release_is_named_with_the_command_that_builds_it(run, store):
    put(store, "a", "3.15.0")
    note = "3.15.2 is newer than a. To install it: jitbuild install 3.15 --upgrade\n"
    assert run("install", "3.15")[2].endswith(note)
    assert run("install", ">=3.15.0,<3.16")[2].endswith(
        "To install it: jitbuild install '>=3.15.0,<3.16' --upgrade\n"
    )
    assert run("install", "3.15", "--jit", "yes-off")[2].endswith("--upgrade --jit=yes-off\n")


def test_no_newer_release_is_named_for_a_locked_request(run, store):
    put(store, "a", "3.15.0")
    locked = LockedInterpreter(
        request="3.15",
        version="3.15.0",
        target=host().target.name,
        key="k",
        digest=f"sha256:{'0' * 64}",
    )
    write_lock_file(Path("jitbuild.lock"), LockFile(registry="h.test/a", interpreter=(locked,)))
    assert "is newer" not in run("install", "3.15", "--registry", "h.test/a")[2]
    assert "is newer" in run("install", "3.15")[2]
    assert "To pull it" in run("pull", ">=3.15.0", "--registry", "h.test/a")[2]


def test_the_command_that_builds_a_newer_release_names_its_recipes(run, store, tmp_path):
    put(store, "a", "3.15.2")
    folder = tmp_path / "more recipes"
    folder.mkdir()
    (folder / "cpython-3.15.toml").write_text(
        f'series = "3.15"\n[[tag]]\nversion = "3.15.9"\ntar-xz = "{"0" * 64}"\n'
    )
    assert run("install", "3.15", "--recipes", str(folder))[2].endswith(
        f"jitbuild install 3.15 --upgrade --recipes '{folder}'\n"
    )


@pytest.mark.parametrize("words", [("3.15.0",), ("a",), ("3.15", "-q")])
def test_no_newer_release_is_named_for_one_version_or_with_quiet(run, store, words):
    put(store, "a", "3.15.0")
    assert "is newer" not in run("install", *words)[2]


def test_no_newer_release_is_named_if_the_interpreter_is_the_newest(run, store):
    put(store, "a", "3.15.2")
    assert "is newer" not in run("install", "3.15")[2]
