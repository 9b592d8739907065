"""Limits of downloads: how many bytes are accepted, and how often an attempt may fail."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError, IntegrityError
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jitbuild.system.urls import Address

# The most bytes of a file whose size is not known. CPython's archives have 20 to 40 MB.
MOST_BYTES = 1 << 30
# An archive of an interpreter and its content together have at least this many times the size of
# the archive. With gzip, the content alone has three to four times that size, and more with zstd.
ROOM_TO_UNPACK = 3
# An attempt makes progress if it adds this part of the file.
_PROGRESS_SHARE = 20
_MOST_DIGITS = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeLimit:
    """The limit of the size of a file: exactly `size` bytes or, if `size` is 0, at most `most`.

    `free_space` returns the number of free bytes on the disk of a folder. There must be space for
    `room` times the size of the file: more than 1 for an archive that is unpacked afterwards.
    """

    size: int = 0
    room: int = 1
    most: int = MOST_BYTES
    free_space: Callable[[Path], int]

    def check_announced(self, address: Address, total: int | None, part: Path) -> None:
        """Check the size `total` that a server announces, before anything is written.

        `part` is the partial file, whose bytes are not needed again. Raises IntegrityError if the
        file has another size than the expected one, DownloadError if it is too large, and OSError
        if its disk has too little space.
        """
        if total is not None:
            self._check(address, total, exact=True)
        present = part.stat().st_size if part.exists() else 0
        needed = (total or self.size) * self.room - present
        free = self.free_space(part.parent)
        if needed > free:
            reason = f"{format_size(needed)} are needed, and {format_size(free)} are free"
            raise OSError(errno.ENOSPC, reason, str(part))

    def check_received(self, address: Address, count: int) -> None:
        """Check the number of bytes that have arrived so far, before they are written.

        Raises IntegrityError or DownloadError if the file is too large.
        """
        self._check(address, count, exact=False)

    def progress(self, total: int | None, least: int) -> int:
        """Return how many new bytes count as progress: `least`, or a share of the file if more.

        `total` is the size that the server announces, or None. Because of the share, a server that
        ends every attempt early cannot make a download endless.
        """
        return max(least, (self.size or total or self.most) // _PROGRESS_SHARE)

    def _check(self, address: Address, count: int, *, exact: bool) -> None:
        if self.size and (count > self.size or (exact and count != self.size)):
            raise size_error(str(address), self.size, count)
        if count > self.most and not self.size:
            raise DownloadError(
                f"{address} is larger than {format_size(self.most)}, the most that is accepted for"
                " a file whose size is not known.",
                remedy="Check the URL: no file that jitbuild downloads is that large. Or name"
                " another origin with --mirror.",
            )


def size_error(origin: str, expected: int, actual: int) -> IntegrityError:
    """Return the error for a file from `origin` with `actual` instead of `expected` bytes."""
    return IntegrityError(
        f"{origin} is not the expected file: expected {expected} bytes, got {actual}"
        f"{' or more' * (actual > expected)}.",
        remedy="Do not use this file. It may be a proxy's login page or come from a bad mirror: "
        "check the origin, or name another one with --mirror.",
    )


def announced_size(text: str) -> int | None:
    """Return the number of bytes in a header, or None if `text` is not a number.

    A number of more than 18 digits becomes one of 18 digits, which is too large for any file.
    """
    if not (text.isascii() and text.isdecimal()):
        return None
    return int(text[:_MOST_DIGITS]) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS
