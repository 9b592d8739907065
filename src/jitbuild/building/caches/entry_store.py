"""Small cache entries: each is one file in a folder, and is verified whenever it is read.

The file of an entry begins with a line of JSON: its key, its facts, and the name, size and sha256
of each file that the entry holds. The contents of these files follow that line.

An entry is replaced in one step, so a reader sees either the old entry or the new one. The folder
may be deleted at any moment; later builds then do the work again. Nothing is synced to the disk: if
a power failure leaves an entry incomplete, its hash does not match.

The hashes detect damage, not malice: anyone who can write to the store can write a valid entry.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild.store.layout import PART, own_entries
from jitbuild.system.files import make_folders, write_atomically
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Incremented when the meaning of an entry changes; an entry of another schema is a miss.
_SCHEMA = 1
_SUFFIX = ".entry"
_KEY = re.compile(r"[0-9a-z][0-9a-z_-]{7,127}")
# No slash and no leading dot, so that no file is restored outside of the intended folder.
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+-]{0,254}")
_MAX_HEAD_BYTES = 1 << 20
_MAX_PART_AGE_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An entry: the content of each of its `files`, by name, and `facts` about them."""

    files: Mapping[str, bytes]
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryStatistics:
    """The number of entries, their size in bytes, and how many lookups were hits and misses."""

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0


class _BrokenError(Exception):
    """Raised for a file that is not an intact entry with the expected key."""


@dataclass(frozen=True, slots=True)
class EntryStore:
    """The entries in the folder `root`.

    If the entries exceed `max_bytes`, the least recently used ones are removed. No method raises an
    OSError: an entry that cannot be read is a miss, and an entry that cannot be written is not
    kept.
    """

    root: Path
    max_bytes: int

    def get(self, key: str) -> CacheEntry | None:
        """Return the entry `key`, or None for a miss. Remove the entry if it is damaged.

        Raises ValueError for a key that could lead out of the folder.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            entry = _parse(key, content)
        except _BrokenError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the time of its last use
        return entry

    def content(self, key: str) -> bytes | None:
        """Return the bytes of the file of the entry `key`, for `add`; None if it is not intact.

        Raises ValueError for a key that could lead out of the folder.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
            _parse(key, content)
        except (OSError, _BrokenError):
            return None
        return content

    def add(self, key: str, content: bytes) -> bool:
        """Keep `content`, from `content` of another folder, as the entry `key`.

        Nothing is kept, and False returned, if it is not an intact entry with that key. Raises
        ValueError for a key that could lead out of the folder.
        """
        path = self._path(key)
        try:
            _parse(key, content)
        except _BrokenError:
            return False
        self._write(path, content)
        return True

    def list_keys(self) -> list[str]:
        """Return the keys of all entries, the least recently used first."""
        return [path.name.removesuffix(_SUFFIX) for _, _, path in self._entries()]

    def put(self, key: str, files: Mapping[str, bytes], facts: Mapping[str, str]) -> None:
        """Keep `files` and `facts` as the entry `key`, which replaces an older entry with this key.

        Raises ValueError for a key or a file name that could lead out of the folder. Such a name is
        a mistake in the program, since keys and names never come from users.
        """
        path = self._path(key)
        for name in files:
            if not _NAME.fullmatch(name):
                raise ValueError(name)
        self._write(path, _format(key, files, facts))

    def record_lookup(self, *, hit: bool) -> None:
        """Count a lookup as a hit or a miss.

        Each lookup appends one byte to a file. Because of O_APPEND, this is safe without a lock.
        """
        with contextlib.suppress(OSError):
            make_folders(self.root)
            with self._uses.open("ab") as file:
                file.write(b"+" if hit else b"-")

    def statistics(self) -> EntryStatistics:
        """Return the statistics of the folder; all numbers are zero if it does not exist."""
        sizes = [size for _, size, _ in self._entries()]
        try:
            uses = self._uses.read_bytes()
        except OSError:
            uses = b""
        return EntryStatistics(
            entries=len(sizes), bytes=sum(sizes), hits=uses.count(b"+"), misses=uses.count(b"-")
        )

    def _write(self, path: Path, content: bytes) -> None:
        if len(content) > self.max_bytes:
            return
        with contextlib.suppress(OSError):
            make_folders(self.root)
            write_atomically(path, content)
            self._make_room(path)

    @property
    def _uses(self) -> Path:
        return self.root / "uses"

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(key)
        return self.root / f"{key}{_SUFFIX}"

    def _entries(self) -> list[tuple[int, int, Path]]:
        """Return (time of last use in ns, size, path) of each entry, least recently used first."""
        entries = []
        with contextlib.suppress(OSError):
            for path in self.root.glob(f"*{_SUFFIX}"):
                with contextlib.suppress(OSError):  # another process removed it
                    status = path.stat()
                    entries.append((status.st_mtime_ns, status.st_size, path))
        return sorted(entries)

    def _make_room(self, newest: Path) -> None:
        """Remove partial files of killed processes, and old entries until the others fit.

        The entry at the path `newest` is kept.
        """
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= self.max_bytes:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size
        # A younger partial file may still be in use.
        oldest = time.time() - _MAX_PART_AGE_SECONDS
        for part in own_entries(self.root, PART):
            with contextlib.suppress(FileNotFoundError):  # another process removed it
                if part.lstat().st_mtime < oldest:
                    part.unlink()


def _format(key: str, files: Mapping[str, bytes], facts: Mapping[str, str]) -> bytes:
    names = sorted(files)
    head = {
        "schema": _SCHEMA,
        "key": key,
        "facts": dict(sorted(facts.items())),
        "files": [
            {"name": name, "size": len(files[name]), "sha256": _sha256(files[name])}
            for name in names
        ],
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    # The line begins with a hash of its text, which detects a changed fact.
    return b"".join([_sha256(text).encode(), b" ", text, b"\n", *(files[name] for name in names)])


def _parse(key: str, content: bytes) -> CacheEntry:
    """Return the entry that is stored in `content`, the bytes of a file.

    Raises _BrokenError unless the entry has the key `key` and all hashes and sizes match.
    """
    end = content.find(b"\n", 0, _MAX_HEAD_BYTES)
    sha256, _, text = content[: max(end, 0)].partition(b" ")
    if _sha256(text).encode() != sha256:
        raise _BrokenError
    try:
        head: dict[str, Any] = parse_json(text)
        if (head["schema"], head["key"]) != (_SCHEMA, key):
            raise _BrokenError
        return CacheEntry(
            files=_parse_files(content, end + 1, head["files"]),
            facts={str(name): str(fact) for name, fact in head["facts"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _BrokenError from error


def _parse_files(content: bytes, begin: int, listed: list[dict[str, Any]]) -> dict[str, bytes]:
    """Return the content of each of the `listed` files, by name.

    The contents begin at the offset `begin` of `content`, and follow each other without gaps.
    """
    files = {}
    for file in listed:
        data = content[begin : begin + file["size"]]
        intact = len(data) == file["size"] and _sha256(data) == file["sha256"]
        if not intact or not _NAME.fullmatch(file["name"]):
            raise _BrokenError
        files[file["name"]] = data
        begin += len(data)
    if begin != len(content):
        raise _BrokenError
    return files


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
