"""`jitbuild uninstall`."""

import json

import pytest
from cli_fixtures import look, names, put

from jitbuild.errors import NotInstalledError

pytestmark = pytest.mark.usefixtures("home")


def test_only_the_named_interpreters_are_removed(run, store):
    for name in ("a", "b", "c"):
        put(store, name)
    assert run("uninstall", "a", "c", "a") == (0, "", "removed a\nremoved c\n")
    assert names(store) == ["b"]
    assert list((store.root / "scratch").iterdir()) == []


def test_a_request_that_fits_several_is_refused_without_all(run, store):
    put(store, "a")
    put(store, "b", jit="no")
    code, _, err = run("uninstall", "3.15")
    assert code == 2
    assert "3.15 fits 2 interpreters: a, b." in err
    assert names(store) == ["a", "b"]
    assert run("uninstall", "3.15", "--jit", "no")[0] == 0
    assert names(store) == ["a"]
    put(store, "b")
    assert run("uninstall", "3.15", "--all", "-q") == (0, "", "")
    assert names(store) == []


def test_everything_is_looked_up_before_anything_is_removed(run, store):
    put(store, "a")
    assert run("uninstall", "a", "3.14")[0] == NotInstalledError.exit_code
    assert names(store) == ["a"]


def test_an_unproven_interpreter_can_be_removed_by_its_name(run, store):
    put(store, "a", ok=False)
    assert run("uninstall", "a")[0] == 0
    assert names(store) == []


def test_all_includes_variants_with_extra_arguments(run, store):
    put(store, "plain", "3.15.2")
    put(store, "custom", "3.15.2", configure_args=["--with-trace-refs"])
    put(store, "other", "3.14.1")
    assert run("uninstall", "3.15.2", "--all")[0] == 0
    assert [found.name for found in store.installed()] == ["other"]


@pytest.mark.parametrize("words", [["uninstall", "x"], ["uninstall", "3.15"], ["prune"]])
def test_the_files_of_an_adopted_interpreter_are_never_touched(run, store, elsewhere, words):
    put(store, "x", "3.15.1", program=elsewhere)
    if words == ["prune"]:
        put(store, "y", "3.15.2", program=elsewhere)
    before = look(elsewhere)
    code, _, err = run(*words)
    assert code == 0
    assert "unregister" in err
    assert "x" not in names(store)
    assert look(elsewhere) == before
    assert elsewhere.read_text() == "somebody's own"


def test_the_json_has_an_entry_for_each_removal(run, store, elsewhere):
    built = put(store, "a")
    put(store, "b", "3.14.1", program=elsewhere)
    assert json.loads(run("uninstall", "a", "b", "--json", "-q")[1]) == [
        {
            "kind": "interpreter",
            "name": name,
            "path": str(built.path.parent / name),
            "adopted": adopted,
            "removed": True,
        }
        for name, adopted in (("a", False), ("b", True))
    ]
