"""Delete folders of the store, whatever the modes of the files in them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def delete(folder: Path, *, remove_tree: Callable[..., object] | None = None) -> None:
    """Delete `folder` and everything in it; files that cannot be deleted wait for the next sweep.

    Links are deleted and never followed. `remove_tree` works like shutil.rmtree, the default.
    """
    if remove_tree is None:
        # Imported with its compressors it costs as much as a tenth of `jitbuild which`.
        import shutil

        remove_tree = shutil.rmtree
    remove_tree(folder, ignore_errors=True)
    if not folder.is_dir():
        return
    _make_writable(folder)
    for parent, folders, names in os.walk(folder):  # a folder is entered after its mode was set
        for name in (*folders, *names):
            _make_writable(Path(parent, name))
    remove_tree(folder, ignore_errors=True)


def _make_writable(path: Path) -> None:
    if not path.is_symlink():  # the target of a link may not be the store's
        with contextlib.suppress(OSError):
            path.chmod(0o700)
