"""Write facts about this Python process and its JIT into a file, for the host.

The host copies this file, joined with witness_executors.py, into a folder that is first on
PYTHONPATH, together with witness_start.py, which is called sitecustomize.py there
(running/witness_hook.py). Every Python process that a command starts therefore imports it.

A file consists of two lines. Each is a dict, written with `ascii`. The first line is written when
the process starts or has been forked. The second line is written when the process ends, and says
how many executors have machine code. The second line is missing if the process crashes, is killed
or is replaced by another program.

This file works with Python 3.8 and later. It imports only modules that are compiled into the
interpreter, so it takes only a fraction of a millisecond.
"""

import atexit
import os
import sys
from itertools import repeat

from jitbuild.in_target.witness_executors import count_executable_mappings, count_executors

TYPE_CHECKING = False  # importing typing would take longer than everything else here
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NoReturn, Set, Tuple

_MAX_TEXT = 1000
_MAX_ARGUMENTS = 8
_MAX_MODULES = 1000
_MAX_FILES_OF_A_PROCESS = 100
_MAX_UNSEEN = 5
# If there were at least so many audited events, the time that the hook took for them is reported.
_MANY_EVENTS = 10_000
_MEASURED_EVENTS = 1000
# Audit events of functions that start programs, and the indexes of the program, its arguments and
# its environment among their arguments.
_STARTS = {"subprocess.Popen": (0, 1, 3), "os.posix_spawn": (0, 1, 2), "os.exec": (0, 1, 2)}
_TRACERS = {"sys.settrace": sys.gettrace, "sys.setprofile": sys.getprofile}
_PYTHONS = ("python", "pypy")
_HEARD = frozenset(["exec", "os.system", *_STARTS, *_TRACERS])


