"""Find the functions of the running process that have executors now, and facts about its JIT.

This module runs in the interpreter under test and is loaded by path. It imports other modules of
its folder, which use only the standard library. The package `jitbuild` is not installed for that
interpreter, and would need other packages. A temporary package of the same name therefore takes its
place during these imports.
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

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PROGRAMS = os.path.join(_FOLDER, "bench_programs.py")
_MEASURING_PACKAGES = frozenset({"pyperf", "jitbuild", "psutil"})


def _neighbours(*names: str) -> list[Any]:
    """Import and return modules of this folder, without a change of sys.modules or bytecode files.

    sys.modules must not change, because a measured program may have imported the real jitbuild
    before, or may import it later.
    """
    real = {name: sys.modules.pop(name) for name in _jitbuild_modules()}
    package = ModuleType("jitbuild")
    package.__path__ = [os.path.dirname(_FOLDER)]
    sys.modules["jitbuild"] = package
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return [importlib.import_module(f"jitbuild.in_target.{name}") for name in names]
    finally:
        sys.dont_write_bytecode = write_bytecode
        for name in _jitbuild_modules():
            del sys.modules[name]
        sys.modules.update(real)


def _jitbuild_modules() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "jitbuild"]


_bench_origin, _executors, _jit_facts, _probe = _neighbours(
    "bench_origin", "executors", "jit_facts", "probe"
)


def facts(*codes: CodeType) -> dict[str, Any]:
    """Return the mode of this process, the tracers, and all functions with executors.

    `codes` are code objects that belong to no function, such as the code of a module.
    """
    lookup = _executors.executor_lookup()
    jit = _jit_facts.jit_facts(lookup)
    return {
        "switch": os.environ.get("PYTHON_JIT"),
        "enabled": jit.enabled,
        "built": jit.built,
        "version": jit.version,
        "executable": jit.executable,
        "base_prefix": sys.base_prefix,
        "debug": jit.debug,
        "tracers": _probe.tracers(),
        "functions": [] if lookup.get_executor is None else _functions(lookup, codes),
    }


def _functions(lookup: Any, codes: tuple[CodeType, ...]) -> list[dict[str, Any]]:
    functions = []
    for module, code in _all_code(codes):
        count = _executors.count_executors(code, lookup)
        if count.executors:
            functions.append(
                {
                    "module": module,
                    "library": _bench_origin.library_of(code.co_filename, module),
                    "name": code.co_qualname,
                    "file": code.co_filename,
                    "line": code.co_firstlineno,
                    "executors": count.executors,
                    "bytes": count.machine_code_bytes,
                }
            )
    return sorted(functions, key=lambda row: (-row["executors"], row["module"], row["line"]))


def _all_code(codes: tuple[CodeType, ...]) -> Iterator[tuple[str, CodeType]]:
    """Yield all code objects except those of the measuring code, with their modules' names."""
    seen: set[CodeType] = set()
    waiting = [("__main__", code) for code in codes]
    waiting += [
        (str(thing.__globals__.get("__name__")), thing.__code__)
        for thing in gc.get_objects()
        if type(thing) is FunctionType and not _is_measuring(thing)
    ]
    while waiting:
        module, code = waiting.pop()
        # Code objects are compared by content, so equal code objects are listed only once. That
        # does no harm.
        if code not in seen:
            seen.add(code)
            yield module, code
            waiting += [
                (module, constant) for constant in code.co_consts if isinstance(constant, CodeType)
            ]


def _is_measuring(function: FunctionType) -> bool:
    """Return True if a function belongs to the measuring code, not to a measured program.

    All code in this folder is measuring code, except the programs of the quick suite.
    """
    module, file = (str(function.__globals__.get(name)) for name in ("__name__", "__file__"))
    if module.partition(".")[0] in _MEASURING_PACKAGES:
        return True
    return os.path.dirname(file) == _FOLDER and file != _PROGRAMS
