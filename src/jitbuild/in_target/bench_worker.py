"""What pyperf runs: `python bench_worker.py --spec FILE`, and its own options. Runs in the interpreter under test, where pyperf is.

The specification is a JSON object: `kind` (quick, stmt or command), `name`, `facts` (a file in which a worker says what it saw of
the JIT), by kind `stmt` and `setup`, or `command`, and `turns` where another process measures in turn with this one (bench_interleave.py).
pyperf starts this file again for each of its workers.
"""

from __future__ import annotations

import atexit
import importlib
import itertools
import json
import os
import shlex
import subprocess  # noqa: TID251 - in another process than ours, whose group is ended with what it starts
import sys
import time
import timeit
from typing import Any

import pyperf

# What is measured must outlive the measurement, to be looked at.
_KEPT: list[Any] = []


def main() -> None:
    runner = pyperf.Runner(add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--spec", required=True)
    patient()
    args = runner.parse_args()
    with open(args.spec, encoding="utf-8") as file:
        spec = json.load(file)
    turns = None
    if args.worker:
        silence()
        atexit.register(_write_facts, spec, os.getpid())
        turns = wait(spec)
    _measure(runner, spec, turns)


def patient() -> None:
    """Let pyperf's manager not kill a worker that has told its values and does not end within a minute (_manager.py).

    It may be waiting for another that measures in turn; and jitbuild has a time-out of its own.
    """
    import pyperf._manager as manager

    if hasattr(manager, "EXIT_TIMEOUT"):
        manager.EXIT_TIMEOUT = None


def wait(spec: dict[str, Any], task: int = 0) -> Any:
    """Until it is this worker's turn to run; None where it has no other beside it. What is registered before is done after all."""
    turns = _beside("bench_interleave").of(spec, task)
    if turns is not None:
        atexit.register(turns.finish)
    return turns


def _measure(runner: Any, spec: dict[str, Any], turns: Any) -> None:
    passing = _beside("bench_interleave")
    if spec["kind"] == "command":
        _measure_command(runner, spec["name"], spec["command"])
    elif spec["kind"] == "stmt":
        timer: Any = timeit.Timer(spec["stmt"], spec["setup"])
        _KEPT.append(timer)
        inner = passing.each(
            lambda loops: timer.inner(itertools.repeat(None, loops), time.perf_counter), turns
        )
        runner.bench_time_func(spec["name"], inner)
    else:
        program = passing.timed(_beside("bench_programs").PROGRAMS[spec["name"]])
        runner.bench_time_func(spec["name"], passing.each(program, turns))


def _beside(name: str) -> Any:
    """A module of this file's own folder, which is on sys.path and may belong to anybody: no bytecode is written into it."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(name)
    finally:
        sys.dont_write_bytecode = before


def _measure_command(runner: Any, name: str, command: list[str]) -> None:
    shown = " ".join(map(shlex.quote, command))
    if len(shown.splitlines()) == 1:
        runner.bench_command(name, command)
    else:  # pyperf puts the command into its metadata, and refuses lines there
        runner.bench_time_func(
            name, _run, command, metadata={"command": " ".join(shown.splitlines())}
        )


def _run(loops: int, command: list[str]) -> float:
    begun = time.perf_counter()
    for _ in range(loops):
        code = subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if code:
            raise ChildProcessError(f"Command failed with exit code {code}")
    return time.perf_counter() - begun


def _pass_on(command: list[str], args: Any) -> None:
    command += ["--spec", args.spec]


def silence() -> None:
    """What is measured may print as much as it likes: a worker answers through a pipe of its own. Only why it failed is let out."""
    nowhere, errors = os.open(os.devnull, os.O_WRONLY), os.dup(2)
    for number in (1, 2):
        os.dup2(nowhere, number)

    def tell(*error: Any) -> None:
        os.dup2(errors, 2)
        sys.__excepthook__(*error)

    sys.excepthook = tell


def _write_facts(spec: dict[str, Any], own: int) -> None:
    if os.getpid() != own:  # a child that what is measured forked
        return
    facts = _beside("bench_executors").facts()
    if spec["kind"] == "command":
        # The program was another process; in this one it was waited for.
        del facts["functions"]
    with open(spec["facts"], "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    # pyperf's workers are named by sys.argv[0].
    sys.argv[0] = os.path.abspath(__file__)
    main()
