"""Describe targets and the host. Only this module reads facts about the current machine."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jitbuild.errors import UsageError
from jitbuild.system.cpus import usable_cpus
from jitbuild.system.suggestions import did_you_mean

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
# The parts of a target triple that are neither a system nor an architecture.
_VENDORS_AND_LIBCS = frozenset({"gnu", "apple", "pc", "msvc"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A system and an architecture for which CPython has a JIT.

    Sources: PEP 744; configure.ac and Tools/jit/_targets.py in CPython.
    """

    system: System
    arch: Arch

    @property
    def name(self) -> str:
        """The target's name, such as `x86_64-linux-gnu` or `aarch64-macos`."""
        return f"{self.arch}-{self.system}{'-gnu' if self.system == 'linux' else ''}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """Facts about the current machine.

    `libc` is the C library with its version (`glibc 2.36`, `musl`); it is empty on macOS and
    Windows. `distro` lists the distribution's `ID`, followed by the related distributions in
    `ID_LIKE` (os-release(5)). `distro_name` is the name of the distribution for messages. `cpus` is
    the number of processors that this process may use (`jitbuild.system.cpus`). `kernel` is the
    name and the release of the kernel. `root` is True if this process runs as root.
    """

    target: Target
    libc: str
    distro: tuple[str, ...]
    distro_name: str
    cpus: int
    kernel: str = ""
    root: bool = False


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
    """Return the target named `text`.

    `text` is a system and an architecture, in either order (`macos-arm64`, `x64-windows`), or a
    target triple. For any other text, raises UsageError, which suggests the most similar name.
    """
    normalized = text.strip().lower().replace("_", "-")
    parts = normalized.replace("x86-64", "x86_64").replace("-unknown-", "-").split("-")
    systems = [_SYSTEMS[part] for part in parts if part in _SYSTEMS]
    arches = [_ARCHES[part] for part in parts if part in _ARCHES]
    known = set(parts) <= {*_SYSTEMS, *_ARCHES, *_VENDORS_AND_LIBCS}
    if known and len(systems) == 1 and len(arches) == 1:
        return Target(system=systems[0], arch=arches[0])
    raise UsageError(
        f"{text!r} is not a platform that jitbuild knows.",
        remedy=f"{did_you_mean(text.lower(), TARGETS)}Choose from: {', '.join(TARGETS)}.",
    )


@functools.cache
def host() -> Host:
    """Return the facts about this machine, which are determined only once.

    Raises UsageError if CPython's JIT does not support this machine.
    """
    system = _SYSTEMS.get(sys.platform)
    arch = _ARCHES.get(platform.machine().lower())
    if system is None or arch is None:
        raise UsageError(
            f"CPython's JIT does not support this machine ({sys.platform}, {platform.machine()}).",
            remedy=f"The supported platforms are: {', '.join(TARGETS)}."
            " Plans can be made on any machine: jitbuild plan SPEC --platform PLATFORM.",
        )
    release = _os_release() if system == "linux" else {}
    default_name = {"macos": "macOS", "windows": "Windows"}.get(system, "Linux")
    return Host(
        target=Target(system=system, arch=arch),
        libc=_libc() if system == "linux" else "",
        distro=tuple(f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()),
        distro_name=release.get("PRETTY_NAME", default_name),
        cpus=usable_cpus(),
        kernel=f"{platform.system()} {platform.release()}",
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
    )


def _libc() -> str:
    with contextlib.suppress(ValueError, OSError):
        if version := os.confstr("CS_GNU_LIBC_VERSION"):
            return version
    return "musl" if any(Path("/lib").glob("ld-musl-*")) else "unknown"


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
