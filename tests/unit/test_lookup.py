"""running/lookup.py: interpreters by request or name, and programs by path or name."""

from __future__ import annotations

from pathlib import Path

import pytest
import stores
from cli_fixtures import names, put
from fake_interpreter import build, probed
from reporters import RecordingReporter

from jitbuild.errors import (
    InterpreterError,
    NotInstalledError,
    ProofError,
)
from jitbuild.providers.adopt import adopt
from jitbuild.request import Axes, Patch, parse
from jitbuild.running.lookup import find_interpreter, find_program, local_digest
from jitbuild.running.refreshing import refresh_all
from jitbuild.system.progress import SilentReporter

PATCH = Patch(path="", sha256="a" * 64)


def never(*_, **__):
    raise AssertionError("probed")


def failing(*_, **__):
    raise InterpreterError("It does not run.", remedy="Install another.")


def as_built(kind: str):
    """A probe that finds a 3.15.2 of this kind."""
    return lambda program, *, expect, **_: probed(build(kind), expect=expect)


@pytest.fixture
def changed(store, elsewhere):
    """An adopted interpreter whose file has changed since it was probed."""
    adopted = adopt(store, elsewhere, probe=as_built("yes-off"))
    elsewhere.write_text("another")
    return adopted


def test_a_request_finds_the_newest_interpreter(store):
    put(store, "a", "3.15.1")
    newest = put(store, "b", "3.15.2")
    assert find_interpreter("3.15", Axes(), probe=never) == newest


def test_a_name_finds_that_interpreter_exactly(store):
    older = stores.put(store, "3.15.1")
    stores.put(store, "3.15.2")
    assert find_interpreter(older.name, Axes(), probe=never) == older


def test_an_unproven_interpreter_is_not_found_by_its_name(store):
    unproven = stores.put(store, ok=False)
    with pytest.raises(NotInstalledError, match="is in the store, but it is not proven"):
        find_interpreter(unproven.name, Axes(), probe=never)


def test_an_interpreter_without_its_program_is_not_found_by_its_name(store):
    gone = stores.put(store)
    gone.executable.unlink()
    with pytest.raises(NotInstalledError, match=f"cannot be used: {gone.executable} does not"):
        find_interpreter(gone.name, Axes(), probe=never)


def test_for_machine_code_an_interpreter_without_the_jit_must_be_stated(store):
    without = put(store, "a", jit="no")
    assert find_interpreter("3.15", Axes()) == without
    assert find_interpreter("3.15", Axes(jit="no"), machine_code=True) == without
    with pytest.raises(NotInstalledError):
        find_interpreter("3.15", Axes(), machine_code=True)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_changed_adopted_interpreter_is_probed_again(store, changed, by_name):
    spec = changed.name if by_name else "3.15"
    found = find_interpreter(spec, Axes(), probe=as_built("yes-off"))
    assert (found.name, found.executable) == (changed.name, changed.executable)
    assert found.instance != changed.instance
    assert found.fresh


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize(
    ("probe", "error"), [(failing, InterpreterError), (as_built("no"), ProofError)]
)
def test_the_error_of_the_new_probe_is_raised_if_nothing_else_fits(
    store, changed, by_name, probe, error
):
    with pytest.raises(error):
        find_interpreter(changed.name if by_name else "3.15", Axes(), probe=probe)
    assert names(store) == [changed.name]


@pytest.mark.parametrize(("spec", "axes"), [("3.13", Axes()), ("3.15", Axes(jit="no"))])
def test_an_adopted_interpreter_that_does_not_fit_does_not_decide_the_error(changed, spec, axes):
    reporter = RecordingReporter()
    with pytest.raises(NotInstalledError, match=f"No interpreter in the store fits {spec}"):
        find_interpreter(spec, axes, probe=failing, reporter=lambda: reporter)
    assert reporter.warnings == ["It does not run. Install another."]


def test_another_interpreter_is_found_if_the_changed_one_fails_its_probe(store, changed):
    other = stores.put(store, "3.15.1")
    assert find_interpreter("3.15", Axes(), probe=failing) == other


