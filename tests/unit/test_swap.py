"""Replacing an interpreter: at every moment the old one or the new one can be found."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import msgspec
import pytest
import stores

from jitbuild.store import layout, swap
from jitbuild.store import manifest as manifests
from jitbuild.store.store import Store
from jitbuild.system.exchange import call_library, exchange, exchange_call


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def folders(tmp_path):
    """A folder `staged` with the file `new`, and a folder `final` with the file `old`."""
    for name, file in (("scratch/staged", "new"), ("interpreters/final", "old")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / file).touch()
    return tmp_path / "scratch/staged", tmp_path / "interpreters/final"


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def replace(folders, *, supported):
    staged, final = folders

    def exchanged(one, other):
        if supported:
            one.rename(one.with_name("third"))
            other.rename(one)
            one.with_name("third").rename(other)
        return supported

    swap.replace(staged, final, lock=contextlib.nullcontext, exchange=exchanged)


@pytest.mark.parametrize("supported", [True, False])
def test_the_older_folder_is_deleted(folders, supported):
    replace(folders, supported=supported)
    staged, final = folders
    assert files(final) == ["new"]
    assert files(final.parent) == ["final"]
    assert files(staged.parent) == []


def test_a_free_name_needs_no_exchange(folders):
    _, final = folders
    (final / "old").unlink()
    final.rmdir()
    replace(folders, supported=False)
    assert files(final) == ["new"]


class Killed(BaseException):
    pass


def killed_after(monkeypatch, count):
    """Make the rename after `count` renames, and all later ones, end the block like SIGKILL."""
    rename, calls = Path.rename, []

    def rename_or_end(self, to):
        calls.append(to)
        if len(calls) > count:
            raise Killed
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", rename_or_end)


@pytest.mark.parametrize(("renames", "found"), [(0, "first"), (1, "first"), (2, "second")])
def test_a_kill_between_the_renames_loses_nothing(store, monkeypatch, renames, found):
    first = stores.put(store, content="first")
    second = stores.put(store, name="staged", content="second")
    with store.scratch() as scratch:
        manifest = msgspec.structs.replace(second.manifest, name=first.name)
        manifests.write(manifest, second.path)
        staged = second.path.rename(scratch / "staged")
        with monkeypatch.context() as patch:
            killed_after(patch, renames)
            with pytest.raises(Killed):
                swap.replace(
                    staged, first.path, lock=contextlib.nullcontext, exchange=lambda *_: False
                )
    (present,) = store.installed()
    assert present.path == first.path
    assert present.executable.read_text() == found
    store.sweep()
    assert files(store.interpreters) == [first.name]
    assert store.get(first.name) == present


@pytest.mark.parametrize("look", [lambda store, _: store.installed()[0], Store.get])
def test_an_interpreter_that_was_set_aside_is_restored_by_the_next_look(store, look):
    first = stores.put(store)
    first.path.rename(layout.set_aside_path(first.path))
    assert look(store, first.name) == first
    assert files(store.interpreters) == [first.name]


def test_an_older_interpreter_is_not_restored_after_its_successor_is_removed(store):
    first = stores.put(store)
    first.path.rename(layout.set_aside_path(first.path))
    stores.rename(stores.put(store, name="other"), first.path)
    store.remove(store.get(first.name))
    assert store.installed() == []
    assert files(store.interpreters) == []


def test_an_interpreter_in_a_folder_that_cannot_be_written_is_not_listed(store, monkeypatch):
    first = stores.put(store)
    first.path.rename(layout.set_aside_path(first.path))

    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "rename", refuse)
    assert store.installed() == []
    assert store.get(first.name) is None


def test_a_rename_that_fails_gives_the_older_folder_its_name_back(folders, monkeypatch):
    staged, final = folders
    rename = Path.rename

    def fail(self, to):
        if self == staged:
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(PermissionError):
        replace(folders, supported=False)
    assert files(final) == ["old"]


def test_the_calls_of_linux_and_macos():
    assert exchange_call(b"/a", b"/b", platform="linux") == (
        "renameat2",
        (-100, b"/a", -100, b"/b", 2),
    )
    assert exchange_call(b"/a", b"/b", platform="darwin") == ("renamex_np", (b"/a", b"/b", 2))
    assert exchange_call(b"/a", b"/b", platform="win32") is None


@pytest.mark.parametrize(
    ("number", "done"), [(0, True), (errno.ENOSYS, False), (errno.EINVAL, False)]
)
def test_a_file_system_that_cannot_exchange_changes_nothing(tmp_path, number, done):
    a, b = tmp_path / "a", tmp_path / "b"
    assert exchange(a, b, platform="linux", caller=lambda _: number) == done
    assert not exchange(a, b, platform="win32")


def test_other_errors_are_raised_with_both_paths(tmp_path):
    with pytest.raises(OSError, match="'a' -> 'b'"):
        exchange(Path("a"), Path("b"), platform="linux", caller=lambda _: errno.EACCES)


def test_a_library_without_the_function_cannot_exchange():
    call = exchange_call(b"a", b"b", platform="linux")
    assert call_library(call._replace(function="no_such_function")) == errno.ENOSYS
