"""Exchange two folders in one step, where the system and the file system can do that.

Linux has renameat2 with RENAME_EXCHANGE (renameat2(2)), and macOS has renamex_np with RENAME_SWAP
(renameatx_np(2)). Python has no function for either. The call for macOS has not been run.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# From Linux' fcntl.h and fs.h.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 1 << 1
# From macOS' sys/stdio.h.
_RENAME_SWAP = 2
# The kernel or the file system cannot exchange. NFS, for example, answers EINVAL.
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


class SystemCall(NamedTuple):
    """A function of the C library, and its arguments."""

    function: str
    arguments: tuple[int | bytes, ...]


def exchange_call(one: bytes, other: bytes, *, platform: str = sys.platform) -> SystemCall | None:
    """Return the call that exchanges the paths `one` and `other`; None if `platform` has none."""
    if platform == "linux":
        return SystemCall("renameat2", (_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE))
    if platform == "darwin":
        return SystemCall("renamex_np", (one, other, _RENAME_SWAP))
    return None


def call_library(call: SystemCall) -> int:
    """Make `call`, and return 0 or its error number. Return ENOSYS if the library lacks it."""
    try:
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        function: Any = getattr(library, call.function)
    except (ImportError, OSError, AttributeError):
        return errno.ENOSYS
    arguments = [
        ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.c_int(argument)
        for argument in call.arguments
    ]
    return ctypes.get_errno() if function(*arguments) else 0


def exchange(
    one: Path,
    other: Path,
    *,
    platform: str = sys.platform,
    caller: Callable[[SystemCall], int] = call_library,
) -> bool:
    """Give each of the paths `one` and `other` to what the other path names, in one step.

    Both must exist on the same file system. Return False, with nothing changed, if this system or
    this file system cannot do that. `caller` makes the call and returns its error number. Raises
    OSError for any other error.
    """
    call = exchange_call(os.fsencode(one), os.fsencode(other), platform=platform)
    if call is None:
        return False
    number = caller(call)
    if number in _UNSUPPORTED:
        return False
    if number:
        raise OSError(number, os.strerror(number), str(one), None, str(other))
    return True
