"""Count the processors that this process may use, as its affinity and its cgroup limit them.

A container that may use two of 64 processors usually has a quota of processor time, and not an
affinity. Each file of a cgroup is described in the kernel's documentation: cgroup-v2.rst
(`cpu.max`), and scheduler/sched-bwc.rst (`cpu.cfs_quota_us` and `cpu.cfs_period_us` of cgroup v1).
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
    """Return the processors' worth of time that the cgroup of this process may use, or None.

    The limit of a cgroup also holds for the cgroups in it, so the lowest limit counts. `read`
    returns the text of a file, or None if it cannot be read. None means that there is no limit.
    """
    limits = [
        limit
        for hierarchy, path in _memberships(read("/proc/self/cgroup") or "")
        for limit in _limits(hierarchy, path, read)
    ]
    return min(limits, default=None)


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """Yield (`v1` or `v2`, path of the cgroup) from the text of /proc/self/cgroup (cgroups(7))."""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield "v2", path
        elif "cpu" in controllers.split(","):
            yield "v1", path


def _limits(hierarchy: str, path: str, read: Callable[[str], str | None]) -> Iterator[float]:
    """Yield the limits of the cgroup `path` and of those above it.

    In a container, the path may be that on the host, while only the container's own part is
    mounted: the part that exists is read.
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
    """Return quota / period, or None if there is no limit: the quota is then `max`, or -1."""
    quota, period = quota.strip(), period.strip()
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _allowed_cpus() -> int:
    """Return the number of processors by affinity, or by Python's own count where it has one.

    From Python 3.13 on, that is os.process_cpu_count, which also reads PYTHON_CPU_COUNT.
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

    `read` returns the text of a file, or None if it cannot be read. `allowed` returns the number
    without regard to a quota.
    """
    quota = quota_cpus(read)
    return allowed() if quota is None else max(1, min(allowed(), math.ceil(quota)))
