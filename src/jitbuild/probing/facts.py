"""The facts that runs of the probe report about an interpreter, and conclusions from them."""

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
    """The facts that one run of in_target/probe.py reported.

    The docstrings of probe.py name the source of each fact. A fact is None if the interpreter does
    not provide it: `sys._jit` exists since 3.14, and Windows has no build flags. `missing` is None
    unless the check for missing modules was requested. `executable_memory` is False if the machine
    denies the execution of memory that was written.
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
    executable_memory: bool | None = None

    @property
    def release(self) -> tuple[int, int]:
        """The series as two numbers, such as `(3, 15)`."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def series(self) -> str:
        """The series in the form of a request, such as `3.15`."""
        return "{}.{}".format(*self.release)

    @property
    def enabled(self) -> bool:
        """True if tier 2 was on in this run. Without `sys._jit`, executors are the only sign."""
        return self.executors > 0 if self.jit_enabled is None else self.jit_enabled

    @property
    def available(self) -> bool:
        """True if tier 2 was compiled in: the JIT or the micro-op interpreter."""
        return self.tier2 if self.jit_available is None else self.jit_available

    @property
    def active(self) -> bool:
        """True if a hot loop ran in tier 2. In 3.13, the sign is an executor in the loop's code."""
        return self.executors > 0 if self.active_iterations is None else self.active_iterations > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeRuns:
    """The facts of three runs: with PYTHON_JIT=0, with PYTHON_JIT unset, and with PYTHON_JIT=1.

    If a run failed, its facts are None, and `failures` contains a sentence with the reason.
    """

    off: ProbeFacts
    default: ProbeFacts | None
    on: ProbeFacts | None
    failures: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ProbeFacts]:
        return (facts for facts in (self.off, self.default, self.on) if facts is not None)

    @property
    def machine_code_bytes(self) -> int:
        """The size of the machine code in the run with PYTHON_JIT=1, in bytes."""
        return _machine_code_bytes(self.on)

    @property
    def built(self) -> Built:
        """The value of `--enable-experimental-jit=` that explains the interpreter's behaviour.

        It is derived from the code that the hot loops were compiled to. If tier 2 exists but
        compiled nothing, it is derived from the build flags. If these are unknown too, a JIT is
        assumed. This is safe: since nothing was compiled, the checks of the JIT then fail.
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
    """Return the value of `--enable-experimental-jit=` for which configure sets `flags`.

    Source: configure.ac in CPython.
    """
    name = "-D_Py_TIER2="
    values = [flag.removeprefix(name) for flag in flags if flag.startswith(name)]
    if not values:
        return "no"
    if "-D_Py_JIT" not in flags:
        return "interpreter"
    return "yes-off" if values[-1].isdecimal() and int(values[-1]) & _OFF_BY_DEFAULT else "yes"
