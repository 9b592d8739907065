"""Facts that runs of the probe report about an interpreter, and what follows from one run alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Built: TypeAlias = Literal["no", "yes", "yes-off", "interpreter"]
Expect: TypeAlias = Literal["jit", "yes", "yes-off", "interpreter", "no"]
Switch: TypeAlias = Literal["default", "0", "1"]

FIRST_WITH_JIT = (3, 13)
_OFF_BY_DEFAULT = 2  # a bit of _Py_TIER2 (CPython, Python/pylifecycle.c)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeFacts:
    """The facts of one run of in_target/probe.py, whose docstrings name the source of each.

    None means that the interpreter cannot know: `sys._jit` came with 3.14, and Windows records no
    build flags. `missing` is None unless the modules were requested.
    """

    version: str
    full_version: str
    implementation: str
    executable: str
    prefix: str
    base_prefix: str
    free_threaded: bool
    debug: bool
    platform: str
    multiarch: str
    ignores_environment: bool
    build_flags: tuple[str, ...] | None
    tracers: tuple[str, ...]
    jit_available: bool | None
    jit_enabled: bool | None
    active_iterations: int | None
    tier2: bool
    executors: int
    machine_code_bytes: int
    interpreted: bool
    missing: tuple[str, ...] | None

    @property
    def release(self) -> tuple[int, int]:
        """The series as numbers: `(3, 15)`."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def series(self) -> str:
        """The series as a request for it: `3.15`."""
        return "{}.{}".format(*self.release)

    @property
    def enabled(self) -> bool:
        """True if tier 2 was on in this run; without `sys._jit`, an executor is the only sign."""
        return self.executors > 0 if self.jit_enabled is None else self.jit_enabled

    @property
    def available(self) -> bool:
        """True if tier 2 was compiled in: the JIT or the micro-op interpreter."""
        return self.tier2 if self.jit_available is None else self.jit_available

    @property
    def active(self) -> bool:
        """True if a hot loop ran in tier 2; on 3.13 an executor in the loop's code is the sign."""
        return self.executors > 0 if self.active_iterations is None else self.active_iterations > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeRuns:
    """The facts of three runs: PYTHON_JIT=0, unset and 1.

    Each of `failures` says why the facts of a run are missing.
    """

    off: ProbeFacts
    default: ProbeFacts | None
    on: ProbeFacts | None
    failures: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ProbeFacts]:
        return (facts for facts in (self.off, self.default, self.on) if facts is not None)

    @property
    def machine_code_bytes(self) -> int:
        """The bytes of machine code with PYTHON_JIT=1."""
        return _machine_code_bytes(self.on)

    @property
    def built(self) -> Built:
        """The `--enable-experimental-jit=` option that the interpreter behaves like.

        What its loops became decides; without machine code the build flags do, and without those
        it counts as a JIT that is yet to be proven.
        """
        if _machine_code_bytes(self.default):
            return "yes"
        if self.machine_code_bytes:
            return "yes-off"
        if any(facts.interpreted for facts in self):
            return "interpreter"
        if not any(facts.tier2 for facts in self):
            return "no"
        if self.off.build_flags is not None:
            return _built_by_flags(self.off.build_flags)
        return "yes" if self.default is not None and self.default.enabled else "yes-off"


def _machine_code_bytes(facts: ProbeFacts | None) -> int:
    return 0 if facts is None else facts.machine_code_bytes


def _built_by_flags(flags: tuple[str, ...]) -> Built:
    """Return the option that made configure set these flags (CPython, configure.ac)."""
    name = "-D_Py_TIER2="
    values = [flag.removeprefix(name) for flag in flags if flag.startswith(name)]
    if not values:
        return "no"
    if "-D_Py_JIT" not in flags:
        return "interpreter"
    return "yes-off" if values[-1].isdecimal() and int(values[-1]) & _OFF_BY_DEFAULT else "yes"
