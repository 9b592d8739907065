"""`jitbuild prune`."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import moved_stores
import pytest
from cli_fixtures import caches_in, fill, names, put

from jitbuild.cli.prune import superseded
from jitbuild.errors import StoreError

pytestmark = pytest.mark.usefixtures("home")


def test_superseded_and_vanished_interpreters_are_removed(run, store, elsewhere):
    put(store, "old", "3.15.0")
    put(store, "new", "3.15.2")
    put(store, "gone").executable.unlink()
    put(store, "mine", "3.15.1", program=elsewhere)
    code, out, err = run("prune", "--dry-run")
    assert (code, out) == (0, "")
    assert err.splitlines() == ["would remove gone", "would remove old"]
    assert names(store) == ["gone", "mine", "new", "old"]
    assert run("prune")[2].splitlines() == ["removed gone", "removed old"]
    assert names(store) == ["mine", "new"]
    assert run("prune") == (0, "", "There is nothing to remove.\n")
    assert run("prune", "-n")[2] == "There is nothing to remove.\n"
    assert run("prune", "-q") == (0, "", "")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([("new", "3.15.2", {})], ["old"]),
        ([("b", "3.15.1", {}), ("new", "3.15.2", {})], ["b", "old"]),
        ([("same", "3.15.0", {}), ("new", "3.15.2", {})], ["old", "same"]),
        ([("same", "3.15.0", {})], []),
        ([("new", "3.15.10", {}), ("b", "3.15.9", {})], ["b", "old"]),
        ([("other", "3.16.0", {})], []),
        ([("release", "3.15.2", {"profile": "release"})], []),
        ([("no", "3.15.2", {"jit": "no"})], []),
        ([("threads", "3.15.2", {"free_threaded": True})], []),
        ([("args", "3.15.2", {"configure_args": ["--x"]})], []),
        ([("failed", "3.15.2", {"ok": False})], []),
        ([("tree", "3.15.2", {"kind": "folder"})], []),
        ([("beta", "3.15.0b2", {})], ["beta"]),
    ],
)
def test_a_newer_interpreter_of_the_same_series_and_variant_supersedes(store, others, expected):
    put(store, "old", "3.15.0")
    for name, version, more in others:
        put(store, name, version, **more)
    assert sorted(found.name for found in superseded(store.installed())) == expected


def test_builds_of_other_sources_than_releases_are_kept(store):
    put(store, "a", "3.15.0", kind="git")
    put(store, "b", "3.15.2", kind="git")
    put(store, "c", "3.15.3")
    assert superseded(store.installed()) == []


def test_a_moved_interpreter_supersedes_no_other_and_is_kept(store, tmp_path):
    moved_stores.put_with_script(store, "3.15.0", name="old")
    moved_stores.put_with_script(store, "3.15.2", name="new")
    moved = moved_stores.copy(store, tmp_path / "moved")
    old = moved.get("old")
    assert superseded([old, moved.get("new")]) == []
    moved_stores.REPAIRER.repair(moved, old)
    assert [found.state for found in moved.installed()] == ["moved", "proven"]
    assert superseded(moved.installed()) == []
    moved_stores.REPAIRER.repair(moved, moved.get("new"))
    assert [found.name for found in superseded(moved.installed())] == ["old"]


def test_a_changed_interpreter_supersedes_no_other_and_is_kept(store, tmp_path):
    def program(name):
        (tmp_path / name).write_text("somebody's own")
        return tmp_path / name

    put(store, "oldest", "3.15.0", program=program("oldest"))
    put(store, "old", "3.15.1", program=program("old"))
    put(store, "new", "3.15.2", program=program("new")).executable.write_text("upgraded")
    assert [found.name for found in superseded(store.installed())] == ["oldest"]
    store.get("old").executable.write_text("upgraded")
    assert superseded(store.installed()) == []


def test_a_dry_run_leaves_a_moved_store_as_it_is(run, store, tmp_path, monkeypatch):
    moved_stores.put_with_script(store)
    moved = moved_stores.copy(store, tmp_path / "moved")

    def content():
        files = (path for path in sorted(moved.root.rglob("*")) if path.is_file())
        return {path: path.read_bytes() for path in files}

    before = content()
    monkeypatch.setenv("JITBUILD_HOME", str(moved.root))
    assert run("prune", "-n") == (0, "", "There is nothing to remove.\n")
    assert content() == before


def test_old_logs_and_abandoned_scratch_are_removed_and_with_caches_the_caches(run, store):
    fill(store, "sources", "llvm")
    store.logs.mkdir(parents=True)
    old = store.logs / "cpython-3.15.2-jit-fast-93a23b85-20261101T075609.log"
    new = store.logs / "diff-20261120-101112-4711-on-1.log"
    for log, age in ((old, timedelta(days=8)), (new, timedelta(days=6))):
        log.write_text("x")
        then = (datetime.now(UTC) - age).timestamp()
        os.utime(log, (then, then))
    killed = store.scratches / "0123456789ab"
    killed.mkdir(parents=True)
    (killed / "file").touch()
    expected = ["remove the scratch folder of killed builds", f"remove {old} (1 B)"]
    assert run("prune", "-n")[2].splitlines() == [f"would {text}" for text in expected]
    assert killed.exists()
    assert run("prune")[2].splitlines() == [text.replace("remove", "removed") for text in expected]
    assert [old.exists(), new.exists(), killed.exists()] == [
        False,
        True,
        False,
    ]
    assert caches_in(store) == ["llvm", "sources"]
    assert run("prune", "--caches", "-n")[2].splitlines() == [
        f"would remove {store.root / name} (2.0 kB)" for name in ("sources", "llvm")
    ]
    assert caches_in(store) == ["llvm", "sources"]
    run("prune", "--caches")
    assert not (store.root / "sources").exists()
    assert not (store.root / "llvm").exists()


def test_caches_that_a_running_build_needs_are_kept(run, store):
    fill(store, "llvm", "sources", "stencils", "configure", "ccache")
    with store.scratch():
        code, _, err = run("prune", "--caches")
    assert code == 0
    assert "The caches that a build needs are kept." in err
    assert caches_in(store) == ["ccache", "llvm", "sources"]
    assert not (store.root / "ccache" / "0" / "file").exists()


def test_a_store_that_does_not_exist_is_not_created(run, home):
    assert run("prune")[:2] == (0, "")
    assert not Path(home).exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_json_has_an_entry_for_each_removal(run, store, dry_run):
    old = put(store, "old", "3.15.0")
    put(store, "new", "3.15.2")
    (store.scratches / "0123456789ab").mkdir(parents=True)
    store.logs.mkdir()
    log = store.logs / "diff-20261120-101112-4711-on-1.log"
    log.write_text("x")
    os.utime(log, (0, 0))
    fill(store, "stencils")
    expected = [
        {"kind": "interpreter", "name": "old", "path": str(old.path), "adopted": False},
        {"kind": "scratch", "name": "scratch", "path": str(store.scratches), "folders": 1},
        {"kind": "log", "name": log.name, "path": str(log), "bytes": 1},
    ]
    cache = store.cache("stencils")
    expected.append({"kind": "cache", "name": "stencils", "path": str(cache), "bytes": 2000})
    code, out, _ = run("prune", "--caches", "--json", *["-n"] * dry_run)
    assert (code, json.loads(out)) == (0, [each | {"removed": not dry_run} for each in expected])
    assert (old.path.exists(), log.exists(), cache.exists()) == (dry_run,) * 3
    if not dry_run:
        assert run("prune", "--json", "-q") == (0, "[]\n", "")


def stray_files(store):
    """Put a file of the person's own, and a file of a file manager, into each folder swept."""
    store.prepared()
    old = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    files = []
    for folder in ("scratch", "logs", "sources", "git", "environments", "measurements"):
        for name in ("thesis.tex", "thesis.log", ".DS_Store"):
            files.append(store.root / folder / name)
            files[-1].parent.mkdir(exist_ok=True)
            files[-1].write_text("mine")
            os.utime(files[-1], (old, old))
    return files


