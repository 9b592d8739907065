"""Measure a program, statement or command as pyperf's runner or worker.

    python bench_worker.py --spec FILE [OPTION of pyperf ...]

This script runs in the interpreter under test, where pyperf is installed. pyperf starts it again
for each worker. FILE is the specification, a JSON object:

kind: quick, stmt or command
name: the name of the benchmark
stmt, setup: the code, for the kind stmt
command: the list of words, for the kind command
facts: the file to which a worker writes its facts about the JIT
interleaving: set if this process measures in turns with another one (see bench_interleave.py)
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import runpy
import shlex
import subprocess  # noqa: TID251 - not in our process; its group is ended with all it starts
import sys
import time
import timeit
from types import SimpleNamespace
from typing import Any

import pyperf

_FOLDER = os.path.dirname(os.path.abspath(__file__))
# Keeps the measured code alive after the measurement, so that it can be inspected.
_kept: list[Any] = []


def main() -> None:
    """Measure what the specification names."""
    leave_import_path()
    runner = pyperf.Runner(add_cmdline_args=_add_spec)
    runner.argparser.add_argument("--spec", required=True)
    disable_exit_timeout()
    args = runner.parse_args()
    with open(args.spec, encoding="utf-8") as file:
        spec = json.load(file)
    interleaving = None
    if args.worker:
        discard_output()
        atexit.register(_write_facts, spec, os.getpid())
        interleaving = join_interleaving(spec)
    _measure(runner, spec, interleaving)


def leave_import_path() -> None:
    """Remove this file's folder from sys.path, so that its modules hide no others."""
    folder = os.path.realpath(_FOLDER)
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != folder]


def disable_exit_timeout() -> None:
    """Keep pyperf's manager from killing a worker that has reported its values but does not end.

    pyperf's _manager.py would kill it after a minute, but the worker may be waiting for the other
    interleaved process. jitbuild has its own timeout.
    """
    import pyperf._manager as manager

    if hasattr(manager, "EXIT_TIMEOUT"):
        manager.EXIT_TIMEOUT = None


def join_interleaving(spec: dict[str, Any], task: int = 0) -> Any:
    """Wait for this worker's first turn, and return its interleaving; None if it runs alone.

    An exit handler ends the interleaving. Exit handlers that were registered before this call run
    after that handler.
    """
    interleaving = _sibling("bench_interleave").join(spec, task)
    if interleaving is not None:
        atexit.register(interleaving.finish)
    return interleaving


def _measure(runner: Any, spec: dict[str, Any], interleaving: Any) -> None:
    interleave = _sibling("bench_interleave")
    if spec["kind"] == "command":
        _measure_command(runner, spec["name"], spec["command"])
        return
    if spec["kind"] == "stmt":
        timer: Any = timeit.Timer(spec["stmt"], spec["setup"])
        _kept.append(timer)

        def measure(loops: int) -> float:
            return float(timer.inner(itertools.repeat(None, loops), time.perf_counter))
    else:
        program = _sibling("bench_programs").PROGRAMS[spec["name"]]
        _kept.append(program)
        measure = interleave.timed(program)
    runner.bench_time_func(spec["name"], interleave.interleaved(measure, interleaving))


def _sibling(name: str) -> Any:
    """Load a module of this folder so that measured code can neither replace nor import it."""
    return SimpleNamespace(**runpy.run_path(os.path.join(_FOLDER, f"{name}.py")))


def _measure_command(runner: Any, name: str, command: list[str]) -> None:
    text = " ".join(map(shlex.quote, command))
    if len(text.splitlines()) == 1:
        runner.bench_command(name, command)
    else:  # pyperf puts the command into its metadata, and refuses line breaks there
        metadata = {"command": " ".join(text.splitlines())}
        runner.bench_time_func(name, _run_command, command, metadata=metadata)


def _run_command(loops: int, command: list[str]) -> float:
    null = subprocess.DEVNULL
    start = time.perf_counter()
    for _ in range(loops):
        code = subprocess.call(command, stdin=null, stdout=null, stderr=null)
        if code:
            raise ChildProcessError(f"Command failed with exit code {code}")
    return time.perf_counter() - start


def _add_spec(command: list[str], args: Any) -> None:
    """Add the option --spec to the command line of a worker."""
    command += ["--spec", args.spec]


def discard_output() -> None:
    """Discard the output of the measured code, which may be large; keep a final traceback.

    The worker reports its values through a separate pipe.
    """
    null, errors = os.open(os.devnull, os.O_WRONLY), os.dup(2)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)

    def report(*error: Any) -> None:
        os.dup2(errors, 2)
        sys.__excepthook__(*error)

    sys.excepthook = report


def _write_facts(spec: dict[str, Any], process: int) -> None:
    if os.getpid() != process:  # a child that the program forked
        return
    facts = _sibling("bench_executors").facts()
    if spec["kind"] == "command":
        # The program ran in another process; this process only waited for it.
        del facts["functions"]
    with open(spec["facts"], "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    # pyperf starts its workers with the script in sys.argv[0].
    sys.argv[0] = os.path.abspath(__file__)
    main()
