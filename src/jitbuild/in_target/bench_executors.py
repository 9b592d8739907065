"""Which functions of this process have machine code now. Runs in the interpreter under test, loaded by path.

It imports neighbours of this file, which use only the standard library, as part of a stand-in for the
package: jitbuild itself is not installed there, and would bring the dependencies of the host.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = ("pyperf", "jitbuild", "psutil")


def facts(*extra: CodeType) -> dict[str, Any]:
    """The mode as it reached this process, who traces, and every code object with executors; `extra` is code no function holds."""
    executors, jit_facts, probe = map(_neighbour, ("executors", "jit_facts", "probe"))
    lookup = executors.executor_lookup()
    about = jit_facts.jit_facts(lookup)
    return {
        "switch": os.environ.get("PYTHON_JIT"),
        "enabled": about.enabled,
        "built": about.built,
        "version": about.version,
        "debug": about.debug,
        "tracers": probe.tracers(),
        "functions": [] if lookup.get_executor is None else _functions(executors, lookup, extra),
    }


def _neighbour(name: str) -> Any:
    """Return the module `name` of this folder, imported without writing bytecode."""
    if "jitbuild" not in sys.modules:
        package = ModuleType("jitbuild")
        package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
        sys.modules["jitbuild"] = package
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(f"jitbuild.in_target.{name}")
    finally:
        sys.dont_write_bytecode = before


def _functions(executors: Any, lookup: Any, extra: tuple[CodeType, ...]) -> list[dict[str, Any]]:
    found = []
    for module, code in _codes(extra):
        made = executors.count_executors(code, lookup)
        if made.executors:
            found.append(
                {
                    "module": module,
                    "name": code.co_qualname,
                    "file": code.co_filename,
                    "line": code.co_firstlineno,
                    "executors": made.executors,
                    "bytes": made.machine_code_bytes,
                }
            )
    return sorted(found, key=lambda each: (-each["executors"], each["module"], each["line"]))


def _codes(extra: tuple[CodeType, ...]) -> Iterator[tuple[str, CodeType]]:
    """All code of this process but that which measures, once each, with the module's name."""
    seen: set[CodeType] = set()
    waiting = [("__main__", code) for code in extra]
    for thing in gc.get_objects():
        if type(thing) is FunctionType:
            module = str(thing.__globals__.get("__name__"))
            if (
                module.partition(".")[0] not in _OURS
                and thing.__globals__.get("__file__") not in _MEASURES
            ):
                waiting.append((module, thing.__code__))
    while waiting:
        module, code = waiting.pop()
        # Code compares by content: two equal ones are one here, which is no harm.
        if code not in seen:
            seen.add(code)
            yield module, code
            waiting += [
                (module, constant) for constant in code.co_consts if isinstance(constant, CodeType)
            ]


_MEASURES = {
    __file__,
    *(
        os.path.join(os.path.dirname(__file__), name)
        for name in ("bench_worker.py", "bench_inspect.py", "bench_suite.py", "bench_pytest.py")
    ),
}
