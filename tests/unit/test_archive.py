"""Archives written by the tests: honest, damaged and malicious ones."""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
import time
from pathlib import Path

import pytest
from archives import zipped
from reporters import RecordingReporter

from jitbuild.errors import (
    ArchiveError,
    DiskFullError,
    PreflightError,
    StoreError,
    UnsafeArchiveError,
)
from jitbuild.system.archives.archive import read_members, unpack

WHEN = 1_700_000_000
posix_only = pytest.mark.skipif(os.name != "posix", reason="symbolic links and modes")


def entry(
    name: str, content: bytes | None = b"", *, mode: int = 0o644, **fields
) -> tuple[tarfile.TarInfo, bytes]:
    """Return a tar member: a folder if `content` is None, else a file; `fields` may set a type."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.size = mode, WHEN, len(content or b"")
    if content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content or b""


def symlink(name: str, target: str):
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def hardlink(name: str, target: str):
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def tar(path: Path, *entries, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for info, content in entries:
            file.addfile(info, io.BytesIO(content))
    return path


def source_tree() -> list:
    return [
        entry("Python-3.15.0", None),
        entry("Python-3.15.0/configure", b"#!/bin/sh\n", mode=0o777),
        entry("Python-3.15.0/Include/patchlevel.h", b"#define PY_VERSION\n"),
        entry("Python-3.15.0/Tools/jit/_llvm.py", b"_LLVM_VERSION = 21\n"),
        entry("Python-3.15.0/Lib/big", os.urandom(300_000)),
    ]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "out" / "tree"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.tar", "w"),
        ("a.tar.xz", "w:xz"),
        ("a.tar.gz", "w:gz"),
        ("a.tgz", "w:gz"),
        ("a.tar.bz2", "w:bz2"),
    ],
)
def test_a_tar_is_unpacked_with_times_and_modes(tmp_path, dest, name, mode):
    top = unpack(tar(tmp_path / name, *source_tree(), mode=mode), dest)
    assert top == dest / "Python-3.15.0"
    configure = (top / "configure").stat()
    assert configure.st_mtime == WHEN
    assert top.stat().st_mtime == WHEN
    if os.name == "posix":
        assert stat.S_IMODE(configure.st_mode) == 0o755
        assert stat.S_IMODE((top / "Include/patchlevel.h").stat().st_mode) == 0o644


def test_the_format_does_not_depend_on_the_name(tmp_path, dest):
    assert (
        unpack(tar(tmp_path / "download", *source_tree(), mode="w:xz"), dest)
        == dest / "Python-3.15.0"
    )


def test_a_plain_tar_that_ends_in_a_zip_is_a_tar(tmp_path, dest):
    inner = zipped(tmp_path / "inner.zip", {"x": b"y"}).read_bytes()
    unpack(tar(tmp_path / "a.tar", entry("top/inner.zip", inner)), dest)
    assert (dest / "top/inner.zip").read_bytes() == inner


def test_the_target_is_returned_when_the_archive_has_no_single_top_folder(tmp_path, dest):
    assert unpack(tar(tmp_path / "a.tar", entry("a"), entry("b")), dest) == dest
    assert unpack(
        tar(tmp_path / "b.tar", entry("a")), dest.with_name("one file")
    ) == dest.with_name("one file")


def test_progress_is_in_bytes_of_the_archive(tmp_path, dest):
    reporter = RecordingReporter()
    path = tar(tmp_path / "a.tar.xz", *source_tree(), mode="w:xz")
    unpack(path, dest, reporter=reporter)
    assert reporter.titles == ["Unpacking a.tar.xz"]
    assert [total for _, total in reporter.progress] == [path.stat().st_size] * 5
    assert all(done <= path.stat().st_size for done, _ in reporter.progress)


@posix_only
def test_links_inside_the_archive_are_created(tmp_path, dest):
    tree = [
        entry("top/a", b"a"),
        symlink("top/d/b", "../a"),
        hardlink("top/c", "top/a"),
        symlink("top/gone", "nothing"),
    ]
    top = unpack(tar(tmp_path / "a.tar", *tree), dest)
    assert (top / "d/b").read_bytes() == b"a"
    assert (top / "c").stat().st_nlink == 2
    assert (top / "gone").is_symlink()


def test_the_later_of_two_members_with_one_name_is_used(tmp_path, dest):
    unpack(tar(tmp_path / "a.tar", entry("top/a", b"old"), entry("top/a", b"new")), dest)
    assert (dest / "top/a").read_bytes() == b"new"


@posix_only
def test_a_tar_is_unpacked_as_by_the_data_filter_of_tarfile(tmp_path, dest):
    modes = (0o000, 0o400, 0o455, 0o666, 0o644, 0o755, 0o700, 0o4777)
    files = [entry(f"top/d/{mode:o}", b"x", mode=mode) for mode in modes]
    tree = [*files, symlink("top/link", "d"), entry("top/d/last", b"y", mode=0o711)]
    path = tar(tmp_path / "a.tar", *tree)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "expected", filter="data")
    unpack(path, dest)

    def described(folder):
        return {
            (str(each.relative_to(folder)), each.lstat().st_mode, each.lstat().st_size)
            for each in folder.rglob("*")
        }

    assert described(dest) == described(tmp_path / "expected")


def test_the_filter_is_asked_once_for_a_folder_and_again_after_a_link(tmp_path, dest, monkeypatch):
    asked = []

    def recorded(member, path):
        asked.append(member.name)
        return tarfile.fully_trusted_filter(member, path)

    monkeypatch.setattr(tarfile, "data_filter", recorded)
    tree = [entry("top/a"), entry("top/b"), symlink("top/l", "a"), entry("top/c"), entry("top/d")]
    unpack(tar(tmp_path / "a.tar", *tree, entry("top/d", b"again")), dest)
    assert asked == ["top/a", "top/l", "top/c", "top/d"]


@posix_only
def test_targets_are_copied_where_links_cannot_be_created(tmp_path, dest, monkeypatch):
    def refused(*_args):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refused)
    monkeypatch.setattr(Path, "hardlink_to", refused)
    tree = [entry("top/a", b"a"), symlink("top/d/b", "../a"), hardlink("top/c", "top/a")]
    top = unpack(tar(tmp_path / "a.tar", *tree), dest)
    assert [(top / name).read_bytes() for name in ("a", "d/b", "c")] == [b"a"] * 3


def test_a_hard_link_to_a_member_that_is_left_out_is_refused(tmp_path, dest):
    path = tar(tmp_path / "a.tar", entry("top/a"), hardlink("top/b", "top/a"))
    with pytest.raises(ArchiveError):
        unpack(path, dest, leave_out=["a"])


MALICIOUS = {
    "upward": [entry("../evil")],
    "upward inside": [entry("top/x/../../../evil")],
    "upward but staying": [entry("top/x/../evil")],
    "absolute": [entry("/tmp/evil")],
    "backslashes": [entry("..\\evil")],
    "drive": [entry("C:/evil")],
    "symlink outside": [symlink("top/link", "../../evil")],
    "absolute symlink": [symlink("top/link", "/etc/passwd")],
    "through a symlink": [symlink("top/link", "."), entry("top/link/evil")],
    "over a symlink": [symlink("top/link", "target"), entry("top/link", b"evil")],
    "over a symlink, folded": [symlink("top/Link", "target"), entry("top/link", b"evil")],
    "symlink over a file": [entry("top/a"), symlink("top/a", "b")],
    "hardlink outside": [hardlink("top/link", "../../etc/passwd")],
    "absolute hardlink": [hardlink("top/link", "/etc/passwd")],
    "hardlink through a symlink": [symlink("top/link", "."), hardlink("top/evil", "top/link/x")],
    "device": [entry("top/null", type=tarfile.CHRTYPE)],
    "disk": [entry("top/sda", type=tarfile.BLKTYPE)],
    "pipe": [entry("top/pipe", type=tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_tar_is_refused_and_leaves_nothing(tmp_path, dest, name):
    path = tar(
        tmp_path / "evil.tar", entry("top", None), entry("top/honest", b"x"), *MALICIOUS[name]
    )
    with pytest.raises(UnsafeArchiveError, match=r"evil\.tar could write outside") as caught:
        unpack(path, dest)
    assert "source that you trust" in caught.value.remedy
    assert not dest.exists()
    assert [entry.name for entry in tmp_path.rglob("*")] == ["out", "evil.tar"] or not list(
        tmp_path.rglob("evil")
    )


@pytest.mark.parametrize("name", ["top/link/", "top/link//", "top/link/.", "./top//link/./"])
def test_a_link_cannot_lead_outside_by_another_spelling_of_its_name(tmp_path, dest, name):
    (dest.parent).mkdir()
    (dest.parent / "secret").write_text("secret")
    path = tar(tmp_path / "a.tar", entry("top/a"), symlink(name, "../../secret"))
    with pytest.raises(UnsafeArchiveError):
        unpack(path, dest)
    assert not dest.exists()


@posix_only
def test_a_link_is_created_for_every_spelling_of_its_name(tmp_path, dest):
    names = ("top//one", "./top/./two", "top/three/", "top/four/.")
    unpack(tar(tmp_path / "a.tar", *(symlink(name, "x") for name in names)), dest)
    links = {each.name: str(each.readlink()) for each in (dest / "top").iterdir()}
    assert links == dict.fromkeys(["one", "two", "three", "four"], "x")


TAKEN = {
    "a folder without a member": [entry("top/d/x"), symlink("top/d", "a")],
    "a folder with a link": [
        *(symlink("top/d/a", "../b"), entry("top/b", b"b")),
        hardlink("top/d", "top/a"),
    ],
    "the top": [symlink(".", "top/a")],
    "a file": [entry("top/b", b"b"), hardlink("top/b", "top/a")],
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_link_does_not_replace_what_is_already_unpacked(tmp_path, dest, name):
    path = tar(tmp_path / "a.tar", entry("top/a", b"a"), *TAKEN[name])
    with pytest.raises(ArchiveError):
        unpack(path, dest)
    assert not dest.exists()


def test_the_later_of_two_times_of_a_folder_is_used(tmp_path, dest):
    earlier = entry("top", None)
    earlier[0].mtime = WHEN - 1000
    unpack(tar(tmp_path / "a.tar", earlier, entry("top/a"), entry("top", None)), dest)
    assert (dest / "top").stat().st_mtime == WHEN


def test_a_hard_link_to_a_missing_member_is_damage(tmp_path, dest):
    with pytest.raises(ArchiveError, match="which does not exist"):
        unpack(tar(tmp_path / "a.tar", entry("top/a"), hardlink("top/b", "top/c")), dest)


@pytest.mark.parametrize(
    ("suffix", "mode"), [("xz", "w:xz"), ("gz", "w:gz"), ("bz2", "w:bz2"), ("tar", "w")]
)
@pytest.mark.parametrize("cut", [0.0, 0.001, 0.5, 0.9, 0.9999])
def test_a_truncated_tar_is_reported_and_leaves_nothing(tmp_path, dest, suffix, mode, cut):
    path = tar(
        tmp_path / f"a.{suffix}",
        *source_tree(),
        entry("Python-3.15.0/last", os.urandom(30_000)),
        mode=mode,
    )
    data = path.read_bytes().rstrip(b"\0")
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ArchiveError, match="damaged, truncated or not an archive") as caught:
        unpack(path, dest)
    assert type(caught.value) is ArchiveError
    assert not dest.exists()


@pytest.mark.parametrize(("suffix", "mode"), [("xz", "w:xz"), ("gz", "w:gz"), ("bz2", "w:bz2")])
@pytest.mark.parametrize("place", [0.3, 0.7, 0.9999])
def test_a_flipped_bit_is_damage(tmp_path, dest, suffix, mode, place):
    path = tar(tmp_path / f"a.{suffix}", *source_tree(), mode=mode)
    data = bytearray(path.read_bytes())
    data[int(len(data) * place) - 6] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(ArchiveError):
        unpack(path, dest)
    assert not dest.exists()


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path, dest):
    path = tar(tmp_path / "a.tar", entry("top/a"), entry("top/b"), entry("top/c"))
    data = bytearray(path.read_bytes())
    data[data.index(b"top/b")] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="header cannot be read: bad checksum"):
        unpack(path, dest)
    with pytest.raises(ArchiveError, match="header cannot be read: bad checksum"):
        read_members(path, ["c"])
    assert not dest.exists()


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        *((tarfile.REGTYPE, size) for size in (-1, -512, -1024, -5000)),
        *((tarfile.GNUTYPE_SPARSE, size) for size in (-512, -1024)),
    ],
)
def test_a_negative_size_does_not_repeat_members(tmp_path, dest, kind, size):
    info, _ = entry("top/b", type=kind)
    info.size = size
    content = entry("top/a")[0].tobuf() + info.tobuf(tarfile.GNU_FORMAT) + bytes(600_000)
    (tmp_path / "a.tar").write_bytes(content)
    # tarfile itself refuses some of them, in versions without CVE-2025-8194.
    with pytest.raises(ArchiveError, match=r"negative|invalid offset"):
        unpack(tmp_path / "a.tar", dest)
    with pytest.raises(ArchiveError, match=r"negative|invalid offset"):
        read_members(tmp_path / "a.tar", ["c"])
    assert not dest.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>Please log in</html>", b"PK\x03\x04rubbish", b"\0" * 10240, b"\x1f\x8b"],
)
def test_a_file_that_is_no_archive_is_reported(tmp_path, dest, content):
    (tmp_path / "a.tar.xz").write_bytes(content)
    with pytest.raises(
        ArchiveError, match=r"a\.tar\.xz is damaged, truncated or not an archive"
    ) as caught:
        unpack(tmp_path / "a.tar.xz", dest)
    assert ".tar.xz" in caught.value.remedy
    assert not dest.exists()


def test_a_missing_archive_is_reported(tmp_path, dest):
    with pytest.raises(ArchiveError, match="cannot be read"):
        unpack(tmp_path / "gone.tar.xz", dest)
    assert not dest.exists()


def test_a_folder_that_is_not_empty_is_refused_and_unchanged(tmp_path, dest):
    dest.mkdir(parents=True)
    (dest / "mine").touch()
    with pytest.raises(StoreError, match="is not empty"):
        unpack(tar(tmp_path / "a.tar", *source_tree()), dest)
    assert (dest / "mine").exists()


def test_an_empty_folder_still_exists_after_a_failure(tmp_path, dest):
    dest.mkdir(parents=True)
    with pytest.raises(UnsafeArchiveError):
        unpack(tar(tmp_path / "a.tar", entry("a"), entry("../b")), dest)
    assert list(dest.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EDQUOT, "Quota exceeded")],
)
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, dest, monkeypatch, error):
    def full(*args, **kwargs):
        raise error

    path = tar(tmp_path / "a.tar", *source_tree())
    monkeypatch.setattr(tarfile, "copyfileobj", full)
    with pytest.raises(DiskFullError):
        unpack(path, dest)
    assert not dest.exists()


def test_an_interrupt_leaves_nothing(tmp_path, dest, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    path = tar(tmp_path / "a.tar", *source_tree())
    monkeypatch.setattr(tarfile, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        unpack(path, dest)
    assert not dest.exists()


def test_a_python_without_the_data_filter_is_reported(tmp_path, dest, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(PreflightError, match="too old"):
        unpack(tar(tmp_path / "a.tar", *source_tree()), dest)


def test_a_python_without_lzma_is_reported(tmp_path, dest, monkeypatch):
    path = tar(tmp_path / "a.tar.xz", *source_tree(), mode="w:xz")
    monkeypatch.setitem(__import__("sys").modules, "lzma", None)
    with pytest.raises(PreflightError, match="lacks the compression module") as caught:
        unpack(path, dest)
    assert "lzma" in caught.value.remedy


def test_a_zip_is_unpacked_with_times_and_modes(tmp_path, dest):
    path = zipped(
        tmp_path / "a.zip",
        {
            "cpython-main/": b"",
            "cpython-main/configure": b"#!/bin/sh\n",
            "cpython-main/Include/a.h": b"",
        },
        modes={
            "cpython-main/": stat.S_IFDIR | 0o755,
            "cpython-main/configure": stat.S_IFREG | 0o4775,
        },
    )
    top = unpack(path, dest)
    assert top == dest / "cpython-main"
    assert (top / "configure").stat().st_mtime == time.mktime((2024, 8, 5, 19, 3, 0, 0, 0, -1))
    if os.name == "posix":
        assert stat.S_IMODE((top / "configure").stat().st_mode) == 0o755
        assert stat.S_IMODE((top / "Include/a.h").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "top/../../evil", "..\\evil", "C:\\evil", "C:evil"]
)
def test_a_zip_that_leaves_the_folder_is_refused(tmp_path, dest, name):
    with pytest.raises(UnsafeArchiveError):
        unpack(zipped(tmp_path / "a.zip", {"top/honest": b"", name: b"evil"}), dest)
    assert not dest.exists()
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_zip_with_a_link_or_a_device_is_refused(tmp_path, dest, kind):
    path = zipped(tmp_path / "a.zip", {"top/a": b"/etc/passwd"}, modes={"top/a": kind | 0o777})
    with pytest.raises(UnsafeArchiveError, match="link or a device"):
        unpack(path, dest)


def test_a_damaged_or_encrypted_zip_is_reported(tmp_path, dest):
    path = zipped(tmp_path / "a.zip", {"top/a": os.urandom(5000)})
    good = path.read_bytes()
    path.write_bytes(good[:2000] + b"rubbish" + good[2007:])
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(path, dest)
    path.write_bytes(good[:-100])
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(path, dest)
    encrypted = bytearray(good)
    encrypted[6] |= 1
    encrypted[good.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(encrypted)
    with pytest.raises(ArchiveError, match="encrypted"):
        unpack(path, dest)
    assert not dest.exists()


def test_an_impossible_date_in_a_zip_is_ignored(tmp_path, dest):
    path = zipped(tmp_path / "a.zip", {"top/a": b"x"})
    data = bytearray(path.read_bytes())
    for where in (10, data.index(b"PK\x01\x02") + 12):
        data[where : where + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert (unpack(path, dest) / "a").read_bytes() == b"x"


@pytest.mark.parametrize("prefix", ["Python-3.15.0/", "./Python-3.15.0/"])
def test_members_are_read_without_unpacking(tmp_path, prefix):
    path = tar(
        tmp_path / "a.tar.xz",
        entry(f"{prefix}Include/patchlevel.h", b"right"),
        entry(f"{prefix}Other/Include/patchlevel.h", b"wrong"),
        symlink(f"{prefix}Tools/jit/_llvm.py", "../other"),
        mode="w:xz",
    )
    assert read_members(path, ["Include/patchlevel.h", "Tools/jit/_llvm.py"]) == {
        "Include/patchlevel.h": b"right"
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar.xz"]


def test_an_archive_truncated_after_the_requested_file_is_an_error(tmp_path):
    path = tar(
        tmp_path / "a.tar.xz",
        entry("top/a", b"a"),
        entry("top/b", os.urandom(200_000)),
        mode="w:xz",
    )
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ArchiveError):
        read_members(path, {"a"})


def test_members_of_a_zip_are_read(tmp_path):
    path = zipped(
        tmp_path / "a.zip",
        {"top/": b"", "top/a": b"a", "top/b": b"b"},
        modes={"top/": stat.S_IFDIR | 0o755},
    )
    assert read_members(path, ["a", "c"]) == {"a": b"a"}


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tar(tmp_path / "a.tar", entry("top/a", b"12345678901"))
    with pytest.raises(ArchiveError, match="far larger"):
        read_members(path, ["a"], max_bytes=10)
