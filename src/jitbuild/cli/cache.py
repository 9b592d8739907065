"""`jitbuild cache` and `jitbuild cache clear`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import JitbuildError, NotInstalledError, UsageError
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.recipes.schema import CcacheWheel
    from jitbuild.store.store import Store
    from jitbuild.system.process import Runner

# Every cache, by its folder in the store. A build that runs takes what it needs of the first ones while it runs, and would fail
# without; of the last ones it only takes copies, or nothing (measurements, which are `bench`'s).
USED_BY_BUILDS = ("sources", "llvm", "git", "environments", "ccache-bin")
FREE = ("stencils", "configure", "ccache", "measurements")
CACHES = (*USED_BY_BUILDS, *FREE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What is known of a cache; None: it is not counted."""

    name: str
    path: str
    bytes: int
    entries: int | None = None
    hits: int | None = None
    misses: int | None = None


def show(options: argparse.Namespace) -> int:
    """Print what each cache holds and how often it had what was asked for: a line each, or JSON."""
    rows = [_row(store(), name) for name in CACHES]
    if options.json:
        print_json([asdict(row) for row in rows])
        return 0
    print(f"{'':<12}  {'size':>9}  {'entries':>7}  {'hits':>6}  {'misses':>6}")
    for row in rows:
        print(
            f"{row.name:<12}  {format_size(row.bytes):>9}  {_cell(row.entries):>7}  {_cell(row.hits):>6}  {_cell(row.misses):>6}"
        )
    print(f"{'together':<12}  {format_size(sum(row.bytes for row in rows)):>9}")
    return 0


def clear(options: argparse.Namespace) -> int:
    """Remove the named caches, or all of them. Exit code 1 when one is kept because a build may be using it."""
    kept, say = store(), reporter_for(options)
    for name in options.cache:
        if name not in CACHES:
            raise UsageError(
                f"There is no cache {name!r}.",
                remedy=f"{_near(name)}There are: {', '.join(CACHES)}.",
            )
    wanted = [
        name
        for name in CACHES
        if (not options.cache or name in options.cache) and kept.cache(name).exists()
    ]
    held = in_use(kept, wanted)
    for name in (name for name in wanted if name not in held):
        discard(kept, name, say.note, dry_run=options.dry_run)
    if held:
        say.warn(
            f"A build is running, or was killed and its scratch not swept yet: kept are {', '.join(held)}."
        )
    return 1 if held else 0


def in_use(kept: Store, names: Sequence[str]) -> list[str]:
    """Those of the caches `names` that a running build may need later."""
    return (
        [name for name in names if name in USED_BY_BUILDS] if any(kept.scratches.glob("*")) else []
    )


def discard(kept: Store, name: str, note: Callable[[str], None], *, dry_run: bool) -> None:
    """Remove a cache, saying so: out of its place in one step, so that a build that runs begins a new one. Raises StoreError.

    A ccache at work would fail without its folders: while something is built, they stay, and are only emptied.
    """
    from jitbuild.building.caches import ccache
    from jitbuild.system import files

    path = kept.cache(name)
    if not path.exists():
        return
    note(f"remove {path} ({format_size(weight(path))})")
    if dry_run:
        return
    if name == "ccache" and any(kept.scratches.glob("*")):
        ccache.clear(kept.root)
    else:
        with kept.scratch() as scratch, files.store_errors(path):
            path.rename(scratch / name)


def weight(path: Path) -> int:
    """The bytes of a file, or of all files in a folder, while others may be writing and removing some."""
    total = 0
    for place, _, names in os.walk(path):
        for name in names:
            total += _bytes_of(os.path.join(place, name))  # noqa: PTH118
    return total or (0 if path.is_dir() else _bytes_of(path))


def _bytes_of(path: str | Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _row(kept: Store, name: str) -> Row:
    from jitbuild.building.caches import ccache_statistics
    from jitbuild.building.caches.entries import EntryStore

    path = kept.cache(name)
    if name == "ccache":
        told = ccache_statistics.summarize(ccache_of(kept), kept.root)
        return Row(
            name=name, path=str(path), bytes=weight(path), hits=told.hits, misses=told.misses
        )
    if name in ("stencils", "configure"):
        here = EntryStore(path, 0).summary()
        return Row(
            name=name,
            path=str(path),
            bytes=weight(path),
            entries=here.entries,
            hits=here.hits,
            misses=here.misses,
        )
    return Row(name=name, path=str(path), bytes=weight(path))


def ccache_of(
    kept: Store, *, runner: Runner | None = None, environ: Mapping[str, str] = os.environ
) -> Ccache | None:
    """A ccache that can read the statistics in the store, this machine's or the one that lies in the store; nothing is fetched."""
    from jitbuild import target
    from jitbuild.api import catalog
    from jitbuild.building.caches import ccache
    from jitbuild.system import process
    from jitbuild.toolchain import pinned_wheels
    from jitbuild.toolchain.wheel_kinds import CCACHE

    if not kept.cache("ccache").is_dir():
        return None

    def there(pins: Sequence[CcacheWheel], cache: Path, **_: object) -> Path:
        folder = pinned_wheels.folder_of(pins, cache, CCACHE)
        if not pinned_wheels.is_whole(folder):
            raise NotInstalledError(
                "It is not in the store.", remedy="jitbuild install --ccache managed"
            )
        return folder

    for mode in ("auto", "managed"):
        try:
            found = ccache.find(
                mode,
                environ=environ,
                pins=catalog().ccache.wheel,
                store=kept.root,
                target=target.host().target,
                runner=runner or process.run,
                fetch=there,
            )
        except JitbuildError:
            continue
        if found is not None:
            return found
    print("The hits of ccache are not known without a ccache on PATH.", file=sys.stderr)
    return None


def _cell(number: int | None) -> str:
    return "" if number is None else str(number)


def _near(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, CACHES, n=1)
    return f"Did you mean {near[0]}? " if near else ""
