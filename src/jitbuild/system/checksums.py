"""SHA-256 checksums of files: computing them and comparing them with the expected ones."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jitbuild.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file, in lower-case hexadecimal; OSError when it is unreadable."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_if_different(path: Path, sha256: str | None) -> str | None:
    """Compare the file's hash with `sha256` (None: any hash is right), and remove a wrong file.

    Returns None for the right file, or the hash of the file that was removed.
    """
    if sha256 is None or (actual := sha256_of(path)) == sha256.lower():
        return None
    path.unlink()
    return actual


def checksum_error(origin: str, expected: str | None, actual: str) -> IntegrityError:
    """Return the error for a file from `origin` whose hash is not the expected one."""
    return IntegrityError(
        f"{origin} is not the expected file: expected sha256 {expected}, got {actual}.",
        remedy="Do not use it. A proxy's login page or a bad mirror may have sent it: check, or "
        "name another source with --mirror. Correct the pin only if you know that the file was "
        "replaced for good.",
    )
