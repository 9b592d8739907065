"""Archives that are made to harm: names, links, devices, times and sizes, and damaged bytes."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import tarfile
import threading
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import hostile_text

from jitbuild.store.archive_reader import read_manifest
from jitbuild.system.archives.archive import read_members, unpack
from jitbuild.system.archives.wheel_archive import unpack_wheel
from jitbuild.system.archives.zstd import compressed

if TYPE_CHECKING:
    import random

    from fuzzing import Case, Ending

_NAMES = (
    "top/jitbuild.toml",
    *("top/a.txt", "top/b/c.py", "top", "./top/x", "x-1.dist-info/symlinks.txt"),
    *("x-1.data/scripts/clang", "x-1.data/data/bin/clang", "../out", "/dev/null/x", "top/../../o"),
    *("top\\x", "C:\\x", "top/con", "top/a.txt/under", "", ".", "..", "top/" + "d/" * 400 + "x"),
)
# Few names, so that members meet: a link below or above a file, a folder in place of a link.
_MEETING = ("top/d", "top/d/f", "top/f", "top/l", "top/d/l", "top/l/f", "TOP/d", "secret")
_SPELLINGS = ("{}/", "{}/.", "{}//", "./{}", "./{}/./")
_TARGETS = ("f", "../f", "d/f", ".", "../secret", "../../secret", "../../../secret")
_MEETING_TYPES = (
    *(tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE),
)
_SECRET = b"a file outside"
_TYPES = (
    *(tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE),
    *(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, b"V"),
)
_TIMES = (0, 1, -1, 2**31, 2**33, 2**63, 1e308, float("inf"), float("nan"), -1e30)
_PAX = (
    *("path", "linkpath", "size", "mtime", "uid", "gid", "uname", "hdrcharset", "GNU.sparse.size"),
    *("GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.map", "GNU.sparse.realsize", "comment"),
    *("GNU.sparse.name", "GNU.sparse.numblocks", "SCHILY.xattr.user.x", "charset"),
)


def _zstd(data: bytes) -> bytes:
    file = io.BytesIO()
    with compressed(file, level=1) as stream:
        stream.write(data)
    return file.getvalue()


_COMPRESS = {
    "": bytes,
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": _zstd,
}
_FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def archive(case: Case) -> Ending:
    """A hostile tar, zip or wheel, which is unpacked or read."""
    rng = case.rng
    wheel = rng.random() < 0.15
    is_zip = wheel or rng.random() < 0.35
    data, suffix = (_zip(rng), ".zip") if is_zip else _tar(rng)
    if rng.random() < 0.4:
        data = hostile_text.damaged(rng, data)
    path = case.folder / f"archive{suffix}"
    path.write_bytes(data)
    inside = case.folder / "inside"
    secret = case.folder / "secret"
    secret.write_bytes(_SECRET)
    before, threads = secret.stat(), threading.active_count()
    shown = f"{path.name}, {len(data)} bytes"
    ending = case.call(lambda: _use(path, inside, rng, wheel=wheel), shown)
    assert {*case.folder.iterdir()} <= {path, inside, secret}
    assert secret.read_bytes() == _SECRET
    assert (secret.stat().st_mode, secret.stat().st_mtime_ns, secret.stat().st_nlink) == (
        *(before.st_mode, before.st_mtime_ns, before.st_nlink),
    )
    assert threading.active_count() == threads
    assert ending.code == 0 or wheel or not inside.exists()
    if not wheel:
        _check_tree(inside)
    return ending


def _check_tree(inside: Path) -> None:
    """Assert that nothing in the folder is dangerous: no device, no link or file from outside."""
    root = os.path.realpath(inside)
    for path in inside.rglob("*"):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            target = Path(os.path.realpath(path))  # Path.resolve refuses loops
            assert target.is_relative_to(root), f"{path} leads to {path.readlink()}"
            continue
        assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode), path
        assert not status.st_mode & 0o7022, f"{path} has the mode {status.st_mode:o}"
        if stat.S_ISREG(status.st_mode) and status.st_size == len(_SECRET):
            assert path.read_bytes() != _SECRET, path


def _use(path: Path, inside: Path, rng: random.Random, *, wheel: bool) -> None:
    if wheel:
        unpack_wheel(path, inside)
    elif rng.random() < 0.1:
        read_manifest(path)
    elif rng.random() < 0.3:
        read_members(path, ["a.txt", "*.py"])
    else:
        unpack(path, inside, leave_out=["b/*"] if rng.random() < 0.3 else ())


def _tar(rng: random.Random) -> tuple[bytes, str]:
    compression = rng.choice(["", "", "gz", "xz", "bz2", "zst"])
    format_ = rng.choice(_FORMATS)
    data = bytearray()
    make = rng.choice([_member, _meeting_member])
    for _ in range(rng.choice([0, 1, 2, 3, 5])):
        content = rng.randbytes(rng.choice([0, 3, 600]))
        # Not every format has room for every value.
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            member = make(rng, content)
            data += member.tobuf(format_, "utf-8", "surrogateescape")
            if member.size:
                data += content + bytes(-len(content) % tarfile.BLOCKSIZE)
    data += bytes(rng.choice([0, 2, 2, 20]) * tarfile.BLOCKSIZE)
    return _COMPRESS[compression](bytes(data)), f".tar.{compression}" if compression else ".tar"


def _member(rng: random.Random, content: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(_name(rng))
    member.type = rng.choice(_TYPES) if rng.random() < 0.6 else tarfile.REGTYPE
    member.size = len(content) if rng.random() < 0.9 else rng.choice([10**6, 2**60, -512])
    member.mode = rng.choice([0o644, 0o755, 0o7777, 0, 0o100000])
    member.mtime = rng.choice(_TIMES) if rng.random() < 0.3 else 0
    member.uid = rng.choice([0, 2**21, 2**40])
    if member.type in {tarfile.SYMTYPE, tarfile.LNKTYPE} or rng.random() < 0.05:
        member.linkname = _name(rng)
    if rng.random() < 0.3:
        member.pax_headers = {rng.choice(_PAX): _pax(rng) for _ in range(rng.randint(1, 3))}
    return member


def _meeting_member(rng: random.Random, content: bytes) -> tarfile.TarInfo:
    """Return a valid member; others of the archive may have its name in another spelling."""
    name = rng.choice(_MEETING)
    member = tarfile.TarInfo(name if rng.random() < 0.7 else rng.choice(_SPELLINGS).format(name))
    member.type = rng.choice(_MEETING_TYPES)
    member.size = len(content) if member.isreg() else 0
    member.mode = rng.choice([0o644, 0o7777, 0])
    if member.type == tarfile.SYMTYPE:
        member.linkname = rng.choice(_TARGETS)
    if member.type == tarfile.LNKTYPE:
        member.linkname = rng.choice([*_MEETING, *_TARGETS])
    return member


def _pax(rng: random.Random) -> str:
    numbers = ("0", "1", "-1", "1.0", "0,5,10,5", "1e308", "nan", "inf", "9" * 30, "BINARY")
    return rng.choice([rng.choice(numbers), rng.choice(numbers), _name(rng)])


def _name(rng: random.Random) -> str:
    return rng.choice(_NAMES) if rng.random() < 0.7 else hostile_text.text(rng, _NAMES)


def _zip(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    with zipfile.ZipFile(buffer, "w") as content, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members with one name
        for _ in range(rng.randint(0, 5)):
            member = zipfile.ZipInfo("x")
            # A zip has two bytes for the length of a name.
            member.filename = _name(rng).encode("utf-8", "replace")[:60_000].decode(errors="ignore")
            year, month, day = rng.choice([(1980, 0, 0), (2026, 11, 27), (2107, 15, 31)])
            member.date_time = (year, month, day, 31, 63, 58)
            member.external_attr = rng.choice([0o100644, 0o120777, 0o020666, 0o040755, 0]) << 16
            member.compress_type = rng.choice(methods)
            data = rng.choice([b"", b"text", b"../out", b"a,b,c\nd,../../e,\n", bytes(2000)])
            content.writestr(member, data)
    return buffer.getvalue()
