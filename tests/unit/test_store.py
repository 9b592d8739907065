"""The store: interpreters are visible whole or not at all, and nothing of others is touched."""

import os
import threading
import tomllib
from datetime import UTC, datetime

import pytest
from stores import put

from jitbuild.errors import StoreError
from jitbuild.request import Axes, Variant, parse
from jitbuild.store.manifest import FILE
from jitbuild.store.store import Store, default_root


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def test_looking_into_a_store_does_not_create_it(store):
    assert store.installed() == []
    assert not store.root.exists()


def test_a_committed_interpreter_is_listed_with_its_files(store):
    put(store)
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
    first = put(store, name="x")
    second = put(store, name="x", content="other")
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
    assert list((store.root / "locks").iterdir()) == []


@pytest.mark.parametrize("text", ["", "not toml [", "schema = 999\n", 'schema = 1\nname = "x"\n'])
def test_a_folder_without_a_readable_manifest_is_no_interpreter(store, text):
    put(store, name="x").path.joinpath(FILE).write_text(text)
    assert store.installed() == []


def test_the_manifest_is_toml_that_says_what_was_proven(store):
    found = put(store, name="x")
    data = tomllib.loads((found.path / FILE).read_text())
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
def test_the_preferred_interpreter_that_fits_is_returned(store, spec, axes, expected):
    put(store, name="new")
    put(store, name="new-no", jit="no")
    put(store, name="new-debug", profile="debug")
    put(store, "3.15.1", jit="yes", name="old-yes")
    put(store, name="threaded", jit="no", free_threaded=True)
    put(store, "3.15.9", ok=False, name="broken")
    found = store.find(parse(spec), Axes(**axes))
    assert (found and found.name) == expected


def test_release_is_preferred_to_fast_and_fast_to_unknown(store):
    for profile in ("debug", "unknown", "fast", "release"):
        put(store, name=profile, profile=profile)
    for expected in ("release", "fast", "unknown", "debug"):
        found = store.find(parse("3.15"), Axes())
        assert found.name == expected
        store.remove(found)


@pytest.mark.parametrize("jit", ["interpreter", "no"])
def test_machine_code_is_preferred_to_a_newer_version(store, jit):
    old = put(store, "3.15.1")
    put(store, "3.15.2", jit=jit)
    assert store.find(parse("3.15"), Axes()) == old
    assert store.find(parse("3.15.2"), Axes()).variant.jit == jit


def test_a_source_without_a_version_is_matched_by_digest(store):
    put(store, name="x")
    assert store.find(parse("./cpython"), Axes(), digest="d" * 64).name == "x"
    assert store.find(parse("./cpython"), Axes(), digest="e" * 64) is None
    assert store.find(parse("./cpython"), Axes()) is None


@pytest.mark.parametrize(
    ("kind", "found"), [("folder", False), ("git", False), ("archive", False), ("release", True)]
)
def test_a_version_request_is_answered_by_releases_alone(store, kind, found):
    """A folder or a commit may call itself 3.15.2 as well."""
    put(store, name="own", source={"kind": kind, "digest": "d" * 64})
    for spec in ("3.15.2", "3.15", ">=3.15"):
        assert (store.find(parse(spec), Axes()) is not None) == found
    assert store.find(parse("./own"), Axes(), digest="d" * 64)


def test_a_branch_is_answered_by_its_newest_install(store):
    put(store, "3.16.0a1", name="other")
    put(store, "3.16.0a1", name="older", request="main")
    later = datetime(2026, 11, 23, tzinfo=UTC)
    put(store, "3.16.0a1", name="newer", request="main", created=later)
    assert store.find(parse("main"), Axes()).name == "newer"


def adopted(store, program):
    return put(store, name="adopted", program=program)


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
def test_deleting_scratch_ignores_modes_and_does_not_follow_links(store, tmp_path):
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


def test_a_failed_replacement_keeps_the_old_interpreter(store, monkeypatch):
    first = put(store, name="x")

    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("jitbuild.store.swap.replace", fail)
    with pytest.raises(StoreError):
        put(store, name="x")
    assert [found.instance for found in store.installed()] == [first.instance]


def test_a_changed_interpreter_is_refreshed_and_passed_over_when_it_no_longer_fits(store, program):
    older = put(store, "3.15.1", name="older")
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
    asked = []
    assert store.find(parse("3.15"), Axes(), refresh=asked.append).name == older.name
    assert asked == []  # no probe can bring back a program that is gone


def test_sweeping_deletes_abandoned_scratch_and_keeps_scratch_in_use(store):
    left = store.root / "scratch" / "0123456789ab"
    left.mkdir(parents=True)
    (left / "read-only").mkdir()
    (left / "read-only" / "file").touch()
    (left / "read-only").chmod(0o500)
    with store.scratch() as used:
        assert store.sweep() == 1
        assert used.exists()
    assert not left.exists()
    assert store.sweep() == 0


def test_waiting_for_a_held_lock_is_announced(store):
    waiting, acquired = threading.Event(), threading.Event()

    def wait():
        with store.lock("x", on_wait=waiting.set):
            acquired.set()

    thread = threading.Thread(target=wait)
    with store.lock("x"):
        thread.start()
        assert waiting.wait(60)
        assert not acquired.is_set()
    thread.join()
    assert acquired.is_set()


def test_a_free_lock_is_taken_without_an_announcement(store):
    announced = []
    with store.lock("x"), store.lock("y", on_wait=lambda: announced.append("y")):
        assert announced == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_store_is_a_store_error(store):
    store.root.mkdir()
    store.root.chmod(0o500)
    with pytest.raises(StoreError, match="JITBUILD_HOME"):
        put(store, name="x")


def test_a_store_below_a_file_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="JITBUILD_HOME"):
        put(Store(tmp_path / "file" / "home"))


@pytest.mark.skipif(os.name != "posix", reason="folders of POSIX")
def test_the_default_store_is_in_the_user_s_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_root() == tmp_path / "jitbuild"


def test_a_file_in_place_of_the_interpreters_is_a_store_error(store):
    store.root.mkdir()
    store.interpreters.touch()
    with pytest.raises(StoreError):
        store.installed()


def test_folders_that_can_be_listed_but_not_entered_are_read_once(store, monkeypatch):
    put(store, name="a")
    # As root, every folder can be entered. What the system says of another folder is that its
    # files do not exist.
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    assert [found.name for found in store.installed()] == ["a"]
