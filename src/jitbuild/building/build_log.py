"""The log of a build, without secrets."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from jitbuild.safe_text import hide_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.system.urls import Address


class BuildLog:
    """A log that hides secrets in everything that is written to it.

    These are the secrets in URLs, and those of `addresses`, which the build's programs know. The
    caller writes whole lines, because a secret in two parts would not be recognized.
    """

    def __init__(self, file: IO[bytes], addresses: Sequence[Address] = ()) -> None:
        self._file = file
        self._addresses = addresses

    def write(self, data: bytes) -> int:
        text = data.decode("utf-8", "surrogateescape")
        for address in self._addresses:
            text = address.hide_in(text)
        return self._file.write(hide_secrets(text).encode("utf-8", "surrogateescape"))

    def flush(self) -> None:
        self._file.flush()
