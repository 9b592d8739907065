"""Stencils kept between builds: the files that Tools/jit/build.py wrote, by their key.

After the stencils are restored, make runs build.py, which checks them again with a digest of its
own (caches/stencil_key.py).
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jitbuild.building.caches.entry_store import CacheEntry, EntryStore
from jitbuild.building.caches.stencil_key import PYCONFIG, UNIT, is_unit_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jitbuild.registry.stencils import SharedEntry

# The stencils of one build take 1 to 10 MB, so those of a dozen versions in a few variants fit.
_MAX_BYTES = 500_000_000
_MAX_INDEX_BYTES = 10_000_000
# 3.15 has these files because one run of build.py writes several files: make compares their times.
_STAMPS = (".jit*stamp*", "jit*stamp*")
_DIGEST_LINE = re.compile(rb"// [0-9a-f]{64}")
_LONG_AGO = (1, 1)


class SharedStencils(Protocol):
    """Stencils that other machines share. It raises no error: what cannot be had is a miss."""

    def by_key(self, key: str) -> SharedEntry | None:
        """Return the stencils with the key `key`, or None for a miss."""

    def by_forecast(self, forecast: str) -> SharedEntry | None:
        """Return the stencils of a build with the forecast key `forecast`, or None for a miss."""


@dataclass(frozen=True, slots=True)
class StencilStore:
    """Stencils in `entries`, and an `index` from forecast keys to stencil keys.

    Those that are missing here are looked for in `shared`, if it is given, and kept here.
    """

    entries: EntryStore
    index: EntryStore
    shared: SharedStencils | None = None

    @classmethod
    def below(cls, store: Path, shared: SharedStencils | None = None) -> StencilStore:
        """Return the stencils kept in the subfolder `stencils` of `store`."""
        folder = store / "stencils"
        return cls(
            entries=EntryStore(folder, _MAX_BYTES),
            index=EntryStore(folder / "index", _MAX_INDEX_BYTES),
            shared=shared,
        )

    def predict(self, forecast: str) -> CacheEntry | None:
        """Return the stencils of the last build with the forecast key `forecast`; None for a miss.

        The prediction may be wrong: once the tree is configured, the stencil key decides.
        """
        entry = self.index.get(forecast)
        key = entry.facts.get("key", "") if entry else ""
        if found := self._local(key):
            return found
        shared = self.shared.by_forecast(forecast) if self.shared else None
        if shared is None or not self._keep(shared):
            return None
        self.index.put(forecast, {}, {"key": shared.key})
        return self._local(shared.key)

    def restore(self, tree: Path, key: str) -> CacheEntry | None:
        """Write the stencils with the key `key` into the configured `tree`; return their entry.

        Return None for a miss. Stencils already in the tree are removed first, even for a miss:
        build.py's digest omits CPython's headers, so build.py could accept outdated stencils.
        Restored files get an old modification time, so that make runs build.py, which then checks
        the digest.
        """
        if not key:
            return None
        for path in (*_unit_files(tree), *_stamps(tree)):
            path.unlink(missing_ok=True)
        entry = self._get(key)
        if entry is None:
            return None
        for name, content in entry.files.items():
            (tree / name).write_bytes(content)
            os.utime(tree / name, _LONG_AGO)
        return entry

    def put(self, tree: Path, key: str, forecast: str, facts: Mapping[str, str]) -> None:
        """Keep the stencils of the built `tree` under `key`, and map `forecast` to `key`.

        `key` must have been computed before make, which may write headers. Nothing is kept if `key`
        is empty or if a stencil header does not begin with a digest.
        """
        if not key:
            return
        try:
            files = _read_unit(tree)
        except OSError:
            return
        digests = _digest_facts(files)
        if digests is None:
            return
        old = self.entries.get(key)
        if old is None or old.files != files:
            self.entries.put(key, files, {**facts, **digests})
        self.index.put(forecast, {}, {"key": key})

    def forecasts(self) -> dict[str, list[str]]:
        """Return the forecast keys that lead to each stencil key."""
        leading: dict[str, list[str]] = {}
        for forecast in self.index.list_keys():
            entry = self.index.get(forecast)
            if entry and entry.facts.get("key"):
                leading.setdefault(entry.facts["key"], []).append(forecast)
        return leading

    def _get(self, key: str) -> CacheEntry | None:
        """Return the entry `key`, from here or else from the shared stencils; None for a miss."""
        if (found := self._local(key)) or self.shared is None:
            return found
        shared = self.shared.by_key(key)
        return self._local(key) if shared and shared.key == key and self._keep(shared) else None

    def _local(self, key: str) -> CacheEntry | None:
        """Return the entry `key` of this store, or None for a miss.

        An entry that contains a file other than stencils, or that lacks the recorded digests, is a
        miss.
        """
        entry = self.entries.get(key) if key else None
        if entry is None or not all(map(is_unit_file, entry.files)):
            return None
        digests = _digest_facts(entry.files)
        return entry if digests is not None and digests.items() <= entry.facts.items() else None

    def _keep(self, shared: SharedEntry) -> bool:
        """Keep shared stencils here. Return False if they are not an intact entry of their key.

        Stencils that are here already are not replaced.
        """
        try:
            present = self._local(shared.key) is not None
            return present or self.entries.add(shared.key, shared.content)
        except ValueError:
            return False


def is_unchanged(tree: Path, entry: CacheEntry) -> bool:
    """Return True if build.py changed none of the stencils that `entry` restored to `tree`."""
    try:
        return _read_unit(tree) == entry.files
    except OSError:
        return False


def mark_up_to_date(tree: Path) -> None:
    """Give the stencils in `tree` the time of the newest file that they are made from.

    Call this after build.py accepted the stencils: make then does not run build.py again for a
    later target.
    """
    with contextlib.suppress(OSError):
        sources = (
            tree / PYCONFIG,
            tree / "Python/executor_cases.c.h",
            *(tree / "Tools/jit").glob("*"),
            *_stamps(tree),
        )
        newest = max(path.stat().st_mtime_ns for path in sources if path.exists())
        for path in _unit_files(tree):
            if path.stat().st_mtime_ns < newest:
                os.utime(path, ns=(newest, newest))


def _files(tree: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in tree.glob(pattern) if path.is_file()})


def _unit_files(tree: Path) -> list[Path]:
    return _files(tree, UNIT)


def _stamps(tree: Path) -> list[Path]:
    return _files(tree, _STAMPS)


def _read_unit(tree: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in _unit_files(tree)}


def _digest_facts(files: Mapping[str, bytes]) -> dict[str, str] | None:
    """Return the first line of each header that contains the stencils of a triple, as facts.

    Return None if there is no such header, or if one does not begin with a digest.
    """
    headers = [name for name in files if name.startswith("jit_stencils-")] or [
        name for name in files if name == "jit_stencils.h"
    ]
    lines = {name: files[name].partition(b"\n")[0] for name in headers}
    if not lines or not all(map(_DIGEST_LINE.fullmatch, lines.values())):
        return None
    return {f"line 1 of {name}": line.decode() for name, line in lines.items()}
