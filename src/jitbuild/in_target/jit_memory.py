"""Find out whether the interpreter under test may execute memory that it has written.

The probe loads this file, which supports Python 3.8 and later, of any implementation.
"""

from __future__ import annotations

import os


def executable_memory() -> bool | None:
    """Return True if memory can be made executable after it was written, as the JIT requires.

    Returns None if that cannot be tried: on Windows, or without ctypes. For the host,
    jitbuild.system.executable_memory has a similar check, which also names the cause.
    """
    if os.name != "posix":
        return None
    try:
        import ctypes
        import mmap

        protect = ctypes.CDLL(None).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        size = 1 << 16  # a multiple of every size of a page
        memory = mmap.mmap(-1, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        memory[0] = 0
        byte = ctypes.c_char.from_buffer(memory)
        return not protect(ctypes.addressof(byte), size, mmap.PROT_READ | mmap.PROT_EXEC)
    except Exception:  # noqa: BLE001
        return None
