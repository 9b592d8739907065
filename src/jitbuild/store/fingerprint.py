"""The fingerprint of a file, by which a change of the file is noticed without reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """Identifies a file without reading its content.

    It consists of the file's real path, its size in bytes and its modification time in ns.
    """

    real: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, executable: Path) -> Fingerprint | None:
        """Return the fingerprint of the file `executable`, or None if it does not exist."""
        try:
            real = executable.resolve(strict=True)
            status = real.stat()
        except OSError:
            return None
        return cls(real=str(real), size=status.st_size, mtime_ns=status.st_mtime_ns)
