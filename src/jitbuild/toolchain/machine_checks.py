"""Check this machine's C library, and the disk and path of the store, before a build."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild.system.formatting import format_size
from jitbuild.toolchain.requirements import CheckedRequirement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jitbuild.request import Variant
    from jitbuild.target import Host


def check_libc(variant: Variant, host: Host) -> CheckedRequirement:
    """Check that the C library can run the variant's JIT: machine code needs glibc on Linux."""
    machine_code = variant.jit in {"yes", "yes-off"}
    return CheckedRequirement(
        name="libc",
        ok=not (machine_code and host.libc.startswith("musl")),
        detail=host.libc,
        why="CPython's JIT has no target for musl (Tools/jit/_targets.py)",
        remedy="Use --jit no or --jit interpreter, or build in a container with glibc "
        "(debian, fedora).",
    )


def check_store(store: Path) -> CheckedRequirement:
    """Check that the folder `store` is writable and that its path contains no space."""
    store = store.absolute()
    existing = _nearest_existing(store)
    problem = ""
    if any(map(str.isspace, str(store))):
        problem = " has a space in its path"
    elif not os.access(existing, os.W_OK):
        problem = f": {existing} is not writable"
    return CheckedRequirement(
        name="store",
        ok=not problem,
        detail=f"{store}{problem}",
        why="configure and make cannot build in a folder whose path contains a space",
        remedy="Set JITBUILD_HOME to a writable folder whose path has no spaces.",
    )


def check_disks(
    store: Path, profile: str, needed: int, free: Callable[[Path], int]
) -> list[CheckedRequirement]:
    """Check that there are `needed` free bytes on the disk of the store and on that of scratch.

    The disk is checked once if both are on the same disk. `profile` is the build's profile, for the
    message. `free` returns the free bytes of the disk that contains a folder.
    """
    disks: dict[int, Path] = {}
    for folder in (store, store / "scratch"):
        existing = _nearest_existing(folder.absolute())
        disks.setdefault(existing.stat().st_dev, existing)
    return [_check_disk(folder, profile, needed, free(folder)) for folder in disks.values()]


def _check_disk(folder: Path, profile: str, needed: int, free: int) -> CheckedRequirement:
    return CheckedRequirement(
        name="disk",
        ok=free >= needed,
        detail=f"{format_size(free)} free in {folder}; {format_size(needed)} needed",
        why=f"a {profile} build needs up to {format_size(needed)}",
        remedy=f"Free some space in {folder} (`jitbuild prune` helps), or set JITBUILD_HOME to a "
        "folder on a larger disk.",
    )


def _nearest_existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
