"""Run a script of pyperformance as pyperf's runner or worker: `python bench_suite.py --spec FILE`.

This script runs in the interpreter under test, and also takes pyperf's options. FILE is the
specification, a JSON object:

script: the path of a run_benchmark.py of pyperformance
options: the options of the script
loops: the number of loops per value, by the names of the things that the script measures
facts: the file to which a worker writes its facts about the JIT
interleaving: as in bench_worker.py

If a script measures several things, each is a task with a worker of its own. Tasks are numbered
from 0. For all tasks but the first, the name of the file with the facts contains the number.

The script creates pyperf's runner, which starts this file again for each worker, without --spec.
The path of the specification is therefore also passed on in an environment variable.
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
# Keeps modules and code objects alive after the measurement, so that they can be inspected.
_kept: list[Any] = []
_commands: list[str] = []


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
        atexit.register(write_facts, spec["facts"], task, executors, os.getpid())
        interleaved = interleaved_methods(worker.join_interleaving(spec, task))
    else:
        # The runner passes these options on to its workers.
        words = [*spec["options"], *words]
    for name in _METHODS:
        method = interleaved.get(name, getattr(pyperf.Runner, name))
        setattr(pyperf.Runner, name, with_loops(method, spec["loops"]))
    sys.argv[1:] = words
    _run(spec["script"])


def _sibling(name: str) -> Any:
    """Load a module of this folder so that the script can neither replace nor import it."""
    return SimpleNamespace(**runpy.run_path(os.path.join(_FOLDER, f"{name}.py")))


def with_loops(method: Callable[..., Any], loops: dict[str, int]) -> Callable[..., Any]:
    """Return `method` of pyperf's runner, changed to use the known number of loops.

    The method raises LookupError for a name that is not in `loops`, unless `loops` is empty.
    """

    @functools.wraps(method)
    def measure(runner: Any, name: str, *args: Any, **options: Any) -> Any:
        arguments = runner.parse_args()
        if loops and name not in loops:
            # To calibrate the loops, pyperf would start workers that are not interleaved.
            raise LookupError(f"{name} was not measured in the trial")
        if not arguments.worker and name in loops:
            arguments.loops = loops[name]
        if method.__name__ == "bench_command":
            _commands.append(name)
        return method(runner, name, *args, **options)

    return measure


def interleaved_methods(
    interleaving: Any, *, measure_time: Callable[..., Any] = pyperf.Runner.bench_time_func
) -> dict[str, Callable[..., Any]]:
    """Return, by name, replacements for methods of pyperf's runner that pass the turn.

    The replacements pass the turn within or after each value. In all other methods, the process
    keeps the turn until the process ends. `interleaving` is None if the worker runs alone; then
    there are no replacements. The replacements measure with `measure_time`, which is the original
    method `bench_time_func`.
    """
    if interleaving is None:
        return {}
    interleave = _sibling("bench_interleave")

    @functools.wraps(pyperf.Runner.bench_time_func)
    def bench_time_func(runner: Any, name: str, function: Any, *args: Any, **options: Any) -> Any:
        # A call of the script's function may do other work besides the loops, so a value must be a
        # single call, and the turn is passed after it.
        measure = interleave.interleaved(function, interleaving, slices=1)
        return measure_time(runner, name, measure, *args, **options)

    @functools.wraps(pyperf.Runner.bench_func)
    def bench_func(runner: Any, name: str, function: Any, *args: Any, **options: Any) -> Any:
        call = functools.partial(function, *args) if args else function
        measure = interleave.interleaved(interleave.timed(call), interleaving)
        return measure_time(runner, name, measure, **options)

    return {"bench_time_func": bench_time_func, "bench_func": bench_func}


def _task(words: list[str]) -> int:
    options = (word[len(_TASK_OPTION) :] for word in words if word.startswith(_TASK_OPTION))
    return int(next(options, 0))


def _run(script: str) -> None:
    """Run the script as `python SCRIPT` would, but keep sys.argv[0].

    sys.argv[0] is the path of this file, by which pyperf starts its workers.
    """
    _kept.append(sys.modules["__main__"])
    sys.path[0] = os.path.dirname(script)
    module = ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    _kept.append(code)
    exec(code, module.__dict__)  # noqa: S102  # nosec B102


def write_facts(target: str, task: int, executors: Any, process: int) -> None:
    """Write the worker's facts about the JIT into the file `target`, or that of the task `task`.

    `executors` is the module bench_executors. Nothing is written by another process than `process`.
    """
    if os.getpid() != process:  # a child that the script forked
        return
    facts = executors.facts(*(thing for thing in _kept if not isinstance(thing, ModuleType)))
    if _commands:
        # The program ran in another process; this process only waited for it.
        del facts["functions"]
    root, extension = os.path.splitext(target)
    with open(f"{root}{f'.{task}' if task else ''}{extension}", "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    # pyperf starts its workers with the script in sys.argv[0].
    sys.argv[0] = os.path.abspath(__file__)
    main()
