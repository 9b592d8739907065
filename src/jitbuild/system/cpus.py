"""Count the processors that this process may use, as limited by its affinity and its cgroup.

A container that may use two of 64 processors usually has a quota of processor time and no affinity.
The kernel's documentation describes the files of a cgroup: cgroup-v2.rst (`cpu.max`), and
scheduler/sched-bwc.rst (`cpu.cfs_quota_us` and `cpu.cfs_period_us` of cgroup v1).
"""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOUNT = PurePosixPath("/sys/fs/cgroup")
# cgroup v1 mounts its controllers under these names, depending on the distribution.
_V1_MOUNTS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def quota_cpus(read: Callable[[str], str | None]) -> float | None:
    """Return the number of processors whose full time the cgroup of this process may use.

    Return None if there is no limit. The limit of a cgroup also holds for the cgroups below it, so
    the lowest limit counts. `read` returns the text of a file, or None if the file cannot be read.
    """
    limits = [
        limit
        for hierarchy, path in _memberships(read("/proc/self/cgroup") or "")
        for limit in _limits(hierarchy, path, read)
    ]
    return min(limits, default=None)


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """Yield (`v1` or `v2`, path of the cgroup) for each line of /proc/self/cgroup (cgroups(7)).

    `text` is the text of that file.
    """
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield "v2", path
        elif "cpu" in controllers.split(","):
            yield "v1", path


def _limits(hierarchy: str, path: str, read: Callable[[str], str | None]) -> Iterator[float]:
    """Yield the limits of the cgroup `path` and of the cgroups above it.

    In a container, `path` may be the path on the host, while only the container's own part is
    mounted. Files that do not exist are therefore skipped.
    """
    mounts = [_MOUNT / name for name in _V1_MOUNTS] if hierarchy == "v1" else [_MOUNT]
    relative = PurePosixPath(path.lstrip("/"))
    for mount in mounts:
        for folder in (relative, *relative.parents):
            limit = (
                _limit_v1(mount / folder, read)
                if hierarchy == "v1"
                else _limit_v2(mount / folder, read)
            )
            if limit is not None:
                yield limit


def _limit_v1(folder: PurePosixPath, read: Callable[[str], str | None]) -> float | None:
    quota, period = read(f"{folder}/cpu.cfs_quota_us"), read(f"{folder}/cpu.cfs_period_us")
    return _ratio(quota or "", period or "")


def _limit_v2(folder: PurePosixPath, read: Callable[[str], str | None]) -> float | None:
    quota, _, period = (read(f"{folder}/cpu.max") or "").strip().partition(" ")
    return _ratio(quota, period)


def _ratio(quota: str, period: str) -> float | None:
    """Return quota / period, or None if the quota states no limit (`max`, or -1 in cgroup v1)."""
    quota, period = quota.strip(), period.strip()
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _allowed_cpus() -> int:
    """Return the number of processors that this process may use, regardless of any quota.

    From Python 3.13 on, this is os.process_cpu_count(), which also reads PYTHON_CPU_COUNT. In older
    Pythons, it is the number of processors in the affinity of this process.
    """
    if counted := getattr(os, "process_cpu_count", lambda: None)():
        return int(counted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def usable_cpus(
    *,
    read: Callable[[str], str | None] = _read,
    allowed: Callable[[], int] = _allowed_cpus,
) -> int:
    """Return the number of processors that this process may use, at least 1.

    `read` returns the text of a file, or None if the file cannot be read. `allowed` returns the
    number of processors regardless of any quota.
    """
    quota = quota_cpus(read)
    return allowed() if quota is None else max(1, min(allowed(), math.ceil(quota)))
