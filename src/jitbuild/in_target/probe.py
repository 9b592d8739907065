"""Print facts about the running interpreter and its JIT as JSON between two frame lines.

This script uses only the standard library and never imports jitbuild. It supports Python 3.8 and
later, of any implementation. Older versions cannot parse this file, or print facts that the host
refuses.

jitbuild.probing.run_probe starts it as `python -B -S probe.py [modules]`:

-S: without it, the site module would run the .pth files and the sitecustomize of installed
    packages. These may print, hang, or set a tracer (as coverage does), which turns the JIT off.
    The probe is about the interpreter, not about its packages. _prefix and _has_pip determine,
    without running such code, the facts that site would provide.
-B: importing the standard library must not write bytecode into an installation that may belong to
    others.
-I and -E are not used, because with them the interpreter ignores PYTHON_JIT.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# The host looks for these lines; jitbuild.probing.reply must have the same values.
BEGIN = "=====jitbuild probe begins====="
END = "=====jitbuild probe ends====="

# More iterations than any version needs before it compiles a loop: 16 in 3.13, 4095 in 3.14, 4000
# in 3.15 (the warm-up of a backward jump in pycore_backoff.h).
WARM = 6000
# All loops run up to this many times. If the first trace of a loop is abandoned, the loop is traced
# again later, so a first round without machine code does not prove that there is none.
ROUNDS = 3


def integers(count: int) -> int:
    """Return the sum of the integers below `count`, computed in a hot loop."""
    total = 0
    for number in range(count):
        total += number
    return total


def floats(count: int) -> float:
    """Return a product of `count` floats, computed in a hot loop."""
    value = 1.0
    for _ in range(count):
        value = value * 1.0000001
    return value


def countdown(count: int) -> int:
    """Return the number of steps from `count` to zero, computed in a hot loop with `while`."""
    steps = 0
    while count > 0:
        count -= 1
        steps += 1
    return steps


LOOPS = (integers, floats, countdown)


def executors_of(function: Any, get_executor: Callable[..., Any]) -> dict[str, Any]:
    """Return the number of valid executors in a function's code, and their machine code's size.

    Raises RuntimeError if this build has no tier 2 at all. If it interprets micro-ops (no _Py_JIT),
    `interpreted` is True in the returned facts. `get_executor` (_Py_GetExecutor) returns an
    executor only if the code has an ENTER_EXECUTOR instruction for that executor, so the loop does
    run in the executor.
    """
    code = function.__code__
    facts = {"executors": 0, "machine_code_bytes": 0, "interpreted": False}
    for offset in range(0, len(code.co_code), 2):
        try:
            executor = get_executor(code=code, offset=offset)
        except ValueError:  # no executor at this offset
            continue
        if not executor.is_valid():
            continue
        facts["executors"] += 1
        try:
            facts["machine_code_bytes"] += len(executor.get_jit_code() or b"")
        except RuntimeError:
            facts["interpreted"] = True
    return facts


def executor_getter() -> Any:
    """Return `_opcode.get_executor`, which CPython 3.13 and later have; None in other Pythons."""
    try:
        import _opcode  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return getattr(_opcode, "get_executor", None)


def tier2(get_executor: Callable[..., Any] | None) -> dict[str, Any]:
    """Run all loops until one of them has machine code, at most ROUNDS times.

    Returns the number of executors and the size of their machine code.
    """
    nothing = {"tier2": False, "executors": 0, "machine_code_bytes": 0, "interpreted": False}
    if get_executor is None:
        return nothing
    total: dict[str, Any] = nothing
    for _ in range(ROUNDS):
        total = dict(nothing, tier2=True)
        for loop in LOOPS:
            loop(WARM)
            try:
                facts = executors_of(loop, get_executor)
            except RuntimeError:
                return nothing
            total["executors"] += facts["executors"]
            total["machine_code_bytes"] += facts["machine_code_bytes"]
            total["interpreted"] = total["interpreted"] or facts["interpreted"]
        if total["machine_code_bytes"]:
            break
    return total


def active_iterations(is_active: Callable[[], bool]) -> int:
    """Count the iterations of a hot loop in which `is_active` is called from JIT code."""
    active = 0
    for _ in range(ROUNDS * WARM):
        if is_active():
            active += 1
    return active


def switches(jit: Any) -> dict[str, Any]:
    """Return facts from `jit`, which is sys._jit, or None before 3.14; then all facts are None."""
    if jit is None:
        return {"jit_available": None, "jit_enabled": None, "active_iterations": None}
    return {
        "jit_available": bool(jit.is_available()),
        "jit_enabled": bool(jit.is_enabled()),
        "active_iterations": active_iterations(jit.is_active),
    }


def tracers() -> list[str]:
    """Return the names of all tracers; any of them can prevent loops from running in the JIT."""
    names = []
    if sys.gettrace() is not None:
        names.append("sys.settrace")
    if sys.getprofile() is not None:
        names.append("sys.setprofile")
    monitoring = getattr(sys, "monitoring", None)  # 3.12
    if monitoring is not None:
        tools = [monitoring.get_tool(number) for number in range(6)]
        names.extend(f"sys.monitoring ({tool})" for tool in tools if tool is not None)
    return names


def config(name: str) -> Any:
    """Return a variable of sysconfig, or None if its data is missing or broken."""
    try:
        import sysconfig

        return sysconfig.get_config_var(name)
    except Exception:
        return None


def build_flags() -> list[str] | None:
    """Return the compiler flags of CPython's core that configure the JIT (3.13 and later).

    Returns None if the build does not record its flags (Windows).
    """
    flags = config("PY_CORE_CFLAGS")
    if not isinstance(flags, str):
        return None
    return [flag for flag in flags.split() if flag.startswith(("-D_Py_JIT", "-D_Py_TIER2"))]


def version() -> str:
    """Return the version in the form of release names, such as `3.15.0b2`."""
    info = sys.version_info
    stage = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(info[3])
    suffix = f"{stage}{info[4]}" if stage else ""
    return "{}.{}.{}".format(*info[:3]) + suffix


def _prefix() -> str:
    """Return the folder of the virtual environment of the executable, or else sys.prefix.

    Before 3.14, only the site module sets sys.prefix for a virtual environment.
    """
    folder = os.path.dirname(sys.executable or "")
    places = (folder, os.path.dirname(folder))
    if any(os.path.isfile(os.path.join(place, "pyvenv.cfg")) for place in places):
        return os.path.dirname(folder)
    return sys.prefix


def identity() -> dict[str, Any]:
    """Return the facts that identify this interpreter."""
    try:
        import sysconfig

        platform = sysconfig.get_platform()
    except Exception:
        platform = sys.platform
    free_threaded = config("Py_GIL_DISABLED") or "t" in getattr(sys, "abiflags", "")
    return {
        "version": version(),
        "full_version": sys.version,
        "implementation": sys.implementation.name,
        "executable": sys.executable or "",
        "prefix": _prefix(),
        "base_prefix": sys.base_prefix,
        "free_threaded": bool(free_threaded) or "free-threading build" in sys.version,
        "debug": bool(config("Py_DEBUG")) or hasattr(sys, "gettotalrefcount"),
        "platform": platform,
        "multiarch": str(config("MULTIARCH") or ""),
        "ignores_environment": bool(sys.flags.ignore_environment),
        "build_flags": build_flags(),
    }


def expected_modules(
    info: tuple[Any, ...] = sys.version_info, platform: str = sys.platform
) -> dict[str, str]:
    """Return a dict of the optional modules of the standard library that users expect.

    Each key is such a module. If the module in the value can be imported, the key is complete.
    """
    names = ["bz2", "ctypes", "ensurepip", "lzma", "sqlite3", "ssl", "zlib"]
    if platform != "win32":
        names += ["curses", "readline"]
    if tuple(info[:2]) >= (3, 14):
        names.append("compression.zstd")
    # uuid itself is pure Python; the part that needs a library is _uuid.
    return dict({name: name for name in names}, uuid="_uuid")


def missing_modules(
    expected: dict[str, str] | None = None, has_pip: Callable[[], bool] | None = None
) -> list[str]:
    """Return the sorted names of the expected modules, and pip, that are missing."""
    import importlib

    missing = []
    for name, module in (expected_modules() if expected is None else expected).items():
        try:
            importlib.import_module(module)
        except Exception:
            missing.append(name)
    if not (has_pip or _has_pip)():
        missing.append("pip")
    return sorted(missing)


def _has_pip() -> bool:
    """Return True if pip is in the interpreter's site-packages, which -S removes from sys.path."""
    try:
        import site
        from importlib.machinery import PathFinder

        return PathFinder.find_spec("pip", site.getsitepackages([_prefix()])) is not None
    except Exception:
        return False


def collect(modules: bool = False) -> dict[str, Any]:
    """Return all facts; the keys are the fields of jitbuild.probing.facts.ProbeFacts."""
    facts = identity()
    facts["tracers"] = tracers()
    facts.update(switches(getattr(sys, "_jit", None)))
    facts.update(tier2(executor_getter()))
    facts["missing"] = missing_modules() if modules else None
    return facts


def main() -> None:
    """Print the facts between the frame lines, without the other modules of this folder."""
    from importlib.machinery import SourceFileLoader

    folder = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] == folder:
        del sys.path[0]
    facts = collect(modules="modules" in sys.argv[1:])
    jit_memory = type(sys)("jit_memory")
    SourceFileLoader("jit_memory", os.path.join(folder, "jit_memory.py")).exec_module(jit_memory)
    facts["executable_memory"] = jit_memory.executable_memory()
    sys.stdout.write(f"\n{BEGIN}\n{json.dumps(facts)}\n{END}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
