"""Says what the interpreter that runs it is, and whether its JIT makes machine code: one framed JSON object on stdout.

Stdlib only; never imports jitbuild. It answers in full on Python 3.8 and later, of any implementation. It also parses and
runs on 2.7 and 3.6, hence the type comments, so that those are told apart from things that are no Python at all.

jitbuild.probes starts it as `python -B -S _probe_target.py [modules]`:

-S: the site module would run the .pth files and sitecustomize of whatever is installed there, which may print, hang, or set
    a tracer (coverage does), and tracing turns the JIT off. The question is about the interpreter, not about what is
    installed in it. What site would have said is read without running anything: see _prefix and _has_pip.
-B: importing the standard library must not write bytecode into a tree that may not be ours.
Not -I or -E: under them the interpreter ignores PYTHON_JIT.
"""

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # 2.7 has no typing
    from typing import Any  # noqa: F401 - used in type comments

BEGIN = "=====jitbuild probe begins====="
END = "=====jitbuild probe ends====="

# Above the warm-up of a backward jump in every version: 16 in 3.13, 4095 in 3.14, 4000 in 3.15 (pycore_backoff.h).
WARM = 6000
# A loop whose first trace is given up is tried again later, so one round is not yet a no.
ROUNDS = 3


def integers(count):  # type: (int) -> int
    total = 0
    for number in range(count):
        total += number
    return total


def floats(count):  # type: (int) -> float
    value = 1.0
    for _ in range(count):
        value = value * 1.0000001
    return value


def countdown(count):  # type: (int) -> int
    steps = 0
    while count > 0:
        count -= 1
        steps += 1
    return steps


LOOPS = (integers, floats, countdown)


def executors_of(function, get_executor):
    # type: (Any, Any) -> dict[str, Any]
    """The valid executors in a function's code. RuntimeError of `get_executor`: this build has no tier 2 at all.

    Only an ENTER_EXECUTOR instruction that stands in the code is found (_Py_GetExecutor), so the loop does run through it.
    `get_jit_code` is None without machine code, and raises RuntimeError where tier 2 is interpreted (no _Py_JIT).
    """
    code = function.__code__
    found = {"executors": 0, "machine_code_bytes": 0, "interpreted": False}
    for offset in range(0, len(code.co_code), 2):
        try:
            executor = get_executor(code=code, offset=offset)
        except ValueError:  # no executor at this offset
            continue
        if not executor.is_valid():
            continue
        found["executors"] += 1
        try:
            found["machine_code_bytes"] += len(executor.get_jit_code() or b"")
        except RuntimeError:
            found["interpreted"] = True
    return found


def executor_getter():
    # type: () -> Any
    """`_opcode.get_executor`, which CPython has from 3.13 on, with or without the JIT; else None."""
    try:
        import _opcode  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return getattr(_opcode, "get_executor", None)


def tier2(get_executor):
    # type: (Any) -> dict[str, Any]
    """Warms plain loops and looks for their executors; ends with the first round that shows machine code."""
    nothing = {"tier2": False, "executors": 0, "machine_code_bytes": 0, "interpreted": False}
    if get_executor is None:
        return nothing
    found = nothing  # type: dict[str, Any]
    for _ in range(ROUNDS):
        found = dict(nothing, tier2=True)
        for loop in LOOPS:
            loop(WARM)
            try:
                seen = executors_of(loop, get_executor)
            except RuntimeError:
                return nothing
            found["executors"] += seen["executors"]
            found["machine_code_bytes"] += seen["machine_code_bytes"]
            found["interpreted"] = found["interpreted"] or seen["interpreted"]
        if found["machine_code_bytes"]:
            break
    return found


def active_iterations(is_active):
    # type: (Any) -> int
    """In how many iterations of a hot loop `is_active` says that it was called from JIT code."""
    seen = 0
    for _ in range(ROUNDS * WARM):
        if is_active():
            seen += 1
    return seen


def switches(jit):
    # type: (Any) -> dict[str, Any]
    """What sys._jit says; it came with 3.14, and None stands for what is not known without it."""
    if jit is None:
        return {"jit_available": None, "jit_enabled": None, "active_iterations": None}
    return {
        "jit_available": bool(jit.is_available()),
        "jit_enabled": bool(jit.is_enabled()),
        "active_iterations": active_iterations(jit.is_active),
    }


