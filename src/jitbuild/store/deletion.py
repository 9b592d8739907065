"""Delete entries of the store, even if files in them are read-only. Links are never followed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# The flags to open a folder that is no link. They do not exist on Windows.
_A_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


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
    for prepare in (_do_nothing, _make_all_writable, _flatten):
        # Up to Python 3.12, both steps fail if a thousand folders are inside each other.
        with contextlib.suppress(RecursionError):
            prepare(path)
            (remove_tree or _remove_tree)(path, ignore_errors=True)
        if path.is_symlink() or not path.is_dir():
            return


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
        parent = os.open(folder.parent, _A_FOLDER)
        stack.callback(os.close, parent)
        shutil.rmtree(folder.name, ignore_errors=ignore_errors, dir_fd=parent)


def _do_nothing(folder: Path) -> None:
    """Prepare nothing: most folders can be deleted as they are."""


def _make_all_writable(folder: Path) -> None:
    _make_writable(folder)
    # os.walk enters a folder only after the loop below has changed its mode.
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            _make_writable(Path(parent, name))


def _flatten(folder: Path) -> None:
    """Move everything in the folders below `folder` into `folder` itself, one level after another.

    Functions that call themselves for each level fail if there are very many levels. If something
    cannot be moved, it stays where it is.
    """
    if os.rename not in os.supports_dir_fd:  # Windows
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(OSError))
        top = os.open(folder, _A_FOLDER)
        stack.callback(os.close, top)
        while inner := [
            each.name for each in os.scandir(top) if each.is_dir(follow_symlinks=False)
        ]:
            for name in inner:
                _make_writable(folder / name)
                _move_contents(name, top)
                os.rmdir(name, dir_fd=top)


def _move_contents(name: str, top: int) -> None:
    """Move everything in the folder `name` of the open folder `top` into `top`, with new names."""
    source = os.open(name, _A_FOLDER, dir_fd=top)
    try:
        for entry in os.listdir(source):  # noqa: PTH208
            os.rename(entry, os.urandom(8).hex(), src_dir_fd=source, dst_dir_fd=top)
    finally:
        os.close(source)


def _make_writable(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not path.is_symlink():  # the target of a link may be outside the store
            path.chmod(0o700)
