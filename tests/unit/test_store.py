"""The store: whole or not there, the best that fits, and nothing of anybody else's touched."""

import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitbuild.errors import StoreError
from jitbuild.request import Axes, Variant, parse
from jitbuild.store.store import MANIFEST, Store, fingerprint


def manifest(version="3.15.2", *, key="k" * 64, ok=True, **variant):
    plain = {
        "jit": "yes-off",
        "profile": "fast",
        "tail_call": False,
        "free_threaded": False,
        "configure_args": [],
        "patches": [],
    }
    return {
        "key": key,
        "version": version,
        "adopted": False,
        "created": datetime(2026, 11, 22, tzinfo=UTC),
        "executable": "bin/python3",
        "variant": plain | variant,
        "source": {"digest": "d" * 64},
        "verdict": {"ok": ok, "jit": {"built": variant.get("jit", "yes-off")}},
    }


def put(store, name, data=None, *, content="python"):
    with store.scratch() as scratch:
        staged = scratch / "staged"
        (staged / "bin").mkdir(parents=True)
        (staged / "bin" / "python3").write_text(content)
        return store.commit(staged, name, data or manifest())


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def test_an_empty_store_is_not_even_created(store):
    assert store.installed() == []
    assert not store.root.exists()


def test_what_is_committed_is_found_and_whole(store):
    put(store, "cpython-3.15.2-jit-fast-kkkkkkkk")
    (found,) = store.installed()
    assert found.executable.read_text() == "python"
    assert (found.version, found.variant, found.proven, found.fresh) == (
        "3.15.2",
        Variant(),
        True,
        True,
    )
    assert list((store.root / "scratch").iterdir()) == []


def test_a_replaced_interpreter_is_replaced_whole_and_gets_a_new_instance(store):
    first = put(store, "x")
    second = put(store, "x", content="other")
    assert [found.instance for found in store.installed()] == [second.instance]
    assert first.instance != second.instance
    assert second.executable.read_text() == "other"


def test_nothing_is_visible_when_staging_fails(store):
    def killed():
        with store.scratch() as scratch:
            (scratch / "half").mkdir()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        killed()
    assert store.installed() == []
    assert list((store.root / "scratch").iterdir()) == []


@pytest.mark.parametrize("text", ["", "not toml [", "schema = 999\n", 'schema = 1\nname = "x"\n'])
def test_a_folder_without_a_readable_manifest_is_no_interpreter(store, text):
    put(store, "x").path.joinpath(MANIFEST).write_text(text)
    assert store.installed() == []


def test_the_manifest_is_toml_that_says_what_was_proven(store):
    found = put(store, "x")
    data = tomllib.loads((found.path / MANIFEST).read_text())
    assert data["schema"] == 1
    assert data["verdict"]["ok"] is True


@pytest.mark.parametrize(
    ("spec", "axes", "expected"),
    [
        ("3.15", {}, "new"),
        (">=3.13", {}, "new"),
        ("3.15.1", {}, "old-yes"),
        ("3.15", {"jit": "yes"}, "old-yes"),
        ("3.15", {"jit": "no"}, "new-no"),
        ("3.15", {"profile": "release"}, None),
        ("3.15t", {}, "threaded"),
        ("3.14", {}, None),
        ("3.15.0", {}, None),
    ],
)
def test_the_best_that_fits_is_found(store, spec, axes, expected):
    put(store, "new", manifest())
    put(store, "new-no", manifest(jit="no"))
    put(store, "new-debug", manifest(profile="debug"))
    put(store, "old-yes", manifest("3.15.1", jit="yes"))
    put(store, "threaded", manifest(jit="no", free_threaded=True))
    put(store, "broken", manifest("3.15.9", ok=False))
    found = store.find(parse(spec), Axes(**axes))
    assert (found and found.name) == expected


def test_release_is_preferred_to_fast_and_fast_to_unknown(store):
    for profile in ("debug", "unknown", "fast", "release"):
        put(store, profile, manifest(profile=profile))
    for expected in ("release", "fast", "unknown", "debug"):
        found = store.find(parse("3.15"), Axes())
        assert found.name == expected
        store.remove(found)


def test_sources_that_have_no_version_are_matched_by_digest(store):
    put(store, "x")
    assert store.find(parse("./cpython"), Axes(), digest="d" * 64).name == "x"
    assert store.find(parse("./cpython"), Axes(), digest="e" * 64) is None
    assert store.find(parse("./cpython"), Axes()) is None


