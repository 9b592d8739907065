"""Give an interpreter the same permissions, whatever the umask of the process that built it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def permissions_of(mode: int, *, is_folder: bool) -> int:
    """Return the permissions that a file or a folder of an interpreter should have.

    `mode` is its present mode. As with umask 022, everybody may read it, and only its owner may
    write it. Everybody may enter a folder. Everybody may execute a file that its owner may execute.
    """
    executable = is_folder or bool(mode & stat.S_IXUSR)
    return _READ | stat.S_IWUSR | (_EXECUTE if executable else 0)


def equalize(prefix: Path) -> None:
    """Give `prefix` and everything in it the permissions that `permissions_of` returns.

    Links are not changed. On Windows, where files inherit their permissions from the folder,
    nothing is changed. Raises OSError if permissions cannot be changed.
    """
    if os.name != "posix":
        return
    _equalize(prefix, is_folder=True)
    for parent, folders, files in os.walk(prefix):
        for name in folders:
            _equalize(f"{parent}/{name}", is_folder=True)
        for name in files:
            _equalize(f"{parent}/{name}", is_folder=False)


def _equalize(path: Path | str, *, is_folder: bool) -> None:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return
    wanted = permissions_of(mode, is_folder=is_folder)
    if stat.S_IMODE(mode) != wanted:
        os.chmod(path, wanted)  # noqa: PTH101 - a Path for each of thousands of files takes long
