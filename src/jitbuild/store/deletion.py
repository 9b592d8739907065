"""Delete folders of the store, even if the files in them are read-only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def delete(folder: Path, *, remove_tree: Callable[..., object] | None = None) -> None:
    """Delete `folder` and everything in it. Links are deleted, but not followed.

    Files that cannot be deleted are left for the next `Store.sweep`. `remove_tree` is called like
    shutil.rmtree, which is its default.
    """
    if remove_tree is None:
        # Imported only when needed: shutil imports the compression modules, which takes a tenth of
        # the time of `jitbuild which`.
        import shutil

        remove_tree = shutil.rmtree
    remove_tree(folder, ignore_errors=True)
    if not folder.is_dir():
        return
    _make_writable(folder)
    # os.walk enters a folder only after the loop below has changed its mode.
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            _make_writable(Path(parent, name))
    remove_tree(folder, ignore_errors=True)


def _make_writable(path: Path) -> None:
    if not path.is_symlink():  # the target of a link may be outside the store
        with contextlib.suppress(OSError):
            path.chmod(0o700)
