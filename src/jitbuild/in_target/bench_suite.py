"""What pyperf runs of a suite: `python bench_suite.py --spec FILE`, and its own options. Runs in the interpreter under test.

The specification is a JSON object: `script` (one of pyperformance's run_benchmark.py) and its `options`, `loops` (how many make a
value of what it measures, by name), and `facts` (a file in which a worker says what it saw of the JIT). A script that measures
several things has a worker for each, its n-th task (from 0); the facts of all but the first have that number in their name.

The script makes pyperf's runner, which starts this file again for each worker, without --spec: so it is passed on in the
environment too.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pyperf

if TYPE_CHECKING:
    from collections.abc import Callable

_VARIABLE = "JITBUILD_BENCH_SPEC"
_METHODS = ("bench_func", "bench_time_func", "bench_async_func", "bench_command", "timeit")
_TASK = "--worker-task="
# What is measured must outlive the measurement, to be looked at.
_KEPT: list[Any] = []
_COMMANDS: list[str] = []
_bench_time_func = pyperf.Runner.bench_time_func


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--spec"]:
        os.environ[_VARIABLE] = os.path.abspath(words[1])
        words = words[2:]
    with open(os.environ[_VARIABLE], encoding="utf-8") as file:
        spec = json.load(file)
    turns = None
    worker = _beside("bench_worker")
    worker.patient()
    if "--worker" in words:
        seen = _beside("bench_executors")
        worker.silence()
        atexit.register(_write_facts, spec["facts"], _task(words), seen, os.getpid())
        turns = worker.wait(spec, _task(words))
    else:
        # A worker is told all of it by the runner that starts it.
        words = [*spec["options"], *words]
    in_turn = {} if turns is None else _in_turn(turns)
    for name in _METHODS:
        method = in_turn.get(name, getattr(pyperf.Runner, name))
        setattr(pyperf.Runner, name, _with_loops(method, spec["loops"]))
    sys.argv[1:] = words
    _run(spec["script"])


def _beside(name: str) -> Any:
    """A module of this file's own folder, which is on sys.path and may belong to anybody: no bytecode is written into it."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = before


def _with_loops(method: Callable[..., Any], loops: dict[str, int]) -> Callable[..., Any]:
    """A method of pyperf's runner that measures something with the loops that are known for it."""

    @functools.wraps(method)
    def measured(runner: Any, name: str, *args: Any, **options: Any) -> Any:
        chosen = runner.parse_args()
        if (
            loops and name not in loops
        ):  # pyperf would find out how many, by more workers than take turns
            raise LookupError(f"{name} was not there when it was tried")
        if not chosen.worker and name in loops:
            chosen.loops = loops[name]
        if method.__name__ == "bench_command":
            _COMMANDS.append(name)
        return method(runner, name, *args, **options)

    return measured


def _in_turn(turns: Any) -> dict[str, Callable[..., Any]]:
    """The methods of pyperf's runner that can pass the turn on after each value. (Of others a process has it until it ends.)"""
    passing = _beside("bench_interleave")

    @functools.wraps(_bench_time_func)
    def bench_time_func(runner: Any, name: str, function: Any, *args: Any, **options: Any) -> Any:
        # What it does beside its loops, each time that it is called, is the script's to say: it is called once for a value.
        return _bench_time_func(
            runner, name, passing.each(function, turns, slices=1), *args, **options
        )

    @functools.wraps(pyperf.Runner.bench_func)
    def bench_func(runner: Any, name: str, function: Any, *args: Any, **options: Any) -> Any:
        call = functools.partial(function, *args) if args else function
        return _bench_time_func(runner, name, passing.each(passing.timed(call), turns), **options)

    return {"bench_time_func": bench_time_func, "bench_func": bench_func}


def _task(words: list[str]) -> int:
    return int(next((word[len(_TASK) :] for word in words if word.startswith(_TASK)), 0))


def _run(script: str) -> None:
    """As `python SCRIPT` would, but for sys.argv[0], by which pyperf finds this file again."""
    _KEPT.append(sys.modules["__main__"])
    sys.path[0] = os.path.dirname(script)
    module = ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    _KEPT.append(code)
    exec(code, module.__dict__)  # noqa: S102


def _write_facts(target: str, task: int, seen: Any, own: int) -> None:
    if os.getpid() != own:  # a child that what is measured forked
        return
    facts = seen.facts(*(each for each in _KEPT if not isinstance(each, ModuleType)))
    if _COMMANDS:
        # The program was another process; in this one it was waited for.
        del facts["functions"]
    root, extension = os.path.splitext(target)
    with open(f"{root}{f'.{task}' if task else ''}{extension}", "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    # pyperf's workers are named by sys.argv[0].
    sys.argv[0] = os.path.abspath(__file__)
    main()
