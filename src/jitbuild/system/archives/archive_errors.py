"""The errors of archives: damage, members outside the target folder, and missing modules."""

from __future__ import annotations

import contextlib
import errno
import tarfile
from typing import TYPE_CHECKING

from jitbuild.errors import ArchiveError, JitbuildError, PreflightError, UnsafeArchiveError
from jitbuild.system import files
from jitbuild.system.formatting import format_size
from jitbuild.system.paths import MOST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# Errors that occur for any member only because of the disk or its permissions. All other errors of
# the system have a reason in the archive, such as a name that is too long or a file below a file.
_OF_THE_DISK = frozenset(
    {
        *(errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENODEV),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        # They do not exist on every system.
        *(getattr(errno, name, errno.ENOSPC) for name in ("EDQUOT", "ESTALE")),
    }
)
# A build of CPython with all its files has a twentieth of this.
_MAX_BYTES = 8_000_000_000
_MAX_MEMBERS = 500_000
_MAX_HEADER_BYTES = 256_000_000


class ArchiveBound:
    """The limit on what the members of one archive may have in total."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._members = 0
        self._bytes = 0
        self._header_bytes = 0

    def add(self, size: int, *, header: int = 0) -> None:
        """Count a member of `size` bytes, and the bytes of its header, which stay in memory.

        Raises ArchiveError if the archive is far too large.
        """
        self._members += 1
        self._bytes += max(0, size)
        self._header_bytes += header
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise damaged(
                self._archive,
                f"the headers of its members have more than {format_size(_MAX_HEADER_BYTES)}",
            )
        if self._members > _MAX_MEMBERS or self._bytes > _MAX_BYTES:
            raise damaged(
                self._archive,
                f"unpacked, it would have more than {format_size(_MAX_BYTES)} or {_MAX_MEMBERS} "
                "members",
            )


@contextlib.contextmanager
def open_archive(archive: Path) -> Iterator[BinaryIO]:
    """Open the file `archive` for reading. Raises ArchiveError if it cannot be opened."""
    try:
        file = archive.open("rb")
    except OSError as error:
        raise ArchiveError(
            f"{archive} cannot be read ({error.strerror}).",
            remedy="Check the path and its permissions.",
        ) from error
    with file:
        yield file


@contextlib.contextmanager
def archive_errors(archive: Path, dest: Path) -> Iterator[None]:
    """Turn all errors in the block, which unpacks or reads `archive`, into JitbuildErrors.

    Python's archive modules raise many kinds of errors for hostile archives, such as IndexError,
    OverflowError and TypeError. Therefore any exception means that the archive is damaged, except
    for errors of the disk of `dest`.
    """
    try:
        yield
    except JitbuildError:
        raise
    except tarfile.FilterError as error:
        raise unsafe(archive, str(error)) from error
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise files.as_store_error(error, dest) from error
        raise damaged(archive, error.strerror or str(error)) from error
    except Exception as error:
        if "module is not available" in str(error):
            raise _missing_compression(archive) from error
        raise damaged(archive, str(error) or type(error).__name__) from error


def unsafe(archive: Path, reason: str) -> UnsafeArchiveError:
    """Return the error for a member that could write outside the target folder."""
    return UnsafeArchiveError(
        f"{archive} could write outside the folder into which it is unpacked: {reason}.",
        remedy="Do not use this archive. Get the file again from a source that you trust.",
    )


def damaged(archive: Path, reason: str) -> ArchiveError:
    """Return the error for an archive that cannot be read completely."""
    return ArchiveError(
        f"{archive} is damaged, truncated or not an archive: {' '.join(reason.split())}.",
        remedy="Get the file again. The supported formats are .tar.xz, .tar.gz, .tgz, .tar.bz2, "
        ".tar.zst, .tar and .zip.",
    )


def safe_name(archive: Path, name: str) -> str:
    r"""Return a member's name in its simplest form: `a/b` for `./a//b` or `a\\b`.

    Raises UnsafeArchiveError if the name is absolute, begins with a drive letter or has a part
    `..`, and ArchiveError if it has far too many parts.
    """
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if plain.startswith("/") or ".." in parts or (parts and parts[0][1:2] == ":"):
        raise unsafe(archive, f"a member named {name!r}")
    if len(parts) > MOST_LEVELS:
        raise damaged(archive, f"a member is in more than {MOST_LEVELS} folders inside each other")
    return "/".join(parts)


def _missing_compression(archive: Path) -> PreflightError:
    return PreflightError(
        f"The Python that runs jitbuild lacks the compression module that {archive.name} needs.",
        remedy="Run jitbuild with a Python that has the modules lzma, bz2 and zlib.",
    )
