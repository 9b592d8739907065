"""Give a staged interpreter its name in the store, in place of an older one with that name.

Where the file system can, the two folders are exchanged in one step. Elsewhere, the older one is
first renamed to `.<name>.replaced` beside it. If a process is killed before the new one has its
name, the older one gets its name back as soon as somebody looks for it (`restore`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild.store import layout
from jitbuild.store.deletion import delete
from jitbuild.system.exchange import exchange as exchange_folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path


def replace(
    staged: Path,
    final: Path,
    *,
    lock: Callable[[], AbstractContextManager[None]],
    exchange: Callable[[Path, Path], bool] = exchange_folders,
) -> None:
    """Rename the folder `staged` to `final`, and delete the folder that had that name.

    `lock` is held while the older folder has another name; `restore` must be called under the same
    lock. Raises OSError if `staged` cannot be renamed; `final` is then the older folder.
    """
    if not os.path.lexists(final):
        staged.rename(final)
    elif exchange(staged, final):
        delete(staged)
    else:
        with lock():
            _replace_in_two_steps(staged, final)
        delete(staged)
    _fsync_folder(final.parent)


def restore(final: Path) -> None:
    """Give the interpreter that was set aside its name `final` back, if that name is free.

    Raises OSError if it cannot be renamed.
    """
    aside = layout.set_aside_path(final)
    if not os.path.lexists(final) and os.path.lexists(aside):
        aside.rename(final)
        _fsync_folder(final.parent)


def take_away(final: Path, folder: Path) -> None:
    """Move the interpreter that was set aside for `final`, if there is one, into `folder`.

    Raises OSError if it cannot be moved.
    """
    aside = layout.set_aside_path(final)
    if os.path.lexists(aside):
        aside.rename(folder / os.urandom(6).hex())


def _replace_in_two_steps(staged: Path, final: Path) -> None:
    """Rename `staged` to `final`, and then the older folder to `staged`."""
    take_away(final, staged.parent)
    aside = layout.set_aside_path(final)
    final.rename(aside)
    try:
        staged.rename(final)
    except BaseException:
        aside.rename(final)
        raise
    aside.rename(staged)


def _fsync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
