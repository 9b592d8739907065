"""Give every run of the command the standard input of this process."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.system.progress import Reporter


def copy_of_stdin(folder: Path, reporter: Reporter, stream: IO[str] | None = None) -> Path | None:
    """Return a copy of stdin in `folder` if stdin is a file (`< FILE`); else None.

    The copy begins at the present position in the file, and the position does not change. A pipe is
    not read, because it may never end. If a pipe contains data, a warning says so. `stream` is
    stdin; None stands for that of this process.
    """
    try:
        descriptor = (sys.stdin if stream is None else stream).fileno()
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return _copied(descriptor, folder / "stdin")
        if stat.S_ISFIFO(mode) and os.name == "posix" and _has_data(descriptor):
            reporter.warn(
                "The command does not get the pipe on stdin. Write the data into a file, and use "
                "`jitbuild diff ... < FILE`."
            )
    except (OSError, ValueError, AttributeError):  # stdin is closed, or is not a file
        pass
    return None


def _copied(descriptor: int, copy: Path) -> Path:
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        with os.fdopen(os.dup(descriptor), "rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
    finally:
        os.lseek(descriptor, position, os.SEEK_SET)
    return copy


def _has_data(descriptor: int) -> bool:
    """Return True if a pipe contains data now."""
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0] > 0
