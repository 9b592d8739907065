"""Read files that should be small and regular, whatever is in their place.

`jitbuild which` imports this module.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 4 << 20
# O_NONBLOCK exists on POSIX alone, and O_BINARY on Windows alone.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def is_accessible_file(path: Path) -> bool:
    """Return True if `path` is a file; return False also if access to its folder is denied."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_small(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """Return the content of the file `path`, which may have at most `most` bytes.

    Raises OSError if it cannot be read, if it is larger, or if it is not a regular file: a pipe or
    a device may have no end.
    """
    # Without O_NONBLOCK, opening a pipe would wait for its writer.
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = file.read(most + 1)  # some files state a smaller size than they have
        if len(content) > most:
            raise OSError(errno.EFBIG, f"larger than {most} bytes", str(path))
        return content
