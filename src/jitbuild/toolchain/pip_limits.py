"""Limits of what pip downloads: pip itself accepts files of any size, at any speed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild.system.http.transfer_limits import MOST_BYTES
from jitbuild.system.http.transfer_speed import LEAST_SPEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.recipes.wheels import PinnedWheel

# What a file may have in addition to the largest wheel: pip also writes pages of the index.
_SLACK_BYTES = 16 << 20
_BLOCK_BYTES = 512  # the unit of `ulimit -f` (POSIX)
_SLACK_SECONDS = 600.0
# pip keeps each page of an index in memory. It needs less than a tenth of this for its own work.
_MOST_MEMORY_KB = 2 << 20
# macOS has no limit of the memory.
_SCRIPT = 'ulimit -v "$1" 2>/dev/null; ulimit -f "$0" && shift && exec "$@"'


def limited(
    argv: Sequence[str], wheels: Sequence[PinnedWheel], *, posix: bool = os.name == "posix"
) -> tuple[str, ...]:
    """Return the command `argv`, which downloads `wheels`, with limits of its files and memory.

    The kernel enforces the limits: a write beyond the size of a file fails with "File too large",
    and a page of the index that does not fit into the memory ends with a MemoryError. Windows has
    no such limits.
    """
    if not posix:
        return tuple(argv)
    largest = max(wheel.size or MOST_BYTES for wheel in wheels)
    blocks = (largest + _SLACK_BYTES) // _BLOCK_BYTES
    return ("/bin/sh", "-c", _SCRIPT, str(blocks), str(_MOST_MEMORY_KB), *argv)


def seconds_for(wheels: Sequence[PinnedWheel]) -> float:
    """Return the time in seconds after which pip is ended: it is slower than LEAST_SPEED then."""
    return _SLACK_SECONDS + sum(wheel.size or MOST_BYTES for wheel in wheels) / LEAST_SPEED
