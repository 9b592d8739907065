"""Check this machine's C library and memory, and the store's path and disk, before a build."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild.errors import PreflightError, StoreError
from jitbuild.system.formatting import format_size
from jitbuild.toolchain import store_path
from jitbuild.toolchain.requirements import CheckedRequirement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jitbuild.request import Variant
    from jitbuild.target import Host

_FOLDER_REMEDY = (
    "Make this a folder that you can read and write, or set JITBUILD_HOME to another one."
)
# The folders of the store that every build writes to.
_FOLDERS = ("interpreters", "scratch", "logs", "locks")


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


def check_memory(variant: Variant, is_denied: Callable[[], bool]) -> list[CheckedRequirement]:
    """Check that programs may execute memory that they have written, as a JIT does.

    Return no check if the variant makes no machine code. `is_denied` returns True if this machine
    denies such execution.
    """
    if variant.jit not in {"yes", "yes-off"}:
        return []
    denied = is_denied()
    return [
        CheckedRequirement(
            name="memory",
            ok=not denied,
            detail=f"memory that was written {'cannot' if denied else 'can'} be executed",
            why="the JIT writes machine code into memory and executes it",
            remedy="This is denied by systemd (MemoryDenyWriteExecute=yes), prctl (PR_SET_MDWE), "
            "SELinux (deny_execmem) or a sandbox. Change that setting, or build without machine "
            "code: --jit interpreter or --jit no.",
        )
    ]


def check_store(
    store: Path, *, is_noexec: Callable[[Path], bool] | None = None
) -> CheckedRequirement:
    """Check that the store's path is usable, that it is writable, and that programs can run in it.

    `is_noexec` returns True if a folder is on a mount where no program can be started.
    """
    store = store.absolute()
    problem, remedy = _store_problem(store, is_noexec or is_on_noexec_mount)
    return CheckedRequirement(
        name="store",
        ok=not problem,
        detail=f"{store}{problem}",
        why="interpreters are built and run in it",
        remedy=remedy,
    )


def require_store(store: Path, *, is_noexec: Callable[[Path], bool] | None = None) -> None:
    """Raise an error if interpreters cannot be built and run in `store`.

    Raises PreflightError for a path where nothing can be built or run, and StoreError for a folder
    that cannot be written.
    """
    store = store.absolute()
    store_path.check_path(store)
    if problem := _unusable_folder(store):
        raise StoreError(f"The store cannot be used{problem}.", remedy=_FOLDER_REMEDY)
    problem, remedy = _store_problem(store, is_noexec or is_on_noexec_mount)
    if problem:
        raise PreflightError(f"The store cannot be used{problem}.", remedy=remedy)


def _store_problem(store: Path, is_noexec: Callable[[Path], bool]) -> tuple[str, str]:
    """Return the store's first problem and the remedy for it; ("", "") if there is no problem."""
    if character := store_path.path_problem(store):
        return f" has {character} in its path, so make cannot build there", store_path.REMEDY
    if excess := store_path.length_problem(store):
        return f" is too long: {excess}", store_path.LENGTH_REMEDY
    if problem := _unusable_folder(store):
        return problem, _FOLDER_REMEDY
    for folder in (store / "scratch", store / "interpreters"):
        if is_noexec(existing := nearest_existing(folder)):
            return (
                f": {existing} is on a mount with the option noexec, where no program can run",
                (
                    "Set JITBUILD_HOME to a folder on another mount, or remount this file system "
                    "with the option exec."
                ),
            )
    return "", ""


def _unusable_folder(store: Path) -> str:
    """Return a text that names the store's first unusable folder and the reason, or ""."""
    existing = nearest_existing(store)
    if not existing.is_dir():
        return f": {existing} is not a folder"
    if not os.access(existing, os.W_OK):
        return f": {existing} is not writable"
    for folder in (store, *(store / name for name in _FOLDERS)):
        if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112
            return f": {folder} is not a folder"
        if os.path.lexists(folder) and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return f": {folder} cannot be read and written"
    return ""


def is_on_noexec_mount(folder: Path) -> bool:
    """Return True if `folder` is on a mount with the option noexec (mount(8))."""
    flag = getattr(os, "ST_NOEXEC", 0)  # macOS does not define it; Windows has no such mounts
    return bool(flag) and bool(os.statvfs(folder).f_flag & flag)


def check_disks(
    store: Path, profile: str, needed: int, free: Callable[[Path], int]
) -> list[CheckedRequirement]:
    """Check that there are `needed` free bytes on the disk of the store and on that of scratch.

    If both are on the same disk, it is checked only once. `profile` is the build's profile, for the
    message. `free` returns the free bytes of the disk that contains a folder.
    """
    disks: dict[int, Path] = {}
    for folder in (store, store / "scratch"):
        existing = nearest_existing(folder.absolute())
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


def nearest_existing(folder: Path) -> Path:
    """Return `folder`, or the nearest folder above it that exists."""
    # Unlike Path.exists, os.path.exists is False for a folder that may not be searched.
    parents = (folder, *folder.parents)
    return next(parent for parent in parents if os.path.exists(parent))  # noqa: PTH110
