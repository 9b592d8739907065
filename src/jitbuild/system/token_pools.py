"""Keep the free tokens of a job budget: in a pipe that GNU make can use, or in a counter.

A token is the permission to run one job (jobserver.py).
"""

from __future__ import annotations

import os
import select
import tempfile
import threading
from typing import Protocol

_TOKEN = b"+"


class TokenPool(Protocol):
    """A store of free tokens."""

    @property
    def fds(self) -> tuple[int, ...]:
        """The file descriptors that makes use to read tokens and to write them back.

        Empty if the pool has no pipe.
        """

    def take(self, at_most: int) -> int:
        """Take up to `at_most` free tokens without waiting, and return their number."""

    def give(self, count: int) -> None:
        """Put `count` tokens back into the pool."""

    def wait(self, seconds: float) -> None:
        """Wait until a token may be free, but at most `seconds` seconds."""

    def close(self) -> None:
        """Free the pool's resources. The pool cannot be used afterwards."""


class PipePool:
    """Free tokens in a pipe, which makes can share (POSIX)."""

    def __init__(self) -> None:
        # This process must read without blocking, because another process may take the token that
        # poll has reported. make must read with blocking: versions before 4.3 treat EAGAIN as a
        # fatal error, and later versions set the mode that they need. The mode belongs to the open
        # file, not to the descriptor, so the pipe must be opened for reading twice. Only a pipe
        # with a name (a FIFO) can be opened twice.
        with tempfile.TemporaryDirectory(prefix="jitbuild-") as folder:
            path = os.path.join(folder, "jobs")  # noqa: PTH118
            os.mkfifo(path, 0o600)
            self._own = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self._write = os.open(path, os.O_WRONLY)
            self._read = os.open(path, os.O_RDONLY)

    @property
    def fds(self) -> tuple[int, ...]:
        return self._read, self._write

    @property
    def own_fd(self) -> int:
        """The descriptor that this process reads from, without blocking."""
        return self._own

    def take(self, at_most: int) -> int:
        try:
            return len(os.read(self._own, at_most))
        except BlockingIOError:
            return 0

    def give(self, count: int) -> None:
        os.write(self._write, _TOKEN * count)

    def wait(self, seconds: float) -> None:
        poll = select.poll()  # a new object for each call, because threads cannot share one
        poll.register(self._own, select.POLLIN)
        poll.poll(seconds * 1000)

    def close(self) -> None:
        for fd in (self._own, self._write, self._read):
            os.close(fd)


class CounterPool:
    """Free tokens that are only counted: for Windows, where no build tool can use a jobserver."""

    fds: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._free = 0
        self._changed = threading.Condition()

    def take(self, at_most: int) -> int:
        with self._changed:
            taken = min(at_most, self._free)
            self._free -= taken
            return taken

    def give(self, count: int) -> None:
        with self._changed:
            self._free += count
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._free, timeout=seconds)

    def close(self) -> None:
        pass


def create_pool() -> TokenPool:
    """Return an empty pool: a PipePool on POSIX systems, a CounterPool on Windows."""
    return PipePool() if os.name == "posix" else CounterPool()
