"""Read the output of a child into memory, up to a limit."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jitbuild.system.process_group import Popen

_CHUNK_BYTES = 1 << 16


class TooMuchOutputError(Exception):
    """A child has printed more than is read."""


def communicate(
    child: Popen, data: bytes | None, *, timeout: float | None, most_bytes: int
) -> tuple[bytes, bytes]:
    """Write `data` to the child's stdin, and return its stdout and stderr when it has ended.

    Unlike Popen.communicate, at most `most_bytes` of each are kept in memory. Raises
    TooMuchOutputError if there is more, and after `timeout` seconds TimeoutError or, if the output
    has ended, subprocess.TimeoutExpired. The caller must then end the child, whose output is no
    longer read.
    """
    assert child.stdout is not None
    assert child.stderr is not None
    end = None if timeout is None else time.monotonic() + timeout
    ended: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
    out, err = bytearray(), bytearray()
    for pipe, output in ((child.stdout, out), (child.stderr, err)):
        # The thread has a descriptor of its own: that of `pipe` may be closed while the thread
        # reads, and another file may then get its number.
        _start(_read, os.dup(pipe.fileno()), output, most_bytes, ended)
    if data is not None:
        assert child.stdin is not None
        _start(_write, os.dup(child.stdin.fileno()), data)
        child.stdin.close()  # later, it could wait for the thread, or raise its BrokenPipeError
    try:
        for _ in (out, err):
            if len(ended.get(timeout=_left(end))) > most_bytes:
                raise TooMuchOutputError
    except queue.Empty:
        raise TimeoutError from None
    child.wait(_left(end))
    return bytes(out), bytes(err)


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic())


def _start(function: object, *arguments: object) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def _read(
    pipe: int, output: bytearray, most_bytes: int, ended: queue.SimpleQueue[bytearray]
) -> None:
    """Read the descriptor `pipe` to its end, or until `output` is too long, and close it."""
    try:
        while len(output) <= most_bytes and (chunk := os.read(pipe, _CHUNK_BYTES)):
            output += chunk
    finally:
        os.close(pipe)
        ended.put(output)


def _write(pipe: int, data: bytes) -> None:
    """Write `data` to the descriptor `pipe`, and close it."""
    rest = memoryview(data)
    try:
        with contextlib.suppress(OSError):  # the child need not read its input
            while rest:
                rest = rest[os.write(pipe, rest) :]
    finally:
        os.close(pipe)
