"""Count the executors of this process, and the memory of their machine code.

The host joins this file with witness.py (running/witness_hook.py), because an import of its own
would take longer. Like that file, it works with Python 3.8 and later.
"""

import gc
from _operator import is_
from itertools import compress, repeat

TYPE_CHECKING = False  # importing typing would take longer than everything else here
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple


def count_executors(*own_code: "Any") -> "Tuple[Optional[int], Optional[int]]":
    """Return the number of valid executors, and of those with machine code.

    Executors of `own_code` do not count. Both numbers are None if they are unknown. The objects are
    searched by functions in C, since a loop in Python would be faster in some modes.
    """
    # A type that is compiled into the interpreter is among the subclasses of object.
    kinds = [kind for kind in type.__subclasses__(object) if kind.__name__ == "uop_executor"]
    if not kinds:
        return None, None
    objects = gc.get_objects()
    # Not by id(): CPython would call the audit hooks for each object.
    is_executor = map(is_, map(type, objects), repeat(kinds[0]))
    executors: "List[Any]" = list(compress(objects, is_executor))
    own_codes = own_code if executors else ()
    own = [executor for code in own_codes for executor in _executors_of(code, kinds[0])]
    valid = [each for each in executors if each.is_valid() and not any(each is one for one in own)]
    return len(valid), sum(map(_has_machine_code, valid))


def _executors_of(code: "Any", kind: type) -> "List[Any]":
    """Return the executors of `code`, and those to which they refer, such as their side exits."""
    from _opcode import get_executor  # type: ignore[import-not-found]

    executors: "List[Any]" = []
    waiting = []
    for offset in range(0, len(code.co_code), 2):
        try:
            waiting.append(get_executor(code, offset))
        except (ValueError, RuntimeError):  # there is no executor at this offset
            pass
    while waiting:
        executor = waiting.pop()
        if type(executor) is kind and not any(executor is one for one in executors):
            executors.append(executor)
            waiting.extend(gc.get_referents(executor))
    return executors


def _has_machine_code(executor: "Any") -> bool:
    try:
        return bool(executor.get_jit_code())
    except RuntimeError:  # a build that interprets micro-ops
        return False


def count_executable_mappings() -> "Optional[int]":
    """Return the number of anonymous executable mappings; None if the system does not list them.

    The JIT writes machine code into them. They outlive executors, many of which CPython discards at
    the end of a script, when it deletes the global `__file__` (Python/pythonrun.c).
    """
    try:
        with open("/proc/self/maps", "rb") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    # Without a file, a line has five fields (proc_pid_maps(5)).
    return sum(len(fields) == 5 and b"x" in fields[1] for fields in lines)
