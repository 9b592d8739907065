"""Write an interpreter of the store into an archive, `NAME.tar.zst`.

The archive has one folder, with the interpreter's name. Its first member is the manifest, so that a
reader can refuse the archive before it unpacks the rest. Paths in the files are not changed: the
manifest records the folder in which the interpreter was installed, and an import replaces it.

The same interpreter always results in the same bytes. Members are sorted, belong to root, and have
the permissions of umask 022 and the same time. Bytecode is written only if it was there when the
interpreter was installed, because Python later adds that of whatever is imported. Its header
records the time of its source (importlib/_bootstrap_external.py), and gets the members' time, too.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
import stat
import tarfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import StoreError
from jitbuild.store import launchers
from jitbuild.store.layout import PART
from jitbuild.store.manifest import FILE
from jitbuild.store.permissions import permissions_of
from jitbuild.system.archives.zstd import compressed
from jitbuild.system.files import as_store_error
from jitbuild.system.progress import SilentStage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Stage

_SILENT = SilentStage()
# 1 January 2000. zip files, such as wheels, cannot contain files from before 1980.
TIME = 946_684_800
# Level 9 takes twice the time of level 6 and saves 3% (docs/moving.md has the measurements).
LEVEL = 6
# The header of bytecode: magic number, flags, and the source's time and size (PEP 552).
_PYC_HEADER_BYTES = 16


class Member(NamedTuple):
    """A file, link or folder of an interpreter, with its name relative to the interpreter."""

    path: Path
    name: str
    status: os.stat_result


def write_archive(interpreter: Interpreter, file: BinaryIO, *, stage: Stage = _SILENT) -> int:
    """Write the archive of `interpreter` into `file`; return the size of its unpacked files.

    `stage` receives the progress in bytes. Raises StoreError if a link leads out of the
    interpreter, if it contains a device or a socket, if it cannot be read, or if it is replaced or
    removed meanwhile. Raises OSError if `file` cannot be written, and PreflightError without zstd.
    """
    with _reading(interpreter):
        members = members_of(interpreter)
    total, done = sum(member.status.st_size for member in members), 0
    with (
        closing(compressed(file, level=LEVEL)) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        writer = _Writer(tar, interpreter)
        for member in members:
            writer.add(member)
            done += member.status.st_size
            stage.advance(done, total)
    _check_unchanged(interpreter)
    return total


def members_of(interpreter: Interpreter) -> list[Member]:
    """Return what the archive of `interpreter` contains, sorted by name after the manifest."""
    members = [_member(interpreter.path, interpreter.path / FILE)]
    others = filter(None, (_wanted(interpreter, path) for path in _paths(interpreter.path)))
    return members + sorted(others, key=lambda member: os.fsencode(member.name))


def _paths(prefix: Path) -> Iterator[Path]:
    """Yield everything in `prefix` that an archive may contain.

    Folders of bytecode are left out, because Python creates them, too; unpacking creates those that
    have files.
    """
    for parent, folders, files in os.walk(prefix, onerror=_raise):
        at_top = parent == str(prefix)
        if at_top:
            folders[:] = [name for name in folders if name != launchers.FOLDER]
        ours = {FILE, f"{FILE}.part"} if at_top else set()
        for name in (*folders, *files):
            if name != "__pycache__" and name not in ours and not re.fullmatch(PART, name):
                yield Path(parent, name)


def _raise(error: OSError) -> None:
    raise error


def _member(prefix: Path, path: Path) -> Member:
    return Member(path, path.relative_to(prefix).as_posix(), path.lstat())


def _wanted(interpreter: Interpreter, path: Path) -> Member | None:
    """Return the member for `path`; None if it is bytecode that was added later, or is stale."""
    member = _member(interpreter.path, path)
    if path.parent.name != "__pycache__" or path.suffix != ".pyc":
        return member
    added = member.status.st_mtime > interpreter.created.timestamp()
    return None if added or not _is_current(path) else member


def _is_current(bytecode: Path) -> bool:
    """Return True if Python would use the file, because it fits its source."""
    with bytecode.open("rb") as file:
        header = file.read(_PYC_HEADER_BYTES)
    if _flags(header):
        return True  # it is identified by a hash of its source
    source = bytecode.parents[1] / f"{bytecode.name.partition('.')[0]}.py"
    try:
        status = source.stat()
    except OSError:
        return False
    expected = (int(status.st_mtime), status.st_size)
    return header[8:] == b"".join((each & 0xFFFFFFFF).to_bytes(4, "little") for each in expected)


def _flags(pyc: bytes) -> int:
    return int.from_bytes(pyc[4:8], "little")


class _Writer:
    """Adds members to a tar; a further name of a file becomes a hard link."""

    def __init__(self, tar: tarfile.TarFile, interpreter: Interpreter) -> None:
        self._tar = tar
        self._interpreter = interpreter
        self._names: dict[tuple[int, int], str] = {}

    def add(self, member: Member) -> None:
        info = tarfile.TarInfo(f"{self._interpreter.path.name}/{member.name}")
        info.mtime = TIME
        mode = member.status.st_mode
        info.mode = permissions_of(mode, is_folder=stat.S_ISDIR(mode))
        if stat.S_ISDIR(mode):
            info.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(mode):
            info.type, info.mode = tarfile.SYMTYPE, 0o777
            info.linkname = self._link_target(member)
        elif not stat.S_ISREG(mode):
            raise self._refusal(member, "neither a file, a folder nor a link", member.path)
        elif first := self._first_name(member):
            info.type, info.linkname = tarfile.LNKTYPE, first
        else:
            self._names[member.status.st_dev, member.status.st_ino] = info.name
            self._add_file(info, member)
            return
        self._tar.addfile(info)

    def _first_name(self, member: Member) -> str:
        """Return the name under which the file was added before, or ""."""
        identity = (member.status.st_dev, member.status.st_ino)
        return self._names.get(identity, "") if member.status.st_nlink > 1 else ""

    def _add_file(self, info: tarfile.TarInfo, member: Member) -> None:
        with _reading(self._interpreter):
            content = member.path.read_bytes()
        if member.path.suffix == ".pyc" and not _flags(content):
            content = content[:8] + TIME.to_bytes(4, "little") + content[12:]
        info.size = len(content)
        self._tar.addfile(info, io.BytesIO(content))

    def _link_target(self, member: Member) -> str:
        """Return the target of a link, relative to its folder."""
        prefix = self._interpreter.path.as_posix()
        with _reading(self._interpreter):
            target = member.path.readlink().as_posix()
        if target.startswith(f"{prefix}/"):
            target = posixpath.relpath(target, posixpath.dirname(f"{prefix}/{member.name}"))
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), target))
        if posixpath.isabs(target) or reached.startswith(".."):
            raise self._refusal(member, f"a link to {target}, which is outside", member.path)
        return target

    def _refusal(self, member: Member, what: str, path: Path) -> StoreError:
        return StoreError(
            f"{self._interpreter.name} cannot be exported: {member.name} is {what}.",
            remedy=f"Remove {path} if you do not need it, and export again.",
        )


@contextmanager
def _reading(interpreter: Interpreter) -> Iterator[None]:
    """Turn an OSError in the block, which reads files of `interpreter`, into StoreError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            _check_unchanged(interpreter)
        raise as_store_error(error, interpreter.path) from error


def _check_unchanged(interpreter: Interpreter) -> None:
    """Raise StoreError if another process has replaced or removed `interpreter` meanwhile."""
    present = type(interpreter).read(interpreter.path)
    if present is None or present.instance != interpreter.instance:
        raise StoreError(
            f"{interpreter.name} was replaced or removed while it was being exported.",
            remedy="Run the command again.",
        )
