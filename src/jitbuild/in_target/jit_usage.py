"""Measure what the JIT compiled of some packages in the running process. PYTEST_DONT_REWRITE

It runs in the interpreter under test and uses only the standard library and its neighbours here.

The garbage collector knows every function, whatever wraps or holds it, and the code of a nested
function is among the constants of the enclosing code. Code that runs only while a module is
imported is not found, and code without a file (`exec`) is left out.

An executor can vanish again: when it is not used for long, or when a tracer is set. So the code is
sampled often, and the samples are merged.
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

# Under these no iteration of a loop runs in the JIT, and compiled code is thrown away.
_STOPPING_TRACERS = ("sys.settrace", "sys.setprofile")
TESTS = "test modules"


class CodePlace(NamedTuple):
    """A code object, by facts that are the same in other processes.

    `group` is its package, or TESTS.
    """

    group: str
    module: str
    qualname: str
    file: str
    line: int


class Measurement(NamedTuple):
    """All code objects with the most that was ever seen in each, and all tracers ever seen."""

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
    # The facts of a process with the JIT on are preferred, so that none is overlooked.
    facts = [measurement.facts for measurement in (first, *others)]
    preferred = max(facts, key=lambda process: process.enabled)
    return Measurement(preferred, tuple(sorted(tracers)), code)


def stopping_tracers(tracers: Iterable[str]) -> list[str]:
    """Return those of the tracers that turn the JIT off."""
    return [tracer for tracer in tracers if tracer in _STOPPING_TRACERS]


class UsageMeter:
    """Samples the code of some packages and test modules, and keeps the most that it saw.

    `packages` are module names, `a` or `a.b`, which include all modules below them. A module in
    `tests` counts as a test module, even if it is in a package.
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

    def walk(self) -> None:
        """Find the code that exists now; it takes a tenth of a second in a big process."""
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
            self._code.setdefault(place, ExecutorCount())

    def sample(self) -> None:
        """Look at the tracers, and at the executors in the code that the last walk found.

        Executors do not count while a tracer is set: 3.14 makes some then, but runs no iteration in
        them. They do not outlive the tracer, and earlier ones do not survive it.
        """
        tracers = probe.tracers()
        self._tracers.update(tracers)
        if self._lookup.get_executor is None or stopping_tracers(tracers):
            return
        for place, code in self._alive:
            count = count_executors(code, self._lookup)
            if count.executors:
                self._code[place] = count.maximum(self._code[place])

    def measurement(self) -> Measurement:
        """Return what was seen until now."""
        return Measurement(self._facts, tuple(sorted(self._tracers)), dict(self._code))

    def _group(self, module: object) -> str | None:
        """Return the group of the module of this name, None if it does not count."""
        if not isinstance(module, str):
            return None
        if module not in self._groups:
            packages = (
                name for name in self._packages if module == name or module.startswith(f"{name}.")
            )
            self._groups[module] = TESTS if module in self._tests else next(packages, None)
        return self._groups[module]


def _with_nested(code: CodeType) -> Iterator[CodeType]:
    """Yield `code` and the code objects defined in it, if it comes from a file."""
    if not code.co_filename.startswith("<"):
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from _with_nested(constant)


def _place(group: str, module: object, code: CodeType) -> CodePlace:
    return CodePlace(group, str(module), code.co_qualname, code.co_filename, code.co_firstlineno)
