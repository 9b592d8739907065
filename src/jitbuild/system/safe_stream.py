"""Streams that make all text safe to show, for stdout and stderr of the command line."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO, TYPE_CHECKING, Any

from jitbuild.safe_text import safe_result, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class SafeStream:
    """A text stream that applies `safe`, such as `safe_text`, to everything that is written to it.

    Everything else is done by the stream `raw`. Write to `raw` what must not be changed: colours,
    and the output of the user's own command.
    """

    def __init__(self, raw: IO[str], safe: Callable[[str], str]) -> None:
        self.raw = raw
        self._safe = safe

    def write(self, text: str) -> int:
        self.raw.write(self._safe(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw(stream: IO[str]) -> IO[str]:
    """Return the stream that writes text unchanged: that of a SafeStream, or else `stream`."""
    return stream.raw if isinstance(stream, SafeStream) else stream


@contextlib.contextmanager
def safe_output() -> Iterator[None]:
    """Make stdout (for results) and stderr (for messages) safe while the block runs.

    If the caller has closed one of them, so that it is None, what is written to it is discarded.
    (`print` would write the messages for a closed stderr to stdout.)
    """
    streams = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        sys.stdout = _safe(sys.stdout or nowhere, safe_result)
        sys.stderr = _safe(sys.stderr or nowhere, safe_text)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams


def open_closed_descriptors() -> None:
    """Open the null device in place of stdin, stdout and stderr if the caller has closed them.

    Otherwise, the next files that are opened get their numbers, and programs that this process
    starts have no standard streams.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _safe(stream: Any, safe: Callable[[str], str]) -> Any:
    return stream if isinstance(stream, SafeStream) else SafeStream(stream, safe)
