"""Find out whether this machine lets a program execute memory that it has written.

A JIT writes machine code into memory and then makes the memory executable (CPython: Python/jit.c).
This is denied by systemd's MemoryDenyWriteExecute=yes, by prctl(2) with PR_SET_MDWE, and by SELinux
without execmem. All three also apply to child processes.
"""

from __future__ import annotations

import os

_READ_WRITE = 1 | 2  # PROT_READ | PROT_WRITE
_READ_EXECUTE = 1 | 4  # PROT_READ | PROT_EXEC
_PAGE_BYTES = 1 << 16  # a multiple of every page size that the JIT's platforms have


def is_denied() -> bool:
    """Return True if memory that was written cannot be made executable afterwards.

    Return False if this cannot be tried: on Windows, or in a Python without ctypes.
    """
    if os.name != "posix":
        return False
    try:
        import ctypes
        import mmap
    except ImportError:
        return False
    with mmap.mmap(-1, _PAGE_BYTES, prot=_READ_WRITE) as memory:
        memory[0] = 0
        byte = ctypes.c_char.from_buffer(memory)
        try:
            protect = ctypes.CDLL(None).mprotect
            protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
            return bool(protect(ctypes.addressof(byte), _PAGE_BYTES, _READ_EXECUTE))
        except (AttributeError, OSError):
            return False
        finally:
            del byte  # otherwise the memory could not be unmapped
