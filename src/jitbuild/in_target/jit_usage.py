"""What the JIT made of some packages' code, as the process that runs it sees it. PYTEST_DONT_REWRITE

pytest_plugin.py imports this when it is asked for something, in the interpreter under test: so it needs the standard library
and _probe_target.py alone.

Which code there is, is asked of the garbage collector: it knows every function, whatever it is wrapped or stored in, and the
code of a nested function is among the constants of the one around it. Code that runs only while a module is imported is
not found, and code that no file holds (`exec`) is left out.

An executor can vanish again: when it is not used for long, or when anything sets a tracer. So whoever wants to know what was
ever made samples often, and the samples are united.
"""

from __future__ import annotations

import gc
import os
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.in_target import probe as _probe_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Under these no iteration of a loop runs in the JIT, and what was compiled is thrown away.
_TRACERS = ("sys.settrace", "sys.setprofile")
# The bit of _Py_TIER2 that configure sets for yes-off.
_OFF_BY_DEFAULT = 2
TESTS = "test modules"


class Tier2(NamedTuple):
    """How executors are looked up.

    `get_executor` is None where CPython has no tier 2. `opcode` is that of ENTER_EXECUTOR, which stands in the code wherever
    an executor does; None asks at every even offset, which takes a hundred times as long.
    """

    get_executor: Callable[[CodeType, int], Any] | None
    opcode: int | None = None


class JitFacts(NamedTuple):
    """The interpreter, as far as it can tell about itself.

    `built` is how its JIT was configured: no, yes, yes-off, interpreter, or `available` where nothing recorded it (Windows).
    `enabled` is whether the JIT is on; a free-threaded build never runs one, whatever `sys._jit` says.
    """

    version: str
    implementation: str
    executable: str
    free_threaded: bool
    debug: bool
    built: str
    enabled: bool
    switch: str | None
    switch_ignored: bool

    def sentence(self) -> str:
        """`CPython 3.15.2, JIT yes-off, PYTHON_JIT=1: on`."""
        kind = ", free-threaded" * self.free_threaded + ", debug build" * self.debug
        name = "CPython" if self.implementation == "cpython" else self.implementation
        switch = "PYTHON_JIT is not set" if self.switch is None else f"PYTHON_JIT={self.switch}"
        ignored = " (ignored: -E or -I)" if self.switch_ignored and self.switch is not None else ""
        return f"{name} {self.version}{kind}, JIT {self.built}, {switch}{ignored}: {'on' if self.enabled else 'off'}"

    def why_off(self) -> str:
        """Why the JIT is off, and what to do about it; empty when it is on."""
        if self.enabled:
            return ""
        if self.free_threaded:
            return "a free-threaded CPython never runs a JIT; use a build with the GIL"
        if self.built == "no":
            return "the JIT was not compiled into this Python; `jitbuild install` provides one that has it"
        if self.switch_ignored:
            return "-E or -I has Python ignore PYTHON_JIT; start it without"
        return "the JIT is switched off; set PYTHON_JIT=1"


class Place(NamedTuple):
    """A code object, by what stays the same in another process: `group` is its package, or TESTS."""

    group: str
    module: str
    qualname: str
    file: str
    line: int


class Made(NamedTuple):
    """What was seen in a code object at one time at most; an executor without machine code is one of micro-ops."""

    executors: int = 0
    machine_code_bytes: int = 0


