"""Archives that are made to harm the machine end as damaged, not as errors of the store."""

from __future__ import annotations

import errno
import io
import lzma
import tarfile
import zipfile

import pytest

from jitbuild.errors import ArchiveError, StoreError
from jitbuild.system.archives import archive_errors
from jitbuild.system.archives.archive import read_members, unpack

_HUGE = 9 << 30


def packed(path, name="top/a", content=b"", *, sparse=None, **fields):
    """Write a tar with one file; `sparse` is the size that the file has when it is unpacked."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    header = bytearray(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
    if sparse is not None:
        # The real size, in GNU's old format, as a number of base 256.
        header[-29:-17] = b"\x80" + sparse.to_bytes(11, "big")
        header[-364:-356] = b"        "
        header[-364:-356] = b"%06o\0 " % sum(header[-512:])
    path.write_bytes(bytes(header) + content + bytes(-len(content) % 512 + 1024))
    return path


def zipped(path, name="top/a", *, size=0):
    with zipfile.ZipFile(path, "w") as content:
        content.writestr(zipfile.ZipInfo("x"), b"")
        content.filelist[0].filename = name
        content.filelist[0].file_size = size
    return path


def refusal(path, tmp_path):
    """Return the message with which the archive is refused; nothing must be left."""
    with pytest.raises(ArchiveError) as caught:
        unpack(path, tmp_path / "out")
    assert caught.value.exit_code in {10, 11}
    assert not (tmp_path / "out").exists()
    return caught.value.what


@pytest.mark.parametrize("name", [".", "top/" + "a" * 300, "a/" * 3000, "top/a\0b"])
def test_a_name_that_no_file_can_have_is_damage(tmp_path, name):
    headers = {"path": name} if len(name) < 300 else {}
    refusal(packed(tmp_path / "a.tar", name, pax_headers=headers), tmp_path)


def test_a_file_below_a_file_is_damage(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("top/a", "top/a/b"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    refusal(path, tmp_path)


@pytest.mark.parametrize("time", ["1e308", "inf", "nan", "-1e30", "9" * 30])
def test_a_time_that_no_file_can_have_is_damage(tmp_path, time):
    refusal(packed(tmp_path / "a.tar", pax_headers={"mtime": time}), tmp_path)


def test_a_member_of_a_zip_without_a_name_is_damage(tmp_path):
    refusal(zipped(tmp_path / "a.zip", ""), tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    sparse = packed(tmp_path / "a.tar", type=tarfile.GNUTYPE_SPARSE, sparse=_HUGE)
    for path in (sparse, zipped(tmp_path / "a.zip", size=_HUGE)):
        assert "more than 8.0 GB" in refusal(path, tmp_path)
        with pytest.raises(ArchiveError, match=r"more than 8.0 GB"):
            read_members(path, ["a"])


def test_a_header_that_does_not_fit_into_memory_is_refused(tmp_path):
    path = packed(tmp_path / "a.tar", type=tarfile.XHDTYPE, size=1 << 30)
    assert "too large" in refusal(path, tmp_path)


def test_headers_that_fit_into_memory_only_one_by_one_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_errors, "_MAX_HEADER_BYTES", 100_000)
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(60):
            member = tarfile.TarInfo(f"top/{number}")
            member.pax_headers = {"comment": "x" * 1000}
            tar.addfile(member)
    assert "headers of its members have more than 100.0 kB" in refusal(path, tmp_path)
    monkeypatch.setattr(archive_errors, "_MAX_HEADER_BYTES", 60 * 2560)
    assert len([*unpack(path, tmp_path / "out").iterdir()]) == 60


def test_very_many_folders_inside_each_other_are_damage(tmp_path):
    most = "a/" * 99
    for make in (packed, zipped):
        assert "more than 100 folders" in refusal(make(tmp_path / "a", f"{most}a/b"), tmp_path)
    unpack(packed(tmp_path / "a", f"{most}b"), tmp_path / "out")


def test_endless_data_after_the_last_member_is_refused(tmp_path):
    path = packed(tmp_path / "a.tar")
    path.write_bytes(lzma.compress(path.read_bytes() + bytes(65 << 20), preset=0))
    assert "too much data follows" in refusal(path, tmp_path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO])
def test_an_unusable_disk_is_an_error_of_the_store(tmp_path, monkeypatch, number):
    def fail(*_args, **_kwargs):
        raise OSError(number, "why", str(tmp_path / "out"))

    monkeypatch.setattr(tarfile.TarFile, "makefile", fail)
    with pytest.raises(StoreError):
        unpack(packed(tmp_path / "a.tar"), tmp_path / "out")
