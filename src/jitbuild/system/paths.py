"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from jitbuild.errors import UsageError

# The most folders inside each other in a source tree or an archive. CPython has 8. Python's own
# functions fail if there are about a thousand.
MOST_LEVELS = 100
# The end of a message about a path that `is_recordable` rejects, and its remedy.
UNRECORDABLE = "has bytes that are not text in the encoding of this locale"
UNRECORDABLE_REMEDY = "Rename it, or use a UTF-8 locale if it is UTF-8 (LC_ALL=C.UTF-8)."


def expanded_path(text: str) -> Path:
    """Return the path `text` with a leading `~` or `~user` replaced by that user's home folder.

    If the home folder is unknown, because there is no such user or HOME is not set, return the path
    unchanged, so that the caller reports that it does not exist. (Path.expanduser would raise
    RuntimeError.) The path is also returned unchanged if `user` contains characters that no user
    name can contain.
    """
    try:
        return Path(os.path.expanduser(text))  # noqa: PTH111
    except ValueError:
        return Path(text)


def absolute_path(text: str) -> Path:
    """Return the path `text` as an absolute path, with a leading `~` replaced by the home folder.

    Raises UsageError if the path is relative to a current folder that was deleted.
    """
    try:
        return expanded_path(text).absolute()
    except FileNotFoundError as error:
        raise UsageError(
            f"{text} is relative to the current folder, which was deleted.",
            remedy="Change to a folder that exists, or write an absolute path.",
        ) from error


def is_recordable(path: str) -> bool:
    """Return True if `path` can be written into a UTF-8 file.

    It cannot if it contains bytes that are not UTF-8, or characters that the encoding of the locale
    lacks: Python represents such bytes by surrogates.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
