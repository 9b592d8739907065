"""Compute the SHA-256 checksums of files, and compare them with the expected ones."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jitbuild.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in lower-case hexadecimal. Raises OSError if it is unreadable."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_if_different(path: Path, sha256: str | None) -> str | None:
    """Remove the file if its hash differs from `sha256`; None accepts any hash.

    Returns the hash of the removed file, or None if the file was kept.
    """
    if sha256 is None or (actual := sha256_of(path)) == sha256.lower():
        return None
    path.unlink()
    return actual


def checksum_error(origin: str, expected: str | None, actual: str) -> IntegrityError:
    """Return the error for a file from `origin` whose hash is not the expected one."""
    return IntegrityError(
        f"{origin} is not the expected file: expected sha256 {expected}, got {actual}.",
        remedy="Do not use it. It may be a proxy's login page, or come from a bad mirror: check "
        "that, or name another source with --mirror. Correct the pin only if you know that the "
        "file was replaced permanently.",
    )