class Measurement(NamedTuple):
    """All code objects with what was ever seen in them, and the tracers that were ever seen."""

    facts: JitFacts
    tracers: tuple[str, ...]
    code: dict[Place, Made]

    def to_plain(self) -> dict[str, Any]:
        """Nothing but lists, dicts and plain values, which JSON and execnet can carry."""
        return {
            "python": self.facts._asdict(),
            "tracers": list(self.tracers),
            "code": [[*place, *made] for place, made in self.code.items()],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Measurement:
        code = {Place(*row[:5]): Made(*row[5:]) for row in plain["code"]}
        return cls(JitFacts(**plain["python"]), tuple(plain["tracers"]), code)


def unite(measurements: Iterable[Measurement]) -> Measurement:
    """Of several processes (one at least): what any has seen."""
    first, *others = measurements
    code = dict(first.code)
    for other in others:
        for place, made in other.code.items():
            code[place] = _most(code.get(place, Made()), made)
    tracers = sorted({tracer for one in (first, *others) for tracer in one.tracers})
    # The first process with the JIT on stands for all, so that one with the JIT on is never overlooked.
    facts = next((one.facts for one in (first, *others) if one.facts.enabled), first.facts)
    return Measurement(facts, tuple(tracers), code)


def stoppers(tracers: Iterable[str]) -> list[str]:
    """Those of the tracers that turn the JIT off."""
    return [tracer for tracer in tracers if tracer in _TRACERS]


def tier2() -> Tier2:
    """This interpreter's own."""
    get_executor = _probe_target.executor_getter()
    if get_executor is None:
        return Tier2(None)
    try:
        get_executor(tier2.__code__, 0)
    except RuntimeError:
        return Tier2(None)
    except ValueError:  # no executor there, so there could be one
        pass
    import opcode

    return Tier2(get_executor, opcode.opmap.get("ENTER_EXECUTOR"))


def facts(found: Tier2) -> JitFacts:
    """What this interpreter is."""
    about = _probe_target.identity()
    built = "no" if found.get_executor is None else _built()
    switch = os.environ.get("PYTHON_JIT")
    ignored = bool(sys.flags.ignore_environment)
    enabled = (
        built != "no"
        and not about["free_threaded"]
        and _enabled(built, None if ignored else switch)
    )
    return JitFacts(
        version=about["version"],
        implementation=about["implementation"],
        executable=about["executable"],
        free_threaded=about["free_threaded"],
        debug=about["debug"],
        built=built,
        enabled=enabled,
        switch=switch,
        switch_ignored=ignored,
    )


def _built() -> str:
    flags = _probe_target.build_flags()
    if not isinstance(flags, list):
        return "available"
    values = [flag.rpartition("=")[2] for flag in flags if flag.startswith("-D_Py_TIER2=")]
    if "-D_Py_JIT" not in flags:
        return "interpreter"
    off = bool(values) and values[-1].isdecimal() and int(values[-1]) & _OFF_BY_DEFAULT
    return "yes-off" if off else "yes"


def _enabled(built: str, switch: str | None) -> bool:
    """As sys._jit says; on 3.13, which has none, as CPython reads its variable (Python/pylifecycle.c)."""
    jit = getattr(sys, "_jit", None)
    if jit is not None:
        return bool(jit.is_enabled())
    return not switch.startswith("0") if switch else built != "yes-off"


class Meter:
    """Samples the code of some packages and of some test modules, for as long as it is kept.

    `packages` are module names, `a` or `a.b`; all that lies in them counts. A module in `tests` counts as a test module,
    wherever it lies.
    """

    def __init__(self, packages: Iterable[str], tests: Iterable[str] = (), *, found: Tier2) -> None:
        self._packages = sorted(packages, key=len, reverse=True)
        self._tests = frozenset(tests)
        self._found = found
        self._groups: dict[object, str | None] = {}
        self._alive: list[tuple[Place, CodeType]] = []
        self._code: dict[Place, Made] = {}
        self._tracers: set[str] = set()

    def walk(self) -> None:
        """Look for code that has come since, and forget that which has gone; a tenth of a second in a big process."""
        alive: dict[int, tuple[Place, CodeType]] = {}
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                module = thing.__globals__.get("__name__")
                group = self._group(module)
                if group is not None and id(thing.__code__) not in alive:
                    alive |= {
                        id(code): (_place(group, module, code), code)
                        for code in _nested(thing.__code__)
                    }
        self._alive = list(alive.values())
        for place, _ in self._alive:
            self._code.setdefault(place, Made())

    def sample(self) -> None:
        """See who traces, and what stands in the code that the last walk found.

        Under a tracer nothing counts: 3.14 then makes executors too, and runs no iteration in them. None of them outlives the
        tracer, nor do those from before survive it.
        """
        tracers = _probe_target.tracers()
        self._tracers.update(tracers)
        if self._found.get_executor is None or stoppers(tracers):
            return
        for place, code in self._alive:
            made = executors(code, self._found)
            if made.executors:
                self._code[place] = _most(self._code[place], made)

    def measurement(self) -> Measurement:
        """What was seen until now."""
        return Measurement(facts(self._found), tuple(sorted(self._tracers)), dict(self._code))

    def _group(self, module: object) -> str | None:
        """The group of a module of this name, None for one that does not count."""
        if not isinstance(module, str):
            return None
        if module not in self._groups:
            inside = (
                name for name in self._packages if module == name or module.startswith(f"{name}.")
            )
            self._groups[module] = TESTS if module in self._tests else next(inside, None)
        return self._groups[module]


def executors(code: CodeType, found: Tier2) -> Made:
    """The valid executors that stand in `code` now, and their machine code."""
    assert found.get_executor is not None
    count = size = 0
    for offset in _offsets(code, found.opcode):
        try:
            executor = found.get_executor(code, offset)
        except ValueError:  # a cache's data, or nothing
            continue
        if executor.is_valid():
            count += 1
            size += _size(executor)
    return Made(count, size)


def _offsets(code: CodeType, opcode: int | None) -> Iterable[int]:
    """The even offsets at which an executor may stand."""
    raw: bytes | None = getattr(code, "_co_code_adaptive", None)
    if opcode is None or raw is None:
        return range(0, len(code.co_code), 2)
    opcodes = raw[::2]
    # Nearly all code has none, and this search is in C.
    if opcode not in opcodes:
        return ()
    return [2 * index for index, value in enumerate(opcodes) if value == opcode]


def _size(executor: Any) -> int:
    try:
        return len(executor.get_jit_code() or b"")
    except RuntimeError:  # a build that interprets micro-ops
        return 0


def _nested(code: CodeType) -> Iterator[CodeType]:
    """`code` and what is defined in it, where a file holds it."""
    if not code.co_filename.startswith("<"):
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from _nested(constant)


def _place(group: str, module: object, code: CodeType) -> Place:
    return Place(group, str(module), code.co_qualname, code.co_filename, code.co_firstlineno)


def _most(one: Made, other: Made) -> Made:
    return Made(
        max(one.executors, other.executors), max(one.machine_code_bytes, other.machine_code_bytes)
    )
