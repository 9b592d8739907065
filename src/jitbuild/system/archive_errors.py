"""The errors of archives: damage, members outside the target folder, and missing modules."""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from jitbuild.errors import ArchiveError, PreflightError, UnsafeArchiveError
from jitbuild.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
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
    """Turn errors of the archive modules, and of the disk of `dest`, into JitbuildErrors."""
    damage: tuple[type[Exception], ...] = (*_DAMAGE, *_lzma_damage())
    try:
        yield
    except tarfile.FilterError as error:
        raise unsafe(archive, str(error)) from error
    except damage as error:
        if "module is not available" in str(error):
            raise _missing_compression(archive) from error
        raise damaged(archive, str(error) or type(error).__name__) from error
    except OSError as error:
        # bz2 and gzip report damaged data as an OSError without an errno.
        if error.errno is None:
            raise damaged(archive, str(error)) from error
        raise files.as_store_error(error, dest) from error


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
        ".tar and .zip.",
    )


def safe_name(archive: Path, name: str) -> str:
    r"""Return a member's name in its simplest form: `a/b` for `./a//b` or `a\\b`.

    Raises UnsafeArchiveError if the name is absolute, begins with a drive letter or has a part
    `..`.
    """
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if plain.startswith("/") or ".." in parts or (parts and parts[0][1:2] == ":"):
        raise unsafe(archive, f"a member named {name!r}")
    return "/".join(parts)


def _missing_compression(archive: Path) -> PreflightError:
    return PreflightError(
        f"The Python that runs jitbuild lacks the compression module that {archive.name} needs.",
        remedy="Run jitbuild with a Python that has the modules lzma, bz2 and zlib.",
    )


def _lzma_damage() -> tuple[type[Exception], ...]:
    try:
        from lzma import LZMAError
    except ImportError:  # a Python built without liblzma
        return ()
    return (LZMAError,)
