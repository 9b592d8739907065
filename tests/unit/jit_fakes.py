"""Fake executors, interpreters and measurements for the tests of the pytest plugin."""

from __future__ import annotations

from types import CodeType

from jitbuild.in_target.executors import ExecutorCount, ExecutorLookup
from jitbuild.in_target.jit_facts import JitFacts
from jitbuild.in_target.jit_usage import CodePlace, Measurement

ON = JitFacts(
    "3.15.2",
    "cpython",
    "/python",
    free_threaded=False,
    debug=False,
    built="yes-off",
    enabled=True,
    switch="1",
    switch_ignored=False,
)
OFF = ON._replace(enabled=False, switch="0")
NO_JIT = ON._replace(enabled=False, built="no")
SETTRACE = ("sys.settrace",)


class Executor:
    def __init__(self, size: int | None = 4096, valid: bool = True) -> None:
        self.size, self.valid = size, valid

    def is_valid(self) -> bool:
        return self.valid

    def get_jit_code(self) -> bytes | None:
        if self.size is None:
            raise RuntimeError("JIT support not enabled")
        return bytes(self.size) or None


def compiled(**names: Executor) -> ExecutorLookup:
    """A tier 2 that has these executors, by the name of the function that each stands in."""

    def get_executor(code: CodeType, offset: int) -> Executor:
        if offset != 4 or code.co_name not in names:
            raise ValueError("no executor at given byte offset")
        return names[code.co_name]

    return ExecutorLookup(get_executor)


def measurement(facts: JitFacts = ON, tracers: tuple[str, ...] = (), **sizes: int) -> Measurement:
    """A measurement of `pkg`, whose functions have so many bytes of machine code."""
    places = {
        CodePlace("pkg", "pkg", name, "/pkg.py", 1): ExecutorCount(size > 0, size)
        for name, size in sizes.items()
    }
    return Measurement(facts, tracers, places)