def test_only_entries_with_names_of_jitbuild_are_swept(run, store):
    files = stray_files(store)
    code, _, err = run("prune", "--caches")
    assert code == 0
    assert "A build is running" not in err
    kept = [file for file in files if file.exists()]
    assert [file for file in kept if file.name != ".DS_Store"] == [
        file for file in files if file.name != ".DS_Store"
    ]
    kept = "keeps what jitbuild did not create: thesis.log, thesis.tex"
    assert f"{store.root / 'git'} {kept}" in err.splitlines()


def test_the_target_of_a_link_is_never_swept(run, store, tmp_path):
    old = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    store.prepared()
    for name, entry in {
        "scratch": "0123456789ab",
        "logs": "diff-20261120-101112-4711-on-1.log",
        "sources": "0123456789abcdef",
        "measurements": "0123456789abcdef",
    }.items():
        target = tmp_path / "person" / name
        target.mkdir(parents=True)
        (target / entry).touch()
        os.utime(target / entry, (old, old))
        (store.root / name).symlink_to(target)
    before = sorted((tmp_path / "person").rglob("*"))
    code, _, err = run("prune")
    assert (code, err) == (0, "There is nothing to remove.\n")
    assert run("prune", "--caches")[0] == StoreError.exit_code  # scratch is a link
    (store.root / "scratch").unlink()
    code, _, err = run("prune", "--caches")
    assert code == 0
    assert f"removed the link {store.root / 'sources'}" in err.splitlines()
    assert sorted((tmp_path / "person").rglob("*")) == before
