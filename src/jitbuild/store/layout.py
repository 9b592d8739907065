"""The names that jitbuild uses in a store: its folders, and the entries of each folder.

Only entries with such names are swept. A folder without a marker is a store only if it contains
nothing else (store/marker.py). The names are regular expressions as text, because `jitbuild which`
imports this module and needs few of them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# `write_atomically` gives its temporary files such names.
PART = r"\.[0-9a-f]{16}\.part"
_ENTRIES = rf"[0-9a-z][0-9a-z_-]{{7,127}}\.entry|uses|{PART}"
# A folder of tools from wheels: TARGET-RELEASE-DIGEST.
_TOOLS = r"wheels|[\w.-]+-[0-9a-f]{8}(\.lock|\.part)?"
_DIGEST = r"[0-9a-f]{16}"

SCRATCH = r"[0-9a-f]{12}"
# An older interpreter while it is replaced (store/swap.py).
SET_ASIDE = r"\.(.+)\.replaced"
LOG = r"(cpython-.+-\d{8}T\d{6}|diff-\d{8}-\d{6}-\d+-.+)\.log"
# Maps the folder of each cache to the names of its entries.
CACHES = {
    "sources": _DIGEST,
    "llvm": _TOOLS,
    "git": rf"{_DIGEST}(\.lock)?",
    "environments": _DIGEST,
    "ccache-bin": _TOOLS,
    "stencils": rf"index|{_ENTRIES}",
    "configure": _ENTRIES,
    # ccache chooses these names.
    "ccache": r"[0-9a-f]|lock|tmp|ccache\.conf|CACHEDIR\.TAG|stats",
    # Answers of python.org's release API.
    "python-org": rf"{_DIGEST}\.json|{PART}",
    "measurements": rf"{_DIGEST}|noise-{_DIGEST}\.json|{PART}",
}
# Maps every folder of a store to the names of its entries.
FOLDERS = {
    "interpreters": r"\.?cpython-.+",
    "scratch": SCRATCH,
    "logs": LOG,
    "locks": r".+\.lock",
    **CACHES,
}
# Files in the folder of the store itself: the marker, and temporary files of a killed process.
MARKER, TAG = "jitbuild-store.toml", "CACHEDIR.TAG"
_OWN_FILES = rf"{re.escape(MARKER)}|{re.escape(TAG)}|{PART}"
# Systems and file managers create these without being asked, and tools that a build starts create
# `.cache` if the store is their HOME. They are neither entries of jitbuild nor a reason to refuse a
# folder.
_STRAY = (
    r"(?i)\.DS_Store|\.cache|\._.*|\.localized|Thumbs\.db|desktop\.ini|\.directory|lost\+found"
    r"|\.nfs[0-9a-f]+|\.Trash-\d+|\.fseventsd|\.Spotlight-V100"
)


def is_stray(name: str) -> bool:
    """Return True if systems or file managers create files named `name`, such as .DS_Store."""
    return bool(re.fullmatch(_STRAY, name))


def set_aside_path(final: Path) -> Path:
    """Return the path of the older interpreter while the folder `final` is replaced."""
    return final.with_name(f".{final.name}.replaced")


def replaced_name(name: str) -> str:
    """Return the name of the interpreter that was renamed to `name`; "" if `name` is no such name.

    >>> replaced_name(".cpython-3.15.2-jit-fast-93a23b85.replaced")
    'cpython-3.15.2-jit-fast-93a23b85'
    """
    match = re.fullmatch(SET_ASIDE, name)
    return match[1] if match else ""


def own_entries(folder: Path, names: str) -> list[Path]:
    """Return the entries of `folder` whose names match `names`, sorted.

    Return [] if `folder` does not exist, cannot be read or is a link: links are not followed,
    because the result is meant to be deleted.
    """
    if folder.is_symlink():
        return []
    try:
        found = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
    return [folder / name for name in found if re.fullmatch(names, name)]


def foreign(root: Path, names: Iterable[str], manifest: str) -> list[str]:
    """Return the entries of the folder `root` that jitbuild does not create, as relative paths.

    `names` lists the entries of `root`. Of each folder that a store has, the entries are checked,
    too. An entry of `interpreters` that contains the file `manifest` is an interpreter, whatever
    its name. Raises OSError if a folder cannot be read.
    """
    strangers: list[str] = []
    for name in sorted(names):
        if is_stray(name) or re.fullmatch(_OWN_FILES, name):
            continue
        if name not in FOLDERS or not (root / name).is_dir():
            strangers.append(name)
            continue
        strangers += [
            f"{name}/{entry}"
            for entry in sorted(os.listdir(root / name))  # noqa: PTH208
            if not (re.fullmatch(FOLDERS[name], entry) or is_stray(entry))
            and not (name == "interpreters" and (root / name / entry / manifest).exists())
        ]
    return strangers
