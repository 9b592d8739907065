"""What spoils a measurement on this machine, or limits what it says. Files are read under `root`: a test has its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jitbuild.bench.report import JITInspection
    from jitbuild.store.interpreter import Interpreter

_ROOT = Path("/")
# Of a processor each: more than this, and something else wants it too.
_BUSY = 0.5
_PROFILES = {
    "fast": "It is a `fast` build, without PGO and LTO, and its interpreter is slower than a released one's: the gain is "
    "overstated. "
    "For numbers to rely on: jitbuild install {series} --profile release",
    "debug": "It is a debug build: its times say nothing about a real one. Build another: "
    "jitbuild install {series} --profile release",
    "unknown": "How it was built is not known: without PGO and LTO the gain would be overstated. "
    "If you know, say it: jitbuild adopt {executable} --profile release",
}


def of_build(found: Interpreter, *, debug: bool = False) -> Iterator[str]:
    """What the way in which an interpreter was built does to its times."""
    profile = "debug" if debug else found.variant.profile
    if profile in _PROFILES:
        series = ".".join(found.version.split(".")[:2])
        yield _PROFILES[profile].format(series=series, executable=found.executable)


def of_machine(root: Path = _ROOT, *, processors: int | None = None) -> Iterator[str]:
    """A governor that changes the clock, and what else runs. Linux; silent where nothing of that can be read."""
    governors = {
        _read(path)
        for path in sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"))
    }
    slow = sorted(governors - {"performance", ""})
    if slow:
        yield f"The power governor is {', '.join(slow)}: the clock changes while it is measured. Set it to performance."
    load = _read(root / "proc/loadavg").split(" ")[0]
    count = processors or os.cpu_count() or 1
    try:
        busy = float(load)
    except ValueError:
        return
    if busy > _BUSY * count:
        yield f"The machine is busy (load {busy:.1f} on {count} processors): what else runs is in the times, though evened out."


def machine(root: Path = _ROOT) -> dict[str, str]:
    """What the machine is, in words."""
    names = (
        line.partition(":")[2].strip()
        for line in _read(root / "proc/cpuinfo").splitlines()
        if line.startswith("model name")
    )
    found = {"processor": next(names, ""), "processors": str(os.cpu_count() or "")}
    return {key: value for key, value in found.items() if value}


def of_runs(
    inspections: Mapping[str, JITInspection | None], without_gain: frozenset[str]
) -> Iterator[str]:
    """The benchmarks in which the JIT made nothing, where it should have."""
    bare = [
        name
        for name, each in inspections.items()
        if each is not None and not each.compiled and name not in without_gain
    ]
    if bare:
        why = "a loop of Python code gets some after about 4000 rounds in one process"
        yield f"The JIT made no machine code in {', '.join(bare)}: {why}."


def of_tracers(facts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Who watched the code that was measured, and so kept the JIT out of it."""
    names = sorted(
        {
            tracer
            for each in facts.values()
            for tracer in each.get("tracers", ())
            if "monitoring" not in tracer
        }
    )
    if names:
        yield f"{' and '.join(names)} is set in what was measured: under it no code runs in the JIT."


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
