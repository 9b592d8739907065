"""Count the executors of a code object, and the bytes of their machine code. PYTEST_DONT_REWRITE

This module runs in the interpreter under test and uses only the standard library and probe.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.in_target import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType


class ExecutorLookup(NamedTuple):
    """The function and the opcode with which executors are looked up.

    `get_executor` is None if this CPython has no tier 2. `opcode` is the opcode of ENTER_EXECUTOR,
    the instruction at which an executor begins. If `opcode` is None, an executor is looked up at
    every even offset, which takes a hundred times as long.
    """

    get_executor: Callable[[CodeType, int], Any] | None
    opcode: int | None = None


class ExecutorCount(NamedTuple):
    """The number of executors of a code object, and the bytes of their machine code.

    Executors without machine code consist of micro-ops that are interpreted.
    """

    executors: int = 0
    machine_code_bytes: int = 0

    def maximum(self, other: ExecutorCount) -> ExecutorCount:
        """Return the larger number of executors, and the larger number of bytes."""
        return ExecutorCount(*map(max, self, other))


def executor_lookup() -> ExecutorLookup:
    """Return the executor lookup for this interpreter."""
    get_executor = probe.executor_getter()
    if get_executor is None:
        return ExecutorLookup(None)
    try:
        get_executor(executor_lookup.__code__, 0)
    except RuntimeError:
        return ExecutorLookup(None)
    except ValueError:  # this build has tier 2, but no executor at this offset
        pass
    import opcode

    return ExecutorLookup(get_executor, opcode.opmap.get("ENTER_EXECUTOR"))


def count_executors(code: CodeType, lookup: ExecutorLookup) -> ExecutorCount:
    """Count the valid executors that `code` has now, and the bytes of their machine code."""
    assert lookup.get_executor is not None
    count = size = 0
    for offset in _offsets(code, lookup.opcode):
        try:
            executor = lookup.get_executor(code, offset)
        except ValueError:  # the offset is in an inline cache, or there is no executor
            continue
        if executor.is_valid():
            count += 1
            size += _machine_code_bytes(executor)
    return ExecutorCount(count, size)


def _offsets(code: CodeType, opcode: int | None) -> Iterable[int]:
    """Return the even offsets at which there can be an executor."""
    raw: bytes | None = getattr(code, "_co_code_adaptive", None)
    if opcode is None or raw is None:
        return range(0, len(code.co_code), 2)
    opcodes = raw[::2]
    # This search is fast, because it is in C. It suffices for nearly all code objects, which have
    # no executor.
    if opcode not in opcodes:
        return ()
    return [2 * index for index, value in enumerate(opcodes) if value == opcode]


def _machine_code_bytes(executor: Any) -> int:
    try:
        return len(executor.get_jit_code() or b"")
    except RuntimeError:  # a build that interprets micro-ops
        return 0
