"""Unpack tar archives without writing outside the target folder, and read their files.

Every member must pass tarfile's `data` filter (PEP 706). That filter resolves names on the disk, so
links that the archive itself created could deceive it (CVE-2025-4517 and CVE-2025-4330, in Python
versions that are still in use). Therefore a member at or below such a link is refused before the
filter sees the member; no honest archive contains one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import posixpath
import shutil
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import PreflightError
from jitbuild.system.archives.archive_errors import ArchiveBound, damaged, safe_name, unsafe
from jitbuild.system.archives.decompression import decompressed, read_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, BinaryIO, Self

    from jitbuild.system.progress import Stage

_CHUNK_BYTES = 1 << 18
# tar pads an archive to a multiple of its block, which has 10 KiB by default.
_MAX_PADDING_BYTES = 64 << 20
_MAX_HEADER_BYTES = 1 << 20
# The types of the headers that precede a member's own header, and describe it.
_EXTENDED_TYPES = frozenset(
    {
        *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    }
)


def unpack_tar(
    archive: Path, file: BinaryIO, dest: Path, stage: Stage, left_out: Callable[[str], bool]
) -> None:
    """Unpack the tar in `file` into `dest`, except for members whose names `left_out` accepts.

    Such members are checked, but not written. `archive` is the archive's path, for messages. Raises
    UnsafeArchiveError if a member would be written outside `dest`, PreflightError if this Python is
    too old, and the errors of tarfile and the decompressors if the archive is damaged.
    """
    if not hasattr(tarfile, "data_filter"):
        raise PreflightError(
            "The Python that runs jitbuild is too old to unpack archives safely.",
            remedy="Run jitbuild with Python 3.11.4 or newer.",
        )
    size = os.fstat(file.fileno()).st_size
    with read_ahead(decompressed(file)) as content, _open(content) as tar:
        unpacker = _Unpacker(archive, tar, os.fspath(dest), left_out)
        for member in _members(archive, tar):
            stage.advance(file.tell(), size)
            unpacker.add(member)
        unpacker.finish()
        _read_to_end(archive, tar)


def read_tar_files(archive: Path, file: BinaryIO) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Yield the name of each regular file of the tar, and a function that opens it.

    `archive` is the archive's path, for messages. Raises the errors of `unpack_tar`.
    """
    with _open(decompressed(file)) as tar:
        for member in _members(archive, tar):
            if member.isreg():
                yield member.name, functools.partial(_open_member, tar, member)


def _open_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    assert file is not None  # only links and the like have no content
    return file


def _open(content: BinaryIO) -> tarfile.TarFile:
    """Open the tar `content`, which is not compressed."""
    return tarfile.TarFile(fileobj=content, tarinfo=_Member, copybufsize=_CHUNK_BYTES)


