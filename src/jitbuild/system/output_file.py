"""Write a large file for the user, under its name only when it is complete."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from jitbuild.errors import DiskFullError, OperatingSystemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom
    from pathlib import Path

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}


@contextlib.contextmanager
def output_file(path: Path, *, overwrite: bool) -> Iterator[BufferedRandom]:
    """Yield a file, open for writing and reading, that gets the name `path` when the block ends.

    It is on the disk before it gets its name. If the block fails, the file is removed. A process
    that is killed may leave it, with the name `.<random>.part`, in the folder of `path`.

    Raises UsageError if `path` exists, unless `overwrite` is True, and if it is a folder, a device
    or a pipe. Turns OSError in the block, also of files in other places, into DiskFullError or
    OperatingSystemError.
    """
    part = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        _check_absent(path, overwrite=overwrite)
        with part.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _check_absent(path, overwrite=overwrite)
        part.replace(path)
    except OSError as error:
        raise _as_output_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _check_absent(path: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", remedy="Name a file.")
    if path.exists() and not path.is_file():
        # The new file would take the name of a device such as /dev/null.
        raise UsageError(f"{path} is not a regular file.", remedy="Name a file.")
    if not overwrite and os.path.lexists(path):
        raise UsageError(
            f"{path} exists.", remedy="Overwrite it with --force, or name another file."
        )


def _as_output_error(error: OSError, path: Path) -> DiskFullError | OperatingSystemError:
    reason = error.strerror or str(error)
    if error.errno in _DISK_FULL:
        return DiskFullError(
            f"{path} could not be written: no space is left where it goes ({reason}).",
            remedy="Free some space there, or name a file on another disk.",
        )
    return OperatingSystemError(
        f"{path} cannot be written ({reason}).",
        remedy="Check the path and its permissions, or name another file.",
    )
