"""Walk through a source tree, of which nothing is left out without a word."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from jitbuild.errors import SourceError
from jitbuild.system.paths import MOST_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder of the tree `root`, and the names of the folders and files in it.

    This is os.walk, from the top down. Raises OSError if a folder cannot be listed, and SourceError
    if too many folders are inside each other.
    """
    for path, folders, names in os.walk(root, onerror=_raise):
        folder = Path(path)
        check_levels(folder, folder.relative_to(root))
        yield folder, folders, names


def check_levels(path: Path, relative: os.PathLike[str]) -> None:
    """Raise SourceError if `path`, which is `relative` to its tree, has too many folders."""
    if os.fspath(relative).count(os.sep) >= MOST_LEVELS:
        raise SourceError(
            f"{str(path)[:200]} is in more than {MOST_LEVELS} folders inside each other.",
            remedy="Name the folder of a source tree.",
        )


def _raise(error: OSError) -> NoReturn:
    raise error
