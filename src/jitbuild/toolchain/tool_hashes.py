"""Record the hashes of the files of unpacked tools, and find files that have changed since.

Hashing an LLVM takes about a second, so it is done only when the tools are unpacked, and when
something fails with them. The sizes of the files are compared before each use (pinned_wheels.py).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jitbuild.system.checksums import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

# The name of a file in each folder of tools, in the format of the program sha256sum.
HASHES = ".jitbuild-sha256"


def record_hashes(folder: Path) -> None:
    """Write the hashes of all files in `folder`. Raises OSError if that fails."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(_hashes(folder).items())]
    (folder / HASHES).write_text("".join(lines), encoding="utf-8")


def damaged_files(folder: Path) -> list[str]:
    """Return the names of files in `folder` that are missing, new or different, sorted.

    If no hashes were recorded, as by older versions of jitbuild, return the name of their file.
    """
    try:
        lines = (folder / HASHES).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return [HASHES]
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = _hashes(folder)
    names = recorded.keys() | present.keys()
    return sorted(name for name in names if recorded.get(name) != present.get(name))


def _hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each file by its name; the hash of a link is that of its target's name."""
    hashes = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            hashes[name] = hashlib.sha256(str(path.readlink()).encode()).hexdigest()
        elif path.is_file() and not path.name.startswith(".jitbuild-"):
            hashes[name] = _hash_of(path)
    return hashes


def _hash_of(path: Path) -> str:
    """Return the hash of a file; "" if it cannot be read, as from a damaged disk."""
    try:
        return sha256_of(path)
    except OSError:
        return ""
