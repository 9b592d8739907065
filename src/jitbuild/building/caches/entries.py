"""A folder of small entries that are verified whenever they are read, and never needed: without one, work is done again.

An entry is one file: a line of JSON (its key, facts, and the size and sha256 of each of its files), then the files' bytes. One
file is replaced in one step, so whoever reads it sees an old entry or a new one and never a mixture, and whoever deletes the
folder at any moment costs others time and nothing else. Nothing is synced: what a power cut leaves half-written fails its hash.

The hashes find what is broken or foreign. They do not make an entry trustworthy: whoever can write the store can write a new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Raised when an entry comes to mean something else; an entry of another schema is a miss.
_SCHEMA = 1
_SUFFIX = ".entry"
_KEY = re.compile(r"[0-9a-z][0-9a-z_-]{7,127}")
# No slash, no leading dot: what is restored stays in the folder that it is restored into.
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+-]{0,254}")
_HEAD_BYTES = 1 << 20
_PART_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What was kept: `files` by their names, and `facts` about them."""

    files: Mapping[str, bytes]
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """How much a cache holds, in entries and bytes, and how often it had what was asked for."""

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0


class _BrokenError(Exception):
    """The file is not a whole entry of this key."""


@dataclass(frozen=True, slots=True)
class EntryStore:
    """The entries under `root`, at most `largest` bytes of them: the least recently used go first.

    Nothing here raises because of the disk: what cannot be read is a miss, and what cannot be written is not kept.
    """

    root: Path
    largest: int

    def get(self, key: str) -> CacheEntry | None:
        """The entry `key`, when it is there and whole; None otherwise, and one that is not whole is removed."""
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
            os.utime(path)  # when it was last used, for what goes first
        return entry

    def put(self, key: str, files: Mapping[str, bytes], facts: Mapping[str, str]) -> None:
        """Keep `files` and `facts` as the entry `key`, in place of one that is there. What cannot be kept is not.

        Raises ValueError for a key or a file's name that could leave the folder: they come from code, not from a person.
        """
        path = self._path(key)
        for name in files:
            if not _NAME.fullmatch(name):
                raise ValueError(name)
        content = _format(key, files, facts)
        if len(content) > self.largest:
            return
        with contextlib.suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            _write(self.root / f".{os.urandom(8).hex()}.part", path, content)
            self._make_room(path)

    def count(self, hit: bool) -> None:
        """Remember that something was asked for, and whether it was there.

        One byte is appended for each, which needs no lock: O_APPEND puts the bytes of several processes one after the other.
        """
        with contextlib.suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            with self._uses.open("ab") as file:
                file.write(b"+" if hit else b"-")

    def summary(self) -> Summary:
        """What the folder holds now; nothing when it is not there."""
        sizes = [size for _, size, _ in self._entries()]
        try:
            uses = self._uses.read_bytes()
        except OSError:
            uses = b""
        return Summary(
            entries=len(sizes), bytes=sum(sizes), hits=uses.count(b"+"), misses=uses.count(b"-")
        )

    def clear(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def _uses(self) -> Path:
        return self.root / "uses"

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(key)
        return self.root / f"{key}{_SUFFIX}"

    def _entries(self) -> list[tuple[int, int, Path]]:
        """When each entry was last used (in nanoseconds), its size and its path, the least recently used one first."""
        found = []
        with contextlib.suppress(OSError):
            for path in self.root.glob(f"*{_SUFFIX}"):
                with contextlib.suppress(OSError):  # another process removes it
                    status = path.stat()
                    found.append((status.st_mtime_ns, status.st_size, path))
        return sorted(found)

    def _make_room(self, newest: Path) -> None:
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= self.largest:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size
        # What a killed process left; a younger one may be in use.
        oldest = time.time() - _PART_SECONDS
        for part in self.root.glob(".*.part"):
            if part.stat().st_mtime < oldest:
                part.unlink(missing_ok=True)


def _write(part: Path, dest: Path, content: bytes) -> None:
    """Write `dest` in one step: it is the old file or the new one, whenever it is looked at."""
    try:
        part.write_bytes(content)
        part.replace(dest)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


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
    # The hash before the line is of the line, so that a changed fact is found like a changed file.
    return b"".join([_sha256(text).encode(), b" ", text, b"\n", *(files[name] for name in names)])


def _parse(key: str, content: bytes) -> CacheEntry:
    """The entry in `content`. Raises _BrokenError unless it is one of this key, and every hash and size is right."""
    end = content.find(b"\n", 0, _HEAD_BYTES)
    sha256, _, text = content[: max(end, 0)].partition(b" ")
    if _sha256(text).encode() != sha256:
        raise _BrokenError
    try:
        head: dict[str, Any] = json.loads(text)
        if (head["schema"], head["key"]) != (_SCHEMA, key):
            raise _BrokenError
        return CacheEntry(
            files=_cut(content, end + 1, head["files"]),
            facts={str(name): str(fact) for name, fact in head["facts"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _BrokenError from error


def _cut(content: bytes, begin: int, listed: list[dict[str, Any]]) -> dict[str, bytes]:
    files = {}
    for each in listed:
        data = content[begin : begin + each["size"]]
        if (
            len(data) != each["size"]
            or _sha256(data) != each["sha256"]
            or not _NAME.fullmatch(each["name"])
        ):
            raise _BrokenError
        files[each["name"]] = data
        begin += len(data)
    if begin != len(content):
        raise _BrokenError
    return files


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
