"""Measure the code of given packages that the JIT compiled in this process. PYTEST_DONT_REWRITE

This module runs in the interpreter under test. It uses only the standard library and other modules
of this folder.

The garbage collector knows every function, including functions that are wrapped or stored in other
objects. The code object of a nested function is among the constants of the enclosing code object.
Code that runs only while a module is imported belongs to no function, so it is not found. Code
without a file (`exec`) is left out.

An executor disappears if it is not used for a long time, or if a tracer is set. The code objects
are therefore sampled often, and the samples are merged.
"""

from __future__ import annotations

import gc
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.in_target import probe
from jitbuild.in_target.executors import ExecutorCount, count_executors
from jitbuild.in_target.jit_facts import JitFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jitbuild.in_target.executors import ExecutorLookup

# While one of these is set, no iteration of a loop runs in the JIT, and CPython discards executors.
_STOPPING_TRACERS = ("sys.settrace", "sys.setprofile")
TESTS = "test modules"


class CodePlace(NamedTuple):
    """The identity of a code object, which is the same in all processes.

    `group` is the package under test that contains the code, or TESTS.
    """

    group: str
    module: str
    qualname: str
    file: str
    line: int


class Measurement(NamedTuple):
    """All code objects with the largest counts seen in any sample, and all tracers ever seen."""

    facts: JitFacts
    tracers: tuple[str, ...]
    code: dict[CodePlace, ExecutorCount]

    def to_plain(self) -> dict[str, Any]:
        """Return lists, dicts and plain values, which JSON and execnet can carry."""
        return {
            "python": self.facts._asdict(),
            "tracers": list(self.tracers),
            "code": [[*place, *count] for place, count in self.code.items()],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Measurement:
        """Return the measurement that `to_plain` returned as `plain`."""
        code = {CodePlace(*row[:5]): ExecutorCount(*row[5:]) for row in plain["code"]}
        return cls(JitFacts(**plain["python"]), tuple(plain["tracers"]), code)


def merge(measurements: Iterable[Measurement]) -> Measurement:
    """Merge the measurements of one or more processes into one."""
    first, *others = measurements
    code = dict(first.code)
    for other in others:
        for place, count in other.code.items():
            code[place] = count.maximum(code.get(place, ExecutorCount()))
    tracers = {tracer for measurement in (first, *others) for tracer in measurement.tracers}
    # Prefer the facts of a process with the JIT on, so that such a process is not overlooked.
    facts = [measurement.facts for measurement in (first, *others)]
    preferred = max(facts, key=lambda process: process.enabled)
    return Measurement(preferred, tuple(sorted(tracers)), code)


def stopping_tracers(tracers: Iterable[str]) -> list[str]:
    """Return only the tracers that turn the JIT off."""
    return [tracer for tracer in tracers if tracer in _STOPPING_TRACERS]


class UsageMeter:
    """Samples the code of packages and test modules, and keeps the largest counts.

    `packages` are module names such as `a` or `a.b`; each includes all modules below it. A module
    in `tests` belongs to the group TESTS, even if it is in one of the packages.
    """

    def __init__(
        self,
        packages: Iterable[str],
        tests: Iterable[str] = (),
        *,
        facts: JitFacts,
        lookup: ExecutorLookup,
    ) -> None:
        self._packages = sorted(packages, key=len, reverse=True)
        self._tests = frozenset(tests)
        self._facts = facts
        self._lookup = lookup
        self._groups: dict[object, str | None] = {}
        self._alive: list[tuple[CodePlace, CodeType]] = []
        self._code: dict[CodePlace, ExecutorCount] = {}
        self._tracers: set[str] = set()
        self._changed: dict[CodePlace, None] = {}

    def walk(self) -> None:
        """Find the code objects that exist now. This takes a tenth of a second in a big process."""
        alive: dict[int, tuple[CodePlace, CodeType]] = {}
        for candidate in gc.get_objects():
            if type(candidate) is FunctionType:
                module = candidate.__globals__.get("__name__")
                group = self._group(module)
                if group is not None and id(candidate.__code__) not in alive:
                    alive |= {
                        id(code): (_place(group, module, code), code)
                        for code in _with_nested(candidate.__code__)
                    }
        self._alive = list(alive.values())
        for place, _ in self._alive:
            if place not in self._code:
                self._code[place] = ExecutorCount()
                self._changed[place] = None

    def sample(self) -> None:
        """Record the tracers, and the executors in the code that the last walk found.

        While a tracer that turns the JIT off is set, executors are not counted: 3.14 still creates
        executors in that time, but never runs them. CPython discards the earlier executors when the
        tracer is set, and these further executors when the tracer is removed.
        """
        tracers = probe.tracers()
        self._tracers.update(tracers)
        if self._lookup.get_executor is None or stopping_tracers(tracers):
            return
        for place, code in self._alive:
            count = count_executors(code, self._lookup)
            if count.executors and count.maximum(self._code[place]) != self._code[place]:
                self._code[place] = count.maximum(self._code[place])
                self._changed[place] = None

    def measurement(self) -> Measurement:
        """Return the merged measurement of all samples until now."""
        return Measurement(self._facts, tuple(sorted(self._tracers)), dict(self._code))

    def changes(self) -> Measurement:
        """Return the measurement of the code whose counts have changed since the last call."""
        code = {place: self._code[place] for place in self._changed}
        self._changed.clear()
        return Measurement(self._facts, tuple(sorted(self._tracers)), code)

    def _group(self, module: object) -> str | None:
        """Return the group of the module with this name, or None if it belongs to none."""
        if not isinstance(module, str):
            return None
        if module not in self._groups:
            packages = (
                name for name in self._packages if module == name or module.startswith(f"{name}.")
            )
            self._groups[module] = TESTS if module in self._tests else next(packages, None)
        return self._groups[module]


def _with_nested(code: CodeType) -> Iterator[CodeType]:
    """Yield `code` and the code objects nested in it; nothing if it does not come from a file."""
    if not code.co_filename.startswith("<"):
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from _with_nested(constant)


def _place(group: str, module: object, code: CodeType) -> CodePlace:
    return CodePlace(group, str(module), code.co_qualname, code.co_filename, code.co_firstlineno)
