"""Run a script of pyperformance as pyperf's runner or worker: `python bench_suite.py --spec FILE`.

This runs in the interpreter under test, and also takes pyperf's options. The specification is a
JSON object: `script` (a run_benchmark.py of pyperformance), its `options`, `loops` (per value, by
the names of what it measures), and `facts` (the file for a worker's facts about the JIT). A script
that measures several things has a worker for each, numbered as tasks from 0; the facts of all but
the first have the number in their file name.

The script creates pyperf's runner, which starts this file again for each worker, without --spec.
So the specification is passed on in the environment too.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import runpy
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyperf

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = os.path.dirname(os.path.abspath(__file__))
SPEC_VARIABLE = "JITBUILD_BENCH_SPEC"
_METHODS = ("bench_func", "bench_time_func", "bench_async_func", "bench_command", "timeit")
_TASK_OPTION = "--worker-task="
# Modules and code that must outlive the measurement, so that they can be inspected.
_kept: list[Any] = []
_commands: list[str] = []
_bench_time_func = pyperf.Runner.bench_time_func


def main() -> None:
    """Patch pyperf's runner and run the script."""
    words = sys.argv[1:]
    if words[:1] == ["--spec"]:
        os.environ[SPEC_VARIABLE] = os.path.abspath(words[1])
        words = words[2:]
    with open(os.environ[SPEC_VARIABLE], encoding="utf-8") as file:
        spec = json.load(file)
    worker = _sibling("bench_worker")
    worker.disable_exit_timeout()
    interleaved = {}
    if "--worker" in words:
        executors, task = _sibling("bench_executors"), _task(words)
        worker.discard_output()
        atexit.register(_write_facts, spec["facts"], task, executors, os.getpid())
        interleaved = _interleaved_methods(worker.join_interleaving(spec, task))
    else:
        # The runner hands these on to its workers.
        words = [*spec["options"], *words]
    for name in _METHODS:
        method = interleaved.get(name, getattr(pyperf.Runner, name))
        setattr(pyperf.Runner, name, with_loops(method, spec["loops"]))
    sys.argv[1:] = words
    _run(spec["script"])


def _sibling(name: str) -> Any:
    """Load a module beside this file; the script can neither replace it nor import it."""
    return SimpleNamespace(**runpy.run_path(os.path.join(_FOLDER, f"{name}.py")))


def with_loops(method: Callable[..., Any], loops: dict[str, int]) -> Callable[..., Any]:
    """Return a method of pyperf's runner that measures with the known number of loops."""

    @functools.wraps(method)
    def measure(runner: Any, name: str, *args: Any, **options: Any) -> Any:
        arguments = runner.parse_args()
        if loops and name not in loops:
            # pyperf would calibrate them in more workers than are interleaved.
            raise LookupError(f"{name} was not measured in the trial")
        if not arguments.worker and name in loops:
            arguments.loops = loops[name]
        if method.__name__ == "bench_command":
            _commands.append(name)
        return method(runner, name, *args, **options)

    return measure


def _interleaved_methods(interleaving: Any) -> dict[str, Callable[..., Any]]:
    """Return the methods of pyperf's runner that can pass the turn after each value.

    During others, the process has the turn until it ends.
    """
    if interleaving is None:
        return {}
    interleave = _sibling("bench_interleave")

    @functools.wraps(_bench_time_func)
    def bench_time_func(runner: Any, name: str, function: Any, *args: Any, **options: Any) -> Any:
        # The script's function may do more than its loops in each call, so it is not sliced.
        measure = interleave.interleaved(function, interleaving, slices=1)
        return _bench_time_func(runner, name, measure, *args, **options)

    @functools.wraps(pyperf.Runner.bench_func)
    def bench_func(runner: Any, name: str, function: Any, *args: Any, **options: Any) -> Any:
        call = functools.partial(function, *args) if args else function
        measure = interleave.interleaved(interleave.timed(call), interleaving)
        return _bench_time_func(runner, name, measure, **options)

    return {"bench_time_func": bench_time_func, "bench_func": bench_func}


def _task(words: list[str]) -> int:
    options = (word[len(_TASK_OPTION) :] for word in words if word.startswith(_TASK_OPTION))
    return int(next(options, 0))


def _run(script: str) -> None:
    """Run the script as `python SCRIPT` would, but keep sys.argv[0].

    pyperf starts its workers by that path, which is this file's.
    """
    _kept.append(sys.modules["__main__"])
    sys.path[0] = os.path.dirname(script)
    module = ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    _kept.append(code)
    exec(code, module.__dict__)  # noqa: S102


def _write_facts(target: str, task: int, executors: Any, process: int) -> None:
    if os.getpid() != process:  # a child that the script forked
        return
    facts = executors.facts(*(thing for thing in _kept if not isinstance(thing, ModuleType)))
    if _commands:
        # The program ran in another process; this one only waited for it.
        del facts["functions"]
    root, extension = os.path.splitext(target)
    with open(f"{root}{f'.{task}' if task else ''}{extension}", "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    # pyperf names its workers by sys.argv[0].
    sys.argv[0] = os.path.abspath(__file__)
    main()
