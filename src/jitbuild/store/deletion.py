"""Delete entries of the store, even if files in them are read-only. Links are never followed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def delete(path: Path, *, remove_tree: Callable[..., object] | None = None) -> None:
    """Delete the file, the link or the folder `path`, with everything in it.

    Links are deleted, but not followed. If the folder that contains `path` is itself a link,
    nothing is deleted. Files that cannot be deleted are left for the next `Store.sweep`.
    `remove_tree` is called like shutil.rmtree; by default, it is a function that refuses links.
    """
    if path.parent.is_symlink():
        return
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(OSError):
            path.unlink()
        return
    remove_tree = remove_tree or _remove_tree
    remove_tree(path, ignore_errors=True)
    if path.is_symlink() or not path.is_dir():
        return
    _make_writable(path)
    # os.walk enters a folder only after the loop below has changed its mode.
    for parent, folders, names in os.walk(path):
        for name in (*folders, *names):
            _make_writable(Path(parent, name))
    remove_tree(path, ignore_errors=True)


def _remove_tree(folder: Path, *, ignore_errors: bool) -> None:
    """Delete `folder` as shutil.rmtree does, also safely if its parent is replaced by a link."""
    # Imported only when needed: shutil imports the compression modules, which takes a tenth of the
    # time of `jitbuild which`.
    import shutil

    if not shutil.rmtree.avoids_symlink_attacks:  # Windows
        shutil.rmtree(folder, ignore_errors=ignore_errors)
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(*[OSError] * ignore_errors))
        parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        stack.callback(os.close, parent)
        shutil.rmtree(folder.name, ignore_errors=ignore_errors, dir_fd=parent)


def _make_writable(path: Path) -> None:
    if not path.is_symlink():  # the target of a link may be outside the store
        with contextlib.suppress(OSError):
            path.chmod(0o700)
