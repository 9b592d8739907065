"""Refuse links that lead out of a source tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import SourceError
from jitbuild.sources.tree_walk import walk

if TYPE_CHECKING:
    from pathlib import Path


def refuse_link_out_of(root: Path, link: Path) -> None:
    """Raise SourceError if `link` leads out of the folder `root`."""
    if not link.resolve().is_relative_to(root.resolve()):
        raise SourceError(
            f"{link} is a link that leads out of the tree.",
            remedy="Replace the link by a copy of its target.",
        )


def refuse_links_out_of(root: Path) -> None:
    """Raise SourceError if a link in the folder `root` leads out of it."""
    for folder, folders, names in walk(root):
        for name in (*folders, *names):
            link = folder / name
            if link.is_symlink():
                refuse_link_out_of(root, link)
