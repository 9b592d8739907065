"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path


def expanded_path(text: str) -> Path:
    """Return the path `text` with its `~` or `~user` replaced by that home folder.

    If that home folder is unknown, because there is no such user or no HOME, the path is returned
    as it is, so that the caller reports a path that does not exist. (Path.expanduser raises
    RuntimeError.) The same is true of a user name with characters that no name can have.
    """
    try:
        return Path(os.path.expanduser(text))  # noqa: PTH111
    except ValueError:
        return Path(text)
