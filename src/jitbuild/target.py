"""The machine a build is for, and the only module that looks at the machine we are on."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from jitbuild.errors import UsageError

System = Literal["linux", "macos", "windows"]
Arch = Literal["x86_64", "aarch64"]

_ARCHES: dict[str, Arch] = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "x64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
}
_SYSTEMS: dict[str, System] = {
    "linux": "linux",
    "darwin": "macos",
    "macos": "macos",
    "win32": "windows",
    "win": "windows",
    "windows": "windows",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A system and an architecture that CPython's JIT knows (PEP 744; configure.ac, Tools/jit/_targets.py)."""

    system: System
    arch: Arch

    @property
    def name(self) -> str:
        return f"{self.arch}-{self.system}{'-gnu' if self.system == 'linux' else ''}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What we know of the machine we are on.

    `libc` is its name and version (`glibc 2.36`, `musl`), empty where there is only one; `distro` the `ID` and `ID_LIKE` of
    os-release(5), nearest first; `cpus` how many this process may use, `kernel` the name and release of the system's.
    """

    target: Target
    libc: str
    distro: tuple[str, ...]
    distro_name: str
    cpus: int
    kernel: str = ""


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(system="linux", arch="x86_64"),
        Target(system="linux", arch="aarch64"),
        Target(system="macos", arch="aarch64"),
        Target(system="macos", arch="x86_64"),
        Target(system="windows", arch="x86_64"),
        Target(system="windows", arch="aarch64"),
    )
}


def parse(text: str) -> Target:
    """The target called `text`: its name, or a system and an architecture in either order (`macos-arm64`, `x64-windows`).

    Raises UsageError with the closest names for anything else.
    """
    words = (
        text.strip()
        .lower()
        .replace("_", "-")
        .replace("x86-64", "x86_64")
        .replace("-unknown-", "-")
        .split("-")
    )
    systems = [_SYSTEMS[word] for word in words if word in _SYSTEMS]
    arches = [_ARCHES[word] for word in words if word in _ARCHES]
    known = set(words) <= {*_SYSTEMS, *_ARCHES, "gnu", "apple", "pc", "msvc"}
    if known and len(systems) == 1 and len(arches) == 1:
        return Target(system=systems[0], arch=arches[0])
    near = get_close_matches(text.lower(), TARGETS, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{text!r} is not a platform that jitbuild knows.",
        remedy=f"{hint}The platforms are: {', '.join(TARGETS)}.",
    )


@functools.cache
def host() -> Host:
    """This machine. Raises UsageError where CPython's JIT has no target for it."""
    system = _SYSTEMS.get(sys.platform)
    arch = _ARCHES.get(platform.machine().lower())
    if system is None or arch is None:
        raise UsageError(
            f"This machine ({sys.platform}, {platform.machine()}) is none that CPython's JIT can be built for.",
            remedy=f"The platforms are: {', '.join(TARGETS)}. Plans can be made anywhere: jitbuild plan SPEC --platform T.",
        )
    release = _os_release() if system == "linux" else {}
    return Host(
        target=Target(system=system, arch=arch),
        libc=_libc() if system == "linux" else "",
        distro=tuple(f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()),
        distro_name=release.get(
            "PRETTY_NAME", {"macos": "macOS", "windows": "Windows"}.get(system, "Linux")
        ),
        cpus=_cpus(),
        kernel=f"{platform.system()} {platform.release()}",
    )


def _libc() -> str:
    with contextlib.suppress(ValueError, OSError):
        if found := os.confstr("CS_GNU_LIBC_VERSION"):
            return found
    return "musl" if any(Path("/lib").glob("ld-musl-*")) else "unknown"


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