@pytest.mark.parametrize(
    ("kind", "found"), [("folder", False), ("git", False), ("archive", False), ("release", True)]
)
def test_a_version_is_never_somebodys_own_sources(store, kind, found):
    """A folder or a commit calls itself 3.15.2, too."""
    put(store, "own", manifest() | {"source": {"kind": kind, "digest": "d" * 64}})
    for spec in ("3.15.2", "3.15", ">=3.15"):
        assert (store.find(parse(spec), Axes()) is not None) == found
    assert store.find(parse("./own"), Axes(), digest="d" * 64)


def test_a_branch_is_what_was_last_installed_as_it(store):
    put(store, "other", manifest("3.16.0a1"))
    put(store, "older", manifest("3.16.0a1") | {"request": "main"})
    put(
        store,
        "newer",
        manifest("3.16.0a1") | {"request": "main", "created": datetime(2026, 11, 23, tzinfo=UTC)},
    )
    assert store.find(parse("main"), Axes()).name == "newer"


def adopted(store, program):
    data = manifest() | {
        "adopted": True,
        "executable": str(program),
        "fingerprint": fingerprint(program),
    }
    with store.scratch() as scratch:
        (scratch / "adopted").mkdir()
        return store.commit(scratch / "adopted", "adopted", data)


@pytest.fixture
def program(tmp_path):
    program = tmp_path / "elsewhere" / "python3.15"
    program.parent.mkdir()
    program.write_text("somebody's own")
    return program


def test_removing_an_adopted_interpreter_never_touches_its_tree(store, program):
    found = adopted(store, program)
    assert found.executable == program
    before = sorted(program.parent.parent.rglob("elsewhere/**/*")), program.stat().st_mtime_ns
    store.remove(found)
    assert (
        sorted(program.parent.parent.rglob("elsewhere/**/*")),
        program.stat().st_mtime_ns,
    ) == before
    assert store.installed() == []


def test_an_adopted_interpreter_that_changed_is_not_fresh(store, program):
    found = adopted(store, program)
    assert found.fresh
    program.write_text("somebody's newer one")
    assert not found.fresh
    program.unlink()
    assert not found.fresh


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_scratch_goes_whatever_the_modes_in_it_and_what_links_lead_to_stays(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's")
    elsewhere.chmod(0o400)
    with store.scratch() as scratch:
        (scratch / "closed" / "inner").mkdir(parents=True)
        (scratch / "closed" / "inner" / "link").symlink_to(elsewhere)
        (scratch / "closed" / "inner").chmod(0)
        (scratch / "closed").chmod(0)
    assert not scratch.exists()
    assert elsewhere.stat().st_mode & 0o777 == 0o400


def test_what_cannot_take_its_place_leaves_the_old_one(store, monkeypatch):
    first = put(store, "x")
    rename = Path.rename

    def fail(self, to):
        if self.name == "staged":
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StoreError):
        put(store, "x")
    assert [found.instance for found in store.installed()] == [first.instance]


def test_one_that_changed_is_looked_at_again_and_passed_over_if_it_does_not_fit_then(
    store, program
):
    older = put(store, "older", manifest("3.15.1"))
    stale = adopted(store, program)
    assert store.find(parse("3.15"), Axes()).name == stale.name
    program.write_text("another version")
    asked = []
    assert store.find(parse("3.15"), Axes(), refresh=asked.append).name == older.name
    assert [found.name for found in asked] == [stale.name]
    assert store.find(parse("3.15.2"), Axes()) is None
    renewed = store.find(parse("3.15"), Axes(), refresh=lambda _: adopted(store, program) and None)
    assert (renewed.name, renewed.fresh) == (stale.name, True)
    program.unlink()
    assert store.find(parse("3.15"), Axes(), refresh=lambda _: None).name == older.name


def test_scratch_in_use_is_not_swept_and_left_over_scratch_is(store):
    left = store.root / "scratch" / "dead"
    left.mkdir(parents=True)
    (left / "read-only").mkdir()
    (left / "read-only" / "file").touch()
    (left / "read-only").chmod(0o500)
    with store.scratch() as used:
        assert store.sweep() == 1
        assert used.exists()
    assert not left.exists()
    assert store.sweep() == 0


def test_waiting_for_a_lock_is_said(store):
    said = []
    with store.lock("x"), store.lock("y", on_wait=lambda: said.append("y")):
        assert said == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_cannot_be_written_says_so(store):
    store.root.mkdir()
    store.root.chmod(0o500)
    with pytest.raises(StoreError, match="JITBUILD_HOME"):
        put(store, "x")


def test_a_store_under_a_file_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="JITBUILD_HOME"):
        put(Store(tmp_path / "file" / "home"), "x")