def _members(archive: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members while they are read. Raises ArchiveError if they are far too large."""
    bound = ArchiveBound(archive)
    begin = 0
    for member in tar:
        # tarfile would read the same members again and again (CVE-2025-8194).
        if member.size < 0 or tar.offset < member.offset_data:
            raise damaged(archive, f"the size of {member.name!r} is negative")
        bound.add(member.size, header=member.offset_data - begin)
        begin = tar.offset  # of the next header
        yield member


def _read_to_end(archive: Path, tar: tarfile.TarFile) -> None:
    """Read the rest of the archive after the last member.

    Compressed data ends with checksums. If the data is damaged, reading them raises an error.
    Raises ArchiveError if the rest is longer than any padding.
    """
    assert tar.fileobj is not None
    read = 0
    while chunk := tar.fileobj.read(_CHUNK_BYTES):
        read += len(chunk)
        if read > _MAX_PADDING_BYTES:
            raise damaged(archive, "far too much data follows its last member")


class _Member(tarfile.TarInfo):
    """A member of a tar, for which a damaged header is an error.

    tarfile itself would treat a header that it cannot read as the end of the archive. It reads a
    header with the long name of a member, or with other facts about it, as a whole.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDED_TYPES and header.size > _MAX_HEADER_BYTES:
            raise tarfile.HeaderError("it is too large")
        return header

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the archive's regular end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a member's header cannot be read: {error}") from error


class _Unpacker:
    """Writes the members of one archive into the folder `dest`, which was empty before.

    This does what TarFile.extractall does, but extractall resolves the names of every member on the
    disk several times, which takes as long as everything else.
    """

    def __init__(
        self, archive: Path, tar: tarfile.TarFile, dest: str, left_out: Callable[[str], bool]
    ) -> None:
        self._guard = _Guard(archive)
        self._archive = archive
        self._tar = tar
        self._dest = dest
        self._left_out = left_out
        # Folders that were inside `dest` when tarfile's filter resolved their names.
        self._checked: set[str] = set()
        self._folders: list[tuple[str, tarfile.TarInfo]] = []

    def add(self, member: tarfile.TarInfo) -> None:
        """Check `member`, and write it unless it is left out. Raises UnsafeArchiveError."""
        self._guard.check(member)
        # For the filter, the target of a link `a/b/` is relative to `a/b`, and not to `a`.
        member.name = posixpath.normpath(member.name.replace(os.sep, "/"))
        path = f"{self._dest}/{member.name}"
        parent = posixpath.dirname(path)
        plain = member.isreg() or member.isdir()
        if plain and parent in self._checked and not os.path.lexists(path):
            # The filter would resolve the same folder again, and change only the mode.
            member.mode = _file_mode(member.mode)
        else:
            member = tarfile.data_filter(member, self._dest)
        if self._left_out(member.name):
            return
        self._make_folder(parent)
        if member.isdir():
            self._make_folder(path.rstrip("/"))
            self._folders.append((path, member))
        elif member.isreg():
            self._write_file(member, path)
        else:
            self._link(member, path)
            self._checked.clear()  # the link may lead to one of these folders

    def _make_folder(self, path: str) -> None:
        if path not in self._checked:
            Path(path).mkdir(parents=True, exist_ok=True)
            self._checked.add(path)

    def _write_file(self, member: tarfile.TarInfo, path: str) -> None:
        self._tar.makefile(member, path)
        with contextlib.suppress(tarfile.ExtractError):  # not every file system has modes
            self._tar.chmod(member, path)
        self._set_time(member, path)

    def _link(self, member: tarfile.TarInfo, path: str) -> None:
        """Create a link, or copy its target if the system or the user cannot create links.

        Raises FileExistsError if `path` exists: a copy would follow a link there, or go into it.
        """
        target = Path(path).parent if member.issym() else Path(self._dest)
        target /= member.linkname
        try:
            if member.issym():
                Path(path).symlink_to(member.linkname)
            else:
                Path(path).hardlink_to(target)
        except FileExistsError:
            raise
        except OSError:
            shutil.copy2(target, path)

    def finish(self) -> None:
        """Set the times of the folders; those of files are already set."""
        for path, member in self._folders:
            self._set_time(member, path)

    def _set_time(self, member: tarfile.TarInfo, path: str) -> None:
        with contextlib.suppress(tarfile.ExtractError):
            self._tar.utime(member, path)


def _file_mode(mode: int) -> int:
    """Return the mode that tarfile's `data` filter gives to a file with `mode` (PEP 706)."""
    executable = mode & stat.S_IXUSR
    return (mode & (0o755 if executable else 0o644)) | stat.S_IRUSR | stat.S_IWUSR


class _Guard:
    """The rules for the members of one archive that tarfile's filter does not have."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._names: set[str] = set()
        self._links: set[str] = set()

    def check(self, member: tarfile.TarInfo) -> None:
        """Raise UnsafeArchiveError or ArchiveError if `member` breaks a rule."""
        # Case is ignored, because `A` and `a` are the same file on macOS and Windows.
        name = safe_name(self._archive, member.name).casefold()
        self._refuse_below_link(name, member.name)
        if member.islnk():
            self._check_hard_link(member)
        if member.issym():
            if name in self._names:
                raise unsafe(self._archive, f"the link {member.name!r} replaces another member")
            self._links.add(name)
        self._names.add(name)

    def _check_hard_link(self, member: tarfile.TarInfo) -> None:
        target = safe_name(self._archive, member.linkname).casefold()
        self._refuse_below_link(target, member.name)
        if target not in self._names:
            reason = f"{member.name!r} is a link to {member.linkname!r}, which does not exist"
            raise damaged(self._archive, reason)

    def _refuse_below_link(self, name: str, original: str) -> None:
        while name and self._links:
            if name in self._links:
                reason = f"{original!r} goes through a symbolic link of the archive"
                raise unsafe(self._archive, reason)
            name = name.rpartition("/")[0]
