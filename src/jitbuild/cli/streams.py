"""Make stdout and stderr accept every text, and tell a closed pipe from a full disk."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING, TextIO

from jitbuild.errors import DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterable

# The name of the error handler of `encode_anyway`, for the codecs of Python.
HANDLER = "jitbuild-bytes"
_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def encode_anyway(error: UnicodeError) -> tuple[bytes | str, int]:
    """Encode characters that the encoding of a stream lacks: an error handler for Python's codecs.

    A path then keeps the bytes that it has on the disk, whatever the locale is, so that
    `$(jitbuild which 3.15)` names a file that exists. A character that has no such bytes becomes an
    escape sequence.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    try:
        return os.fsencode(text), error.end
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(error)


def accept_every_text(streams: Iterable[object] | None = None) -> None:
    """Make `streams`, by default stdout and stderr, accept text that their encoding lacks.

    Streams that are not files of this process, such as those of a test, are left as they are.
    """
    codecs.register_error(HANDLER, encode_anyway)
    for stream in (sys.stdout, sys.stderr) if streams is None else streams:
        if hasattr(stream, "reconfigure"):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=HANDLER)


def can_print(text: str, stream: TextIO | None) -> bool:
    """Return True if the encoding of `stream` has every character of `text`.

    `stream` is None if the caller has closed it.
    """
    try:
        text.encode((stream and stream.encoding) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_full(error: OSError) -> bool:
    """Return True if `error` says that a disk, or the user's share of it, is full."""
    return error.errno in _NO_SPACE


def full_disk(what: str) -> DiskFullError:
    """Return the error for the output `what`, such as a file, whose disk is full."""
    return DiskFullError(
        f"{what} could not be written: no space is left where it goes.",
        remedy="Free some space there, or write the output to another disk.",
    )


def discard_output() -> None:
    """Discard everything that is still to be written to stdout.

    Python flushes stdout when it exits, and would report a second time that writing fails.
    """
    # In a test or a notebook, stdout may not be a file.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
