"""Scratch folders: where interpreters are assembled before they are visible."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from jitbuild.errors import StoreError
from jitbuild.store import layout
from jitbuild.store.deletion import delete
from jitbuild.system.files import make_folders, store_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

FOLDER = "scratch"


@contextlib.contextmanager
def scratch_folder(
    root: Path, lock: Callable[[str], AbstractContextManager[None]]
) -> Iterator[Path]:
    """Yield a new scratch folder of the store in `root`, as `Store.scratch` describes.

    `lock` holds the lock of the store that has the given name.
    """
    name = os.urandom(6).hex()
    folder = root / FOLDER / name
    try:
        with lock(_lock_name(folder)):
            try:
                _create(folder)
                yield folder
            finally:
                delete(folder)
    finally:
        with contextlib.suppress(OSError):
            _lock_file(folder).unlink()


def _create(folder: Path) -> None:
    if folder.parent.is_symlink():
        raise StoreError(
            f"{folder.parent} is a link, and jitbuild deletes nothing through links.",
            remedy="Remove the link. To keep the store on another disk, set JITBUILD_HOME.",
        )
    with store_errors(folder):
        make_folders(folder)


def sweep(root: Path, *, dry_run: bool) -> int:
    """Delete the scratch folders that no process has locked; return their number.

    `root` is the folder of the store. If `dry_run` is True, only count these folders.
    """
    swept = 0
    for folder in layout.own_entries(root / FOLDER, layout.SCRATCH):
        lock = FileLock(_lock_file(folder))
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        if not dry_run:
            delete(folder)
        lock.release()
        if not dry_run:
            with contextlib.suppress(OSError):
                Path(lock.lock_file).unlink()
        swept += 1
    return swept


def _lock_name(folder: Path) -> str:
    return f"scratch-{folder.name}"


def _lock_file(folder: Path) -> Path:
    return folder.parents[1] / "locks" / f"{_lock_name(folder)}.lock"
