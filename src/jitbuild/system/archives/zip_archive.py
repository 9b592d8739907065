"""Unpack zip archives without writing outside the target folder, and read their files."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
import time
import zipfile
from typing import TYPE_CHECKING

from jitbuild.system.archives.archive_errors import ArchiveBound, safe_name, unsafe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO, BinaryIO

    from jitbuild.system.progress import Stage

_CHUNK_BYTES = 1 << 18


def is_zip(file: BinaryIO) -> bool:
    """Return True if `file` begins like a zip.

    `zipfile.is_zipfile` would look at the end, and thus accept a plain tar whose last member is a
    zip.
    """
    magic = file.read(4)
    file.seek(0)
    return magic in {b"PK\x03\x04", b"PK\x05\x06"}


def unpack_zip(
    archive: Path, file: BinaryIO, dest: Path, stage: Stage, left_out: Callable[[str], bool]
) -> None:
    """Unpack the zip in `file` into `dest`, except for members whose names `left_out` accepts.

    The names of such members are checked, too. `archive` is the archive's path, for messages.
    Raises UnsafeArchiveError if a member would be written outside `dest` or is not a regular file
    or folder, and the errors of zipfile if the archive is damaged.
    """
    with zipfile.ZipFile(file) as content:
        members = _members(archive, content)
        for done, member in enumerate(members):
            stage.advance(done, len(members))
            path = dest / safe_name(archive, member.filename)
            if left_out(member.filename):
                continue
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                extract_member(archive, content, member, path)


def extract_member(
    archive: Path, content: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path
) -> None:
    """Write one file of a zip to `path`, with its modification time.

    If the zip was created on Unix, the executable bit is preserved, too. Raises UnsafeArchiveError
    if the member is a symbolic link or a device.
    """
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise unsafe(archive, f"{member.filename!r} is a link or a device")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()  # otherwise, the target of a link from another wheel would be overwritten
    with content.open(member) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
    path.chmod(0o755 if mode & 0o100 else 0o644)
    with contextlib.suppress(ValueError, OverflowError):  # a zip may contain impossible dates
        modified = time.mktime((*member.date_time, 0, 0, -1))
        os.utime(path, (modified, modified))


def read_zip_files(archive: Path, file: BinaryIO) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Yield the name of each file of the zip, and a function that opens it.

    `archive` is the archive's path, for messages. Raises the errors of `unpack_zip`.
    """
    with zipfile.ZipFile(file) as content:
        for member in _members(archive, content):
            if not member.is_dir():
                yield member.filename, functools.partial(content.open, member)


def _members(archive: Path, content: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return all members. Raises ArchiveError if they are far too large.

    zipfile never reads more of a member than the size that the archive states.
    """
    bound = ArchiveBound(archive)
    for member in content.infolist():
        bound.add(member.file_size)
    return content.infolist()