def tracers():
    # type: () -> list[str]
    """What watches the code that runs here, by name: any of it can keep loops out of the JIT."""
    found = []
    if sys.gettrace() is not None:
        found.append("sys.settrace")
    if sys.getprofile() is not None:
        found.append("sys.setprofile")
    monitoring = getattr(sys, "monitoring", None)  # 3.12
    if monitoring is not None:
        names = [monitoring.get_tool(number) for number in range(6)]
        found.extend("sys.monitoring (%s)" % name for name in names if name is not None)
    return found


def config(name):
    # type: (str) -> object
    """A sysconfig variable; None also where sysconfig's data is missing or broken."""
    try:
        import sysconfig

        return sysconfig.get_config_var(name)
    except Exception:
        return None


def build_flags():
    # type: () -> object
    """The switches that configure put into the core's flags (3.13 and later), None where nothing recorded them (Windows)."""
    flags = config("PY_CORE_CFLAGS")
    if not isinstance(flags, str):
        return None
    return [word for word in flags.split() if word.startswith(("-D_Py_JIT", "-D_Py_TIER2"))]


def version():
    # type: () -> str
    """The version as the project names its releases: `3.15.0b2`."""
    info = sys.version_info
    stage = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(info[3])
    return "%d.%d.%d" % info[:3] + ("%s%d" % (stage, info[4]) if stage else "")


def _prefix():
    # type: () -> str
    """The venv that the executable stands in, else sys.prefix: before 3.14 it is the site module that sets it for a venv."""
    folder = os.path.dirname(sys.executable or "")
    if any(
        os.path.isfile(os.path.join(place, "pyvenv.cfg"))
        for place in (folder, os.path.dirname(folder))
    ):
        return os.path.dirname(folder)
    return sys.prefix


def identity():
    # type: () -> dict[str, Any]
    """Which interpreter this is."""
    try:
        import sysconfig

        platform = sysconfig.get_platform()
    except Exception:
        platform = sys.platform
    free_threaded = config("Py_GIL_DISABLED") or "t" in getattr(sys, "abiflags", "")
    implementation = getattr(sys, "implementation", None)
    return {
        "version": version(),
        "full_version": sys.version,
        "implementation": getattr(implementation, "name", "unknown"),
        "executable": sys.executable or "",
        "prefix": _prefix(),
        "base_prefix": getattr(sys, "base_prefix", sys.prefix),
        "free_threaded": bool(free_threaded) or "free-threading build" in sys.version,
        "debug": bool(config("Py_DEBUG")) or hasattr(sys, "gettotalrefcount"),
        "platform": platform,
        "multiarch": str(config("MULTIARCH") or ""),
        "ignores_environment": bool(sys.flags.ignore_environment),
        "build_flags": build_flags(),
    }


def wanted_modules(info=sys.version_info, platform=sys.platform):
    # type: (tuple[Any, ...], str) -> dict[str, str]
    """The optional standard modules that people expect: their name, and the module whose import shows that it is there."""
    names = ["bz2", "ctypes", "ensurepip", "lzma", "sqlite3", "ssl", "zlib"]
    if platform != "win32":
        names += ["curses", "readline"]
    if tuple(info[:2]) >= (3, 14):
        names.append("compression.zstd")
    # uuid itself is pure Python; the part that needs a library is _uuid.
    return dict({name: name for name in names}, uuid="_uuid")


def missing_modules():
    # type: () -> list[str]
    """The expected modules that cannot be imported, sorted by name."""
    import importlib

    missing = []
    for name, module in wanted_modules().items():
        try:
            importlib.import_module(module)
        except Exception:
            missing.append(name)
    if not _has_pip():
        missing.append("pip")
    return sorted(missing)


def _has_pip():
    # type: () -> bool
    """Whether pip is installed in the interpreter's own folders, which -S keeps off sys.path."""
    try:
        import site
        from importlib.machinery import PathFinder

        return PathFinder.find_spec("pip", site.getsitepackages([_prefix()])) is not None
    except Exception:
        return False


def collect(modules=False):
    # type: (bool) -> dict[str, Any]
    """All facts; the keys are the fields of jitbuild.verdict.Facts."""
    facts = identity()
    facts["tracers"] = tracers()
    facts.update(switches(getattr(sys, "_jit", None)))
    facts.update(tier2(executor_getter()))
    facts["missing"] = missing_modules() if modules else None
    return facts


def main():
    # type: () -> None
    # This file's own folder: the modules beside it are not meant for this interpreter.
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    facts = json.dumps(collect(modules="modules" in sys.argv[1:]))
    sys.stdout.write("\n%s\n%s\n%s\n" % (BEGIN, facts, END))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
