"""Interpreters of a store that was moved: how that is noticed, and their repair."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace

import pytest
import stores
from moved_stores import REPAIRER, copy, put_with_script

from jitbuild.building.relocation import relocate
from jitbuild.errors import DiskFullError, InterpreterError, StoreError
from jitbuild.providers.repair import Repairer
from jitbuild.store.store import Store


@pytest.fixture
def old(tmp_path):
    """The interpreter of a store that stays where it is."""
    return put_with_script(Store(tmp_path / "old"))


@pytest.fixture
def store(tmp_path, old):
    """A copy of that store."""
    return copy(Store(tmp_path / "old"), tmp_path / "new")


def only(store):
    (interpreter,) = store.installed()
    return interpreter


def python_of_pip(interpreter):
    """Return the path in the script. In a long path, it is not in the shebang."""
    return re.search(r"/\S+/python3", (interpreter.path / "bin/pip").read_text())[0]


def test_a_copied_interpreter_is_not_fresh_until_it_is_repaired(store, old):
    moved = only(store)
    assert (moved.moved_from, moved.fresh, moved.state) == (old.path, False, "moved")
    repair = REPAIRER.repair(store, moved)
    assert (repair.origin, repair.files) == (old.path, (moved.path / "bin/pip",))
    repaired = only(store)
    assert (repaired.moved_from, repaired.fresh, repaired.state) == (None, True, "proven")
    assert python_of_pip(repaired) == str(repaired.executable)
    assert repaired.instance == old.instance
    assert REPAIRER.repair(store, repaired) is None


def test_the_store_that_was_copied_stays_as_it_is(store, old, tmp_path):
    REPAIRER.repair(store, only(store))
    original = only(Store(tmp_path / "old"))
    assert (original, original.state) == (old, "proven")
    assert python_of_pip(original) == str(old.executable)


def test_a_repaired_store_that_is_moved_back_is_repaired_again(store, tmp_path, old):
    REPAIRER.repair(store, only(store))
    (tmp_path / "old").rename(tmp_path / "aside")
    (tmp_path / "new").rename(tmp_path / "old")
    again = Store(tmp_path / "old")
    REPAIRER.repair(again, only(again))
    assert python_of_pip(only(again)) == str(old.executable)
    assert only(again).fresh


def test_another_process_may_have_repaired_it_meanwhile(store):
    moved = only(store)
    REPAIRER.repair(store, moved)
    assert REPAIRER.repair(store, moved) is None


def test_a_store_that_is_reached_through_a_link_was_not_moved(old, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "old", target_is_directory=True)
    assert only(Store(tmp_path / "link")).moved_from is None


def test_adopted_interpreters_and_manifests_without_a_place_were_not_moved(tmp_path):
    store = Store(tmp_path / "store")
    program = tmp_path / "python3"
    program.touch()
    stores.put(store, "3.14.0", program=program)
    stores.put(store, "3.15.0")
    assert [found.moved_from for found in copy(store, tmp_path / "copy").installed()] == [
        None,
        None,
    ]


def test_an_interpreter_that_does_not_run_here_is_left_as_it_is(store, old):
    def start(program, environ):
        raise InterpreterError("It needs glibc 2.39.", remedy="-")

    with pytest.raises(InterpreterError, match=r"glibc 2\.39"):
        Repairer(start=start, environ={}).repair(store, only(store))
    assert (only(store).state, python_of_pip(only(store))) == ("moved", str(old.executable))


def test_an_interpreter_that_uses_another_library_is_left_as_it_is(store):
    other = Repairer(start=lambda *_: SimpleNamespace(prefix="/usr"), environ={})
    with pytest.raises(
        InterpreterError, match="uses the standard library in /usr instead"
    ) as caught:
        other.repair(store, only(store))
    assert caught.value.remedy == (
        "Build it again: jitbuild install cpython-3.15.2-jit-fast-kkkkkkkk --reinstall"
    )
    assert only(store).state == "moved"


def test_a_store_that_cannot_be_written_names_both_folders_and_the_remedy(store, old, tmp_path):
    def refuse(prefix, origin):
        raise PermissionError(13, "Permission denied", str(prefix / "bin/pip"))

    with pytest.raises(StoreError) as caught:
        dataclasses.replace(REPAIRER, relocate=refuse).repair(store, only(store))
    error = caught.value
    assert f"was moved from {old.path} to {only(store).path}" in error.what
    assert "bin/pip cannot be read or written (Permission denied)." in error.what
    assert "`jitbuild repair`" in error.remedy
    assert error.remedy.endswith(f"mount the store to {tmp_path / 'old'}.")
    assert only(store).state == "moved"


def test_a_full_disk_is_reported_as_such(store):
    def fill(prefix, origin):
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFullError):
        dataclasses.replace(REPAIRER, relocate=fill).repair(store, only(store))


def test_an_interrupted_repair_is_done_again(store):
    class Killed(BaseException):
        pass

    def die_late(prefix, origin):
        relocate(prefix, origin)
        raise Killed

    with pytest.raises(Killed):
        dataclasses.replace(REPAIRER, relocate=die_late).repair(store, only(store))
    assert only(store).state == "moved"
    assert REPAIRER.repair(store, only(store)).files == ()
    assert only(store).state == "proven"
    assert python_of_pip(only(store)) == str(only(store).executable)
