"""Count testimonies by mode: which Pythons ran, with the JIT on or off, and with machine code."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from jitbuild.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jitbuild.probing.verdict import Verdict
    from jitbuild.running.testimony import Testimony


@dataclass(frozen=True, kw_only=True, slots=True)
class InterpreterIdentity:
    """The facts that identify the processes of an interpreter, also in its virtual environments.

    `built` is a value of `--enable-experimental-jit=`: the interpreter behaves like a build with
    this value.
    """

    version: str
    base_prefix: str
    debug: bool
    free_threaded: bool
    built: str

    @classmethod
    def of(cls, verdict: Verdict) -> InterpreterIdentity:
        """Return the identity of a probed interpreter."""
        return cls(
            version=verdict.version,
            base_prefix=os.path.realpath(verdict.facts.base_prefix),
            debug=verdict.debug,
            free_threaded=verdict.free_threaded,
            built=verdict.built,
        )

    @property
    def has_jit(self) -> bool:
        """True if the JIT can be on: a free-threaded interpreter has none, however it was built."""
        return self.built != "no" and not self.free_threaded

    def matches(self, testimony: Testimony) -> bool:
        """Return True if a process of this interpreter wrote `testimony`."""
        start = testimony.start
        return (
            start.implementation == "cpython"
            and testimony.version == self.version
            and start.debug == self.debug
            and start.free_threaded == self.free_threaded
            and os.path.realpath(start.base_prefix) == self.base_prefix
        )

    def jit_enabled(self, testimony: Testimony) -> bool:
        """Return True if the JIT was on in the process that wrote `testimony`.

        The process must be one of this interpreter. If it did not report the state of `sys._jit`
        (because it is 3.13, or did not end by itself), PYTHON_JIT is interpreted as
        Python/pylifecycle.c does.
        """
        start, end = testimony.start, testimony.end
        if not self.has_jit:
            return False
        if end is not None and end.enabled is not None:
            return end.enabled
        return not start.switch.startswith("0") if start.switch else self.built != "yes-off"

    def is_in_mode(self, testimony: Testimony, mode: Mode) -> bool:
        """Return True if `mode` reached the process of this interpreter that wrote `testimony`."""
        if mode == "default":
            return True
        stressed = mode != "stress" or testimony.start.stress == "1"
        return stressed and self.jit_enabled(testimony) == (mode != "off")

    def has_compiled(self, testimony: Testimony) -> bool:
        """Return True if the JIT made machine code in the process that wrote `testimony`.

        Executors may have been discarded before the end, but the memory of their machine code is
        usually still mapped then. Mapped memory does not count if a tracer was set: 3.14 then makes
        machine code, but does not run it. A build that interprets micro-ops has no machine code;
        there, executors count instead.
        """
        end = testimony.end
        if end is None:
            return False
        if self.built == "interpreter":
            return bool(end.executors)
        mapped = end.mappings and not end.tracers and self.jit_enabled(testimony)
        return bool(end.machine_code or mapped)

    def is_unknown(self, testimony: Testimony) -> bool:
        """Return True if it is unknown whether the process that wrote `testimony` compiled code.

        If the interpreter has no JIT, its processes write no end, but compile nothing.
        """
        end = testimony.end
        if testimony.replaced or not self.has_jit or self.has_compiled(testimony):
            return False
        if end is None or end.machine_code is None:
            return True
        return self.built != "interpreter" and self.jit_enabled(testimony) and end.mappings is None

    def was_cut_off(self, testimony: Testimony) -> bool:
        """Return True if the process that wrote `testimony` did not end by itself.

        It was killed, crashed, or continued as a program that did not testify (exec). An
        interpreter without the JIT writes no end, so this is known only of others.
        """
        return self.has_jit and testimony.end is None and not testimony.replaced


class OtherPython(NamedTuple):
    """A Python other than the interpreter, and the number of its processes."""

    implementation: str
    version: str
    executable: str
    processes: int

    @property
    def title(self) -> str:
        """The Python as text, such as `3.11.7 (/usr/bin/python3.11)`."""
        name = "" if self.implementation == "cpython" else f"{self.implementation} "
        return f"{name}{self.version} ({self.executable or 'embedded'})"


class ModeTally(msgspec.Struct, frozen=True, kw_only=True):
    """The processes that testified in all runs of a mode.

    `processes` is the number of processes of the interpreter, whose version is `version`. The next
    five fields count some of these processes: the mode reached `in_mode` of them, `enabled` had the
    JIT on, and in `compiled` the JIT made machine code. In `unknown` of them, this is not known,
    mostly because they are among the `cut_off`, which did not end by themselves. `tracers` has the
    names of the tracers that were set in at least one of these processes. `unseen` has commands of
    Pythons that could not testify. `others` are the Pythons other than the interpreter. `left_out`
    is the number of testimonies that were not read, because there were too many; no other number
    includes them.
    """

    mode: Mode
    version: str
    processes: int
    in_mode: int
    enabled: int
    compiled: int
    unknown: int
    cut_off: int = 0
    tracers: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    others: tuple[OtherPython, ...] = ()
    left_out: int = 0

    @property
    def disabled(self) -> int:
        """The number of processes of the interpreter with the JIT off."""
        return self.processes - self.enabled

    @property
    def total(self) -> int:
        """The number of all Python processes that testified."""
        return self.processes + sum(other.processes for other in self.others)

    @property
    def sentence(self) -> str:
        """The tally as text: `mode on: 14 processes, all 3.15.2, JIT on; machine code in 9`."""
        more = "more than " if self.left_out else ""
        counted = f"{more}{self.total} process{'' if self.total == 1 else 'es'}"
        if not self.processes:
            names = ", ".join(other.title for other in self.others)
            return f"mode {self.mode}: {counted} of {names or 'Python'}"
        if self.others:
            counted = f"{counted}, {self.processes} of {self.version}"
        elif self.total > 1:
            counted = f"{counted}, all {self.version}"
        else:
            counted = f"{counted} of {self.version}"
        state = "JIT on" if self.enabled else "JIT off"
        if self.enabled and self.disabled:
            state = f"JIT on in {self.enabled}, off in {self.disabled}"
        code = f"; machine code in {self.compiled or 'none'}" if self.enabled else ""
        return f"mode {self.mode}: {counted}, {state}{code}"

    def to_json(self) -> dict[str, Any]:
        """Return the value of this mode under `witness` in the JSON reports."""
        return {
            "processes": self.processes,
            "in_mode": self.in_mode,
            "jit_on": self.enabled,
            "jit_off": self.disabled,
            "machine_code": self.compiled,
            "unknown": self.unknown,
            "cut_off": self.cut_off,
            "tracers": list(self.tracers),
            "unseen": list(self.unseen),
            "others": [other._asdict() for other in self.others],
            "left_out": self.left_out,
        }


def tally(mode: Mode, testimonies: Sequence[Testimony], identity: InterpreterIdentity) -> ModeTally:
    """Count the testimonies of a mode; `identity` is that of the interpreter."""
    own = [testimony for testimony in testimonies if identity.matches(testimony)]
    ended = [testimony.end for testimony in own if testimony.end is not None]
    return ModeTally(
        mode=mode,
        version=identity.version,
        processes=len(own),
        in_mode=sum(identity.is_in_mode(testimony, mode) for testimony in own),
        enabled=sum(map(identity.jit_enabled, own)),
        compiled=sum(map(identity.has_compiled, own)),
        unknown=sum(map(identity.is_unknown, own)),
        cut_off=sum(map(identity.was_cut_off, own)),
        tracers=tuple(sorted({tracer for end in ended for tracer in end.tracers})),
        unseen=tuple(dict.fromkeys(command for end in ended for command in end.unseen)),
        others=_count_others(
            testimony for testimony in testimonies if not identity.matches(testimony)
        ),
    )


def _count_others(testimonies: Iterable[Testimony]) -> tuple[OtherPython, ...]:
    counts = Counter(
        (testimony.start.implementation, testimony.version, testimony.executable)
        for testimony in testimonies
    )
    return tuple(OtherPython(*python, count) for python, count in sorted(counts.items()))
