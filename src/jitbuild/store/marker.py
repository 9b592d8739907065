"""The marker of a store: jitbuild uses no folder that belongs to something else.

The marker consists of two files. `jitbuild-store.toml` states the version of the store's layout.
`CACHEDIR.TAG` is the tag of the Cache Directory Tagging Specification, by which backup programs
recognise a cache (https://bford.info/cachedir/). The marker is written before anything else. A
folder without it is a store only if it contains nothing but what jitbuild creates, as the stores of
older versions do; it is marked when something is written there.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from jitbuild.errors import StoreError
from jitbuild.store import layout
from jitbuild.store.manifest import FILE
from jitbuild.system.small_file import read_small

if TYPE_CHECKING:
    from pathlib import Path

# Increase this number when older versions of jitbuild must not use the new stores.
VERSION = 1

_VERSION_LINE = re.compile(r"^version = (\d{1,9})\s*$", re.MULTILINE)
_MARKER_TEXT = f"""\
# This folder is a store of jitbuild (JITBUILD_HOME).
version = {VERSION}
"""
# The specification requires the first line, byte by byte.
_TAG_TEXT = """\
Signature: 8a477f597d28d172789f06886806bc55
# This file marks a cache: jitbuild can build everything in this folder again.
# For information about cache directory tags see https://bford.info/cachedir/
"""
_SHOWN_NAMES = 3
_WITHOUT_PROGRAMS = frozenset({"locks", "logs", "measurements", "sources"})


def check(root: Path) -> bool:
    """Return True if the folder `root` is marked as a store, and False if it can become one.

    It can become one if it does not exist, is empty, or contains only what jitbuild creates.
    Nothing is written. Raises StoreError if the folder contains anything else, if a newer jitbuild
    marked it, or if it cannot be read.
    """
    version = _version(root)
    if version is None:
        try:
            names = os.listdir(root)  # noqa: PTH208
            strangers = layout.foreign(root, names, FILE)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _unreadable(error, root) from error
        # Another process may have marked the folder and filled it since the first look.
        version = _version(root) if strangers else None
        if version is None and strangers:
            raise _foreign(root, strangers)
    if version is not None and version > VERSION:
        raise StoreError(
            f"The store {root} was made by a newer jitbuild: its layout has version {version}, and "
            f"this jitbuild knows version {VERSION}.",
            remedy="Upgrade jitbuild, or set JITBUILD_HOME to another folder.",
        )
    return version is not None


def mark(root: Path) -> None:
    """Create the folder `root` if it does not exist, and mark it as a store.

    Several processes may do this at the same time. Raises the errors of `check`, and OSError if
    the marker cannot be written.
    """
    if check(root):
        return
    from jitbuild.system.files import make_folders, write_atomically

    make_folders(root)
    write_atomically(root / layout.TAG, _TAG_TEXT, sync=True)
    write_atomically(root / layout.MARKER, _MARKER_TEXT, sync=True)


def writable_by_all(root: Path) -> Path | None:
    """Return the folder in which every user of this machine can replace programs, or None.

    Only POSIX permissions are examined: those of `root`, and of the folders in it from which
    programs are run.
    """
    if os.name != "posix":
        return None
    for folder in (
        root,
        *(root / name for name in layout.FOLDERS if name not in _WITHOUT_PROGRAMS),
    ):
        try:
            mode = folder.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IWOTH:
            return folder
    return None


def _version(root: Path) -> int | None:
    """Return the version that the marker in `root` states; None if there is no marker."""
    path = root / layout.MARKER
    try:
        text = read_small(path).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(error, path) from error
    if version := _VERSION_LINE.search(text):
        return int(version[1])
    raise StoreError(
        f"{path} is damaged: it does not state the version of the store.",
        remedy="If the folder is a store of jitbuild, delete the file: it will be written again.",
    )


def _unreadable(error: OSError, path: Path) -> StoreError:
    from jitbuild.system.files import as_store_error

    return as_store_error(error, path)


def _foreign(root: Path, strangers: list[str]) -> StoreError:
    shown = ", ".join(strangers[:_SHOWN_NAMES])
    more = len(strangers) - _SHOWN_NAMES
    others = f" and {more} more" if more > 0 else ""
    return StoreError(
        f"{root} is not a store of jitbuild, and is not empty: it contains {shown}{others}.",
        remedy="Set JITBUILD_HOME to a new or empty folder. If the folder is a store from an older "
        "jitbuild, move everything else out of it.",
    )