class Witness:
    """Writes the testimony of this process, and of processes forked from it, into `folder`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.process = 0
        self.path = ""
        self.ended = False
        self.modules: "List[object]" = []
        self.tracers: "Set[str]" = set()
        self.unseen: "List[str]" = []
        self.ignored: "Callable[[], int]" = int
        self.own_code: "List[Any]" = []

    def start(self, forked: bool = False) -> bool:
        """Write the first line. Return False if the host must not count this process (again).

        A subinterpreter imports sitecustomize too, in a process that has already testified.
        """
        self.process, self.path, self.ended = os.getpid(), "", False
        line = dict(_facts(), forked=forked)
        for number in range(_MAX_FILES_OF_A_PROCESS):
            path = os.path.join(self.folder, "%d-%d.txt" % (self.process, number))
            try:
                file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                # Either a program has replaced another one, or this is a subinterpreter.
                if number == 0 and not forked and _is_subinterpreter():
                    return False
                continue
            self.path = path
            _write_and_close(file, line)
            return True
        return False

    def end(self) -> None:
        """Write the second line once, in the process that wrote the first line."""
        if self.ended or not self.path or os.getpid() != self.process:
            return
        self.ended = True
        self.tracers.update(name for name, get in _TRACERS.items() if get() is not None)
        executors, compiled = count_executors(*self.own_code)
        # CPython switches the JIT on after it has imported sitecustomize.
        jit = getattr(sys, "_jit", None)
        line = {
            "enabled": None if jit is None else jit.is_enabled(),
            "executors": executors,
            "machine_code": compiled,
            "mappings": count_executable_mappings(),
            "tracers": sorted(self.tracers),
            "unseen": self.unseen,
            "audit_seconds": _audit_seconds(self.ignored()),
        }
        # There is no O_CREAT: if the host has removed the folder, nobody reads the line.
        _write_and_close(os.open(self.path, os.O_WRONLY | os.O_APPEND), line)

    def audit_hook(self) -> "Callable[[str, Tuple[Any, ...]], None]":
        """Return the audit hook, which passes some events to `hear` and counts the others.

        It is a function, because CPython looks up an attribute of the hook at each event: for a
        bound method, this takes three times as long as everything else.
        """
        heard, hear, ignored = _HEARD, self.hear, 0

        def audit(event: str, args: "Tuple[Any, ...]") -> None:
            nonlocal ignored
            if event in heard:
                hear(event, args)
            else:
                ignored += 1

        self.ignored = lambda: ignored
        self.own_code = [audit.__code__, Witness.hear.__code__]
        return audit

    def hear(self, event: str, args: "Tuple[Any, ...]") -> None:
        """Keep the code of modules, and record tracers and unseen Pythons.

        The code of a script, and of any module, is freed as soon as it has run, together with its
        executors. Therefore, without this method, a process with a hot loop in its script would
        have no executor at its end.
        """
        try:
            if event == "os.system":
                event, args = "os.exec", ("sh", ["sh", *args], None)
            if event == "exec":
                code = args[0]
                if code.co_name == "<module>" and len(self.modules) < _MAX_MODULES:
                    self.modules.append(code)
            elif event in _TRACERS and _TRACERS[event]() is not None:
                self.tracers.add(event)  # CPython calls the hook before it removes the tracer
            elif event in _STARTS and len(self.unseen) < _MAX_UNSEEN:
                program, arguments, env = (args[index] for index in _STARTS[event])
                command = unseen_command(program, arguments, env, self.folder)
                self.unseen += [command] * bool(command)
        except Exception:  # nosec B110
            pass  # otherwise, the error would be raised in the program


def unseen_command(program: "Any", arguments: "Any", env: "Any", folder: str) -> str:
    """Return the command of a Python that cannot testify; "" if it can, or if it is no Python.

    It cannot testify if it ignores PYTHONPATH because of an option, or if its environment `env`
    (None: that of this process) does not have `folder` on PYTHONPATH. Of the Pythons that a shell
    starts, return the first that cannot testify.
    """
    if isinstance(arguments, (str, bytes)):  # a command line on Windows
        return ""
    words = [os.fsdecode(word) for word in arguments]
    name = os.path.basename(os.fsdecode(program or words[0]))
    if name in ("sh", "bash", "dash"):
        words = " ".join(words[1:]).split()
        # Commands of a shell that this shell starts are among the words.
        starts = (
            unseen_command(word, words[index:], env, folder)
            for index, word in enumerate(words)
            if os.path.basename(word).startswith(_PYTHONS)
        )
        return next(filter(None, starts), "")
    if not name.startswith(_PYTHONS):
        return ""
    variables: "Any" = os.environ if env is None else env
    # The keys can be bytes, and comparing these with text can cause a BytesWarning.
    paths = [value for key, value in variables.items() if os.fsdecode(key) == "PYTHONPATH"]
    if paths and folder in os.fsdecode(paths[0]) and not _ignores_pythonpath(words[1:]):
        return ""
    return " ".join([name, *words[1:3]])[:_MAX_TEXT]


def _ignores_pythonpath(words: "List[str]") -> bool:
    """Return True if -I, -E or -S is among the options at the beginning of `words`."""
    waiting = list(words)
    while waiting and waiting[0].startswith("-"):
        word = waiting.pop(0)
        if word in ("-X", "-W", "--check-hash-based-pycs"):  # the next word is the option's value
            del waiting[:1]
        elif not word.startswith(("-X", "-W", "--")):
            flags, program, _ = word.replace("m", "c").partition("c")
            ignores = bool(set(flags) & set("IES"))
            if ignores or program:
                return ignores
    return False


def testify(folder: str) -> None:
    """Write facts about this process into `folder`, now and when it ends.

    The amount of work does not depend on the mode of the JIT, because the host compares the times
    of modes. A Python without executors writes only the first line.
    """
    witness = Witness(folder)
    if not witness.start() or not _has_tier2():
        return
    end = _silent(witness.end)
    sys.addaudithook(witness.audit_hook())
    atexit.register(end)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_silent(lambda: witness.start(forked=True)))
    _call_before_exit(end)


def _audit_seconds(events: int) -> float:
    """Return about how much time the audit hook took for so many events; 0 if they were few."""
    if events < _MANY_EVENTS:
        return 0.0
    from time import perf_counter

    started = perf_counter()
    for _ in repeat(None, _MEASURED_EVENTS):
        id(None)
    return (perf_counter() - started) / _MEASURED_EVENTS * events


def _facts() -> "Dict[str, Any]":
    arguments = getattr(sys, "orig_argv", None) or []
    return {
        "implementation": sys.implementation.name,
        "version": list(sys.version_info[:5]),
        "debug": hasattr(sys, "gettotalrefcount"),
        "free_threaded": "t" in getattr(sys, "abiflags", ""),
        "executable": (sys.executable or "")[:_MAX_TEXT],
        "base_executable": (getattr(sys, "_base_executable", None) or "")[:_MAX_TEXT],
        "base_prefix": sys.base_prefix[:_MAX_TEXT],
        "arguments": [argument[:_MAX_TEXT] for argument in arguments[:_MAX_ARGUMENTS]],
        "switch": os.environ.get("PYTHON_JIT", "")[:_MAX_TEXT],
        "stress": os.environ.get("PYTHON_JIT_STRESS", "")[:_MAX_TEXT],
    }


def _has_tier2() -> bool:
    """Return True if this interpreter may have executors, as 3.13 always may (no sys._jit)."""
    if sys.implementation.name != "cpython" or sys.version_info < (3, 13):
        return False
    jit = getattr(sys, "_jit", None)
    return jit is None or bool(jit.is_available())


def _is_subinterpreter() -> bool:
    try:
        import _interpreters  # type: ignore[import-not-found]
    except ImportError:  # before 3.13
        return False
    return bool(_interpreters.get_current()[0])


def _silent(function: "Callable[[], object]") -> "Callable[[], None]":
    """Return `function` with its errors ignored, so that the program does not show them."""

    def call() -> None:
        try:
            function()
        except Exception:  # nosec B110
            pass

    return call


def _call_before_exit(end: "Callable[[], None]") -> None:
    """Call `end` also when the program calls os._exit, as processes of multiprocessing do."""
    leave = os._exit

    def _exit(status: int) -> "NoReturn":
        end()
        leave(status)

    _exit.__doc__ = leave.__doc__
    _exit.__module__, _exit.__qualname__ = leave.__module__, "_exit"
    # pickle finds the function by the name of the module that defines it, which is posix or nt.
    os._exit = _exit
    setattr(sys.modules[leave.__module__], "_exit", _exit)  # noqa: B010 # it is private


def _write_and_close(file: int, line: "Dict[str, Any]") -> None:
    try:
        os.write(file, ascii(line).encode("ascii") + b"\n")
    finally:
        os.close(file)