@pytest.mark.parametrize(
    ("others", "axes", "reason"),
    [
        ([{"jit": "no"}], Axes(), "a has no machine code."),
        ([{"jit": "interpreter"}], Axes(), "a has no machine code, only micro-ops."),
        ([{"jit": "no"}, {"jit": "no"}], Axes(), "a and b have no machine code."),
        ([{"jit": "no"}], Axes(jit="yes"), "a was built with --jit=no --profile=fast."),
        (
            [{"profile": "unknown"}],
            Axes(profile="release"),
            "a was built with --jit=yes-off and an unknown profile.",
        ),
        (
            [{"patches": (PATCH,), "patch_files": [{"path": "/p/x y", "sha256": PATCH.sha256}]}],
            Axes(),
            "a was built with --jit=yes-off --profile=fast '--patch=/p/x y'.",
        ),
        (
            [{"patches": (PATCH,)}],
            Axes(),
            (
                "a was built with --jit=yes-off --profile=fast and the patch with the sha256 "
                f"{PATCH.sha256}."
            ),
        ),
        ([{"free_threaded": True, "jit": "no"}], Axes(), "a is free-threaded."),
        (
            [{"kind": "git"}],
            Axes(),
            "a was built from a git commit, which a version does not name.",
        ),
        ([{"ok": False}], Axes(), "a is not proven."),
        (
            [{"configure_args": ["--with-x"]}, {"jit": "no"}],
            Axes(),
            (
                "a was built with --jit=yes-off --profile=fast --configure-arg=--with-x. "
                "b has no machine code."
            ),
        ),
    ],
)
def test_the_reason_why_nothing_fits_is_said(store, others, axes, reason):
    for name, fields in zip("abc", others, strict=False):
        put(store, name, **fields)
    put(store, "z", "3.14.1")
    with pytest.raises(NotInstalledError) as error:
        find_interpreter("3.15", axes, machine_code=True)
    assert error.value.what == f"No interpreter in the store fits 3.15. {reason}"


def test_the_interpreter_that_the_mode_on_needs_is_preferred(store):
    with_jit = put(store, "a", "3.15.1")
    put(store, "b", "3.15.2", jit="interpreter")
    put(store, "c", "3.15.3", jit="no")
    for machine_code in (False, True):
        assert find_interpreter("3.15", Axes(), machine_code=machine_code) == with_jit


@pytest.mark.parametrize(
    ("setting", "value", "expected", "with_jit"),
    [
        ("PROFILE", "", "newest", "newest"),
        ("PROFILE", "release", "release", "release"),
        ("PROFILE", "debug", "newest", "newest"),
        ("JIT", "no", "without", "newest"),
    ],
)
def test_the_interpreter_that_install_would_reuse_is_preferred(
    store, monkeypatch, setting, value, expected, with_jit
):
    put(store, "release", "3.15.1", profile="release")
    put(store, "newest", "3.15.2")
    put(store, "without", "3.15.2", profile="release", jit="no")
    monkeypatch.setenv(f"JITBUILD_{setting}", value)
    assert find_interpreter("3.15", Axes()).name == expected
    assert find_interpreter("3.15", Axes(), machine_code=True).name == with_jit


def test_at_most_five_names_are_listed_when_nothing_fits(store):
    for number in range(7):
        put(store, f"name{number}", f"3.14.{number}")
    with pytest.raises(
        NotInstalledError, match=r"The store has: name0, .*name4, \.\.\.\.\n"
    ) as error:
        find_interpreter("3.15", Axes())
    assert error.value.remedy == "Build it: jitbuild install 3.15"


def test_the_remedy_repeats_the_stated_axes(store, tmp_path):
    axes = Axes(jit="yes", includes=("tests",))
    with pytest.raises(NotInstalledError) as error:
        find_interpreter("main", axes)
    assert error.value.remedy == "Build it: jitbuild install main --jit=yes --include=tests"


def test_for_an_empty_store_the_remedy_also_names_adopt(store):
    for spec, named in (("3.15", True), ("main", False), ("3.12", False)):
        with pytest.raises(NotInstalledError, match="The store is empty") as error:
            find_interpreter(spec, Axes())
        assert ("jitbuild adopt PATH" in error.value.remedy) == named
    stores.put(store, "3.14.0")
    with pytest.raises(NotInstalledError) as error:
        find_interpreter("3.15", Axes())
    assert "adopt" not in error.value.remedy


