"""Compute the SHA-256 of files, and compare it with the expected SHA-256."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jitbuild.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file `path` in lower-case hexadecimal.

    Raises OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_if_different(path: Path, sha256: str | None) -> str | None:
    """Remove the file `path` if its SHA-256 differs from `sha256`; None accepts any file.

    Returns the SHA-256 of the removed file, or None if the file was kept.
    """
    if sha256 is None or (actual := sha256_of(path)) == sha256.lower():
        return None
    path.unlink()
    return actual


def checksum_error(origin: str, expected: str | None, actual: str) -> IntegrityError:
    """Return the error for a file from `origin` whose SHA-256 is `actual` and not `expected`."""
    return IntegrityError(
        f"{origin} is not the expected file: expected sha256 {expected}, got {actual}.",
        remedy="Do not use this file. It may be a proxy's login page or come from a bad mirror: "
        "check the origin, or name another one with --mirror. Correct the pin only if you know "
        "that the file was replaced permanently.",
    )
