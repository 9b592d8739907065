"""Answers of the release API, kept in the store for a day, and asked for with conditions."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.system.files import make_folders, store_errors, write_atomically
from jitbuild.system.http.documents import Document, get_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jitbuild.system.urls import Address

# The API is throttled, and its answers change a few times a month.
FRESH_SECONDS = 24 * 3600.0


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in the cache: its content, its validators, and when it was fetched or confirmed."""

    fetched: float
    validators: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedAnswers:
    """Answers in the folder `folder`. They are used without a request for `fresh` seconds.

    Afterwards, a conditional request asks if they have changed. `get` makes the requests, and
    `clock` returns the time since 1970 in seconds.
    """

    folder: Path
    fresh: float = FRESH_SECONDS
    get: Callable[..., Document] = get_document
    clock: Callable[[], float] = time.time

    def __call__(self, address: Address, *, check: Callable[[bytes], Any]) -> bytes:
        """Return the content of `address`.

        Only an answer for which `check` raises no error is kept. Raises the errors of `check` and
        of `get_document`, and StoreError if the answer cannot be kept.
        """
        path = self.folder / f"{hashlib.sha256(address.reveal().encode()).hexdigest()[:16]}.json"
        record = _read(path)
        now = self.clock()
        if record and 0 <= now - record.fetched < self.fresh:
            return record.body
        document = self.get(address, validators=record.validators if record else None)
        body = document.body if document.body is not None or record is None else record.body
        assert body is not None  # a server confirms only an answer that the request named
        check(body)
        record = _Answer(fetched=now, validators=dict(document.validators), body=body)
        with store_errors(self.folder):
            make_folders(self.folder)
            write_atomically(path, msgspec.json.encode(record))
        return body


def _read(path: Path) -> _Answer | None:
    """Return the answer in the file `path`; None if there is none, or if it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Answer)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