def test_a_broken_recipe_of_the_user_does_not_hide_that_nothing_fits(home, tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_RECIPES", str(tmp_path / "none"))
    with pytest.raises(NotInstalledError, match="The store is empty"):
        find_interpreter("3.15", Axes())


def test_only_local_sources_have_a_digest_without_the_network(store, mini_cpython, tmp_path):
    assert local_digest(parse("3.15"), store) == ""
    assert local_digest(parse("main"), store) == ""
    tree = mini_cpython(tmp_path / "tree")
    assert len(local_digest(parse(str(tree)), store)) == 64


def test_a_program_is_a_path_or_a_name_on_path(tmp_path, monkeypatch):
    tool = tmp_path / "bin" / "python3.15"
    tool.parent.mkdir()
    tool.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    assert find_program("python3.15") == tool
    assert find_program(str(tool)) == tool
    assert find_program("no/such/python") == Path("no/such/python")
    assert find_program("nosuch") is None


def upgraded(program, *, expect, **_):
    """A probe that finds a 3.15.10."""
    return probed(build("yes-off", version="3.15.10"), expect=expect)


@pytest.mark.parametrize("spec", ["3.15.10", "3.15", ">=3.15.3"])
def test_an_adopted_interpreter_upgraded_in_place_answers_for_its_new_version(store, changed, spec):
    stores.put(store, "3.15.3")
    found = find_interpreter(spec, Axes(), probe=upgraded)
    assert (found.version, found.executable) == ("3.15.10", changed.executable)
    with pytest.raises(NotInstalledError):
        find_interpreter("3.15.2", Axes(), probe=never)


def test_an_adopted_interpreter_that_fails_its_probe_is_reported_beside_the_found_one(
    store, changed
):
    reporter = RecordingReporter()
    stores.put(store, "3.14.1")
    find_interpreter("3.14", Axes(), probe=failing, reporter=lambda: reporter)
    assert reporter.warnings == ["It does not run. Install another."]


@pytest.mark.parametrize("spec", ["3.14", "3.15"])
def test_a_failed_probe_is_not_repeated_while_another_interpreter_can_be_used(
    store, changed, elsewhere, spec
):
    stores.put(store, "3.14.1")
    stores.put(store, "3.15.1")
    find_interpreter(spec, Axes(), probe=failing)
    reporter = RecordingReporter()
    found = find_interpreter(spec, Axes(), probe=never, reporter=lambda: reporter)
    assert (found.version, reporter.warnings) == (f"{spec}.1", [])
    assert store.get(changed.name).state == "changed"
    elsewhere.write_text("upgraded once more")
    assert find_interpreter("3.15", Axes(), probe=upgraded).version == "3.15.10"


def test_a_failed_probe_of_an_interpreter_that_does_not_fit_is_not_repeated(changed):
    for probe in (failing, never):
        with pytest.raises(NotInstalledError):
            find_interpreter("3.13", Axes(), probe=probe)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_failed_probe_is_repeated_if_nothing_else_fits(store, changed, by_name):
    spec = changed.name if by_name else "3.15"
    for _ in range(2):
        with pytest.raises(InterpreterError):
            find_interpreter(spec, Axes(), probe=failing)
    found = find_interpreter(spec, Axes(), probe=as_built("yes-off"))
    assert (found.fresh, found.failed) == (True, False)


def test_the_list_repeats_a_failed_probe(store, changed):
    with pytest.raises(InterpreterError):
        find_interpreter("3.15", Axes(), probe=failing)
    (interpreter,) = store.installed()
    assert (interpreter.failed, interpreter.outdated) == (True, True)
    (found,) = refresh_all(store, [interpreter], SilentReporter(), probe=as_built("yes-off"))
    assert (found.state, found.failed) == ("proven", False)


def test_the_list_is_refreshed_first(store, changed):
    fresh = stores.put(store, "3.14.1")
    found = refresh_all(store, [changed], SilentReporter(), probe=upgraded)
    assert [(each.name, each.state) for each in found] == [
        (fresh.name, "proven"),
        (changed.name.replace("3.15.2", "3.15.10"), "proven"),
    ]


def test_the_list_has_changed_interpreters_that_cannot_be_refreshed(store, changed):
    reporter = RecordingReporter()
    (found,) = refresh_all(store, [changed], reporter, probe=failing)
    assert (found.name, found.state) == (changed.name, "changed")
    assert reporter.warnings == ["It does not run. Install another."]
