"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path


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
