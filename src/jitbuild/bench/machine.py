"""Describe the machine that measures, and warn about conditions that distort times (Linux).

System files are read below the folder `root`, so that tests can provide their own files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import target
from jitbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jitbuild.target import Host

_ROOT = Path("/")
_GOVERNORS = "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"
# A higher load per processor means that other work competes for the processors.
_BUSY_LOAD = 0.5


def describe_machine(root: Path = _ROOT) -> dict[str, str]:
    """Return the name of the processor and the number of processors; omit unknown facts."""
    names = (
        line.partition(":")[2].strip()
        for line in _read(root / "proc/cpuinfo").splitlines()
        if line.startswith("model name")
    )
    facts = {"processor": next(names, ""), "processors": str(os.cpu_count() or "")}
    return {name: value for name, value in facts.items() if value}


def describe_system(host: Callable[[], Host] = target.host) -> dict[str, str]:
    """Return the name of the operating system, and the kernel with its architecture.

    Returns {} if CPython's JIT does not support this machine, where only noise can be measured.
    """
    try:
        here = host()
    except UsageError:
        return {}
    return {"system": here.distro_name, "kernel": f"{here.kernel} ({here.target.arch})"}


def machine_warnings(root: Path = _ROOT, *, processors: int | None = None) -> Iterator[str]:
    """Yield warnings about a power governor and about other work, if the system reports any."""
    governors = {_read(path) for path in root.glob(_GOVERNORS)}
    variable = sorted(governors - {"performance", ""})
    if variable:
        yield (
            f"The power governor is {', '.join(variable)}: "
            "the clock speed changes during the measurement. Set it to performance."
        )
    count = processors or os.cpu_count() or 1
    try:
        load = float(_read(root / "proc/loadavg").split(" ")[0])
    except ValueError:
        return
    if load > _BUSY_LOAD * count:
        yield (
            f"The machine is busy (load {load:.1f} on {count} processors): "
            "other work affects the times, but both modes equally."
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
