"""Run a command in each mode, interleaved, and read the output and test report of every run."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.crash_trace import find_trace
from jitbuild.diff.junit_xml import parse_junit_xml
from jitbuild.diff.no_test import explain_no_test, ran_no_test
from jitbuild.errors import ComparisonError
from jitbuild.running.command import pytest_arguments_index, with_junit_report
from jitbuild.running.programs import cannot_start
from jitbuild.system import process
from jitbuild.system.files import store_errors
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.diff.junit_xml import TestResult
    from jitbuild.diff.run_witness import RunWitness
    from jitbuild.modes import Mode
    from jitbuild.system.progress import Reporter

_TAIL_LINES = 12
_TAIL_LINE_LENGTH = 300
_FOLLOW_SECONDS = 0.1
# The messages of Modules/main.c and Lib/runpy.py.
_NOT_FOUND = re.compile(
    r"python[\w.]*: (can't open file |can't find '__main__' module |No module named |"
    r"Error while finding module specification )"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffJob:
    """A command to run in several modes, and the folders of its logs.

    `command` is the command as `plain_command` returns it. `argv` turns it into the arguments of a
    process, and `env` returns the environment of a mode. Logs are written to `scratch`, and their
    names begin with `prefix`. The logs of failed runs (with `keep_all`, those of all runs) are
    copied to `logs`. With `live`, the output is copied to stderr while the command runs. `timeout`
    is the limit of each run in seconds. `witness` observes the Python processes of the runs.
    """

    command: tuple[str, ...]
    argv: Callable[[Sequence[str]], list[str]]
    env: Callable[[Mode], Mapping[str, str]]
    modes: tuple[Mode, ...]
    repeats: int
    timeout: float | None
    witness: RunWitness
    scratch: Path
    logs: Path
    prefix: str = ""
    keep_all: bool = False
    live: bool = False


class _Effects(NamedTuple):
    recorder: process.Recorder
    clock: Callable[[], float]


def run_modes(
    job: DiffJob,
    *,
    reporter: Reporter,
    recorder: process.Recorder = process.record,
    clock: Callable[[], float] = time.perf_counter,
) -> list[CommandRun]:
    """Run the command once in each mode per round, and return the runs in order.

    Every second round runs the modes in reverse order, so gradual changes in the machine's speed
    affect all modes equally. Raise UsageError when the command cannot be started, and
    ComparisonError when no run of the first round did anything that could be compared.
    """
    effects = _Effects(recorder, clock)
    runs: list[CommandRun] = []
    for number in range(1, job.repeats + 1):
        for mode in job.modes if number % 2 else reversed(job.modes):
            suffix = f", round {number} of {job.repeats}" if job.repeats > 1 else ""
            with reporter.stage(f"{mode}{suffix}") as stage:
                run = _run(job, mode, number, effects)
                stage.detail(run.ending)
            runs.append(run)
        if number == 1:
            _check_first_round(job, runs)
    job.witness.check(runs)
    return runs


def _check_first_round(job: DiffJob, runs: Sequence[CommandRun]) -> None:
    """Raise ComparisonError if the first round shows that there is nothing to compare.

    This is the case if all runs timed out, if pytest ran no test, if Python did not find its
    program, or if the witness did not observe the interpreter in every mode. Without this check,
    the result would be "no difference", although nothing was compared.
    """
    log = f" The log: {runs[0].log}" if runs[0].log else ""
    output = next((f"\n  {run.tail[-1]}" for run in runs if run.tail), "")
    if all(run.timed_out for run in runs):
        last_output = f" Its last output:{output}" if output else ""
        raise ComparisonError(
            f"The command did not end within {count_noun(job.timeout or 0, 'second')} in any mode, "
            f"so nothing was compared.{last_output}",
            remedy=f"Use a longer --timeout.{log}",
        )
    same_ending = len({run.ending for run in runs}) == 1
    pytest = pytest_arguments_index(job.command) is not None
    if pytest and same_ending and all(map(ran_no_test, runs)):
        line, remedy = explain_no_test(runs[0].tail)
        shown = f"\n  {line}" if line else ""
        raise ComparisonError(
            f"pytest ran no test in any mode ({runs[0].ending}), so nothing was compared.{shown}",
            remedy=f"{remedy}{log}",
        )
    failed = same_ending and not runs[0].ok
    if failed and output and all(_NOT_FOUND.search(run.tail[-1]) for run in runs if run.tail):
        raise ComparisonError(
            f"Python did not find the program in any mode, so nothing was compared.{output}",
            remedy=f"Correct the command.{log}",
        )
    job.witness.check(runs)


def _run(job: DiffJob, mode: Mode, number: int, effects: _Effects) -> CommandRun:
    name = f"{job.prefix}{mode}-{number}"
    log, xml = job.scratch / f"{name}.log", job.scratch / f"{name}.xml"
    begin = pytest_arguments_index(job.command)
    command = job.command if begin is None else with_junit_report(job.command, begin, xml)
    argv = job.argv(command)
    with log.open("wb") as file, _followed(log) if job.live else contextlib.nullcontext():
        started = effects.clock()
        try:
            env = job.witness.environment(mode, job.env(mode))
            result = effects.recorder(argv, env=env, log=file, timeout=job.timeout)
        except OSError as error:
            raise cannot_start(argv[0], error.strerror or str(error)) from error
        seconds = effects.clock() - started
    lines = _read_log(log).decode("utf-8", "replace").splitlines()
    output = [line[:_TAIL_LINE_LENGTH] for line in lines if line.strip()]
    run = CommandRun(
        mode=mode,
        round=number,
        returncode=result.returncode,
        timed_out=result.timed_out,
        seconds=seconds,
        tests=None if begin is None else _read_tests(xml),
        trace=find_trace(lines),
        tail=tuple(output[-_TAIL_LINES:]),
        testimonies=job.witness.collect(mode),
    )
    return _with_kept_log(job, run, log) if job.keep_all or not run.ok else run


def _read_log(log: Path) -> bytes:
    try:
        return log.read_bytes()
    except OSError as error:
        raise ComparisonError(
            f"The log of the command cannot be read: {error.strerror}: {log}",
            remedy=f"The command must not delete or change files in {log.parent}.",
        ) from error


def _read_tests(xml: Path) -> Mapping[str, TestResult] | None:
    try:
        data = xml.read_bytes()
    except OSError:
        return None
    return parse_junit_xml(data, is_file=lambda path: Path(path).is_file())


def _with_kept_log(job: DiffJob, run: CommandRun, log: Path) -> CommandRun:
    with store_errors(job.logs):
        job.logs.mkdir(parents=True, exist_ok=True)
        return replace(run, log=Path(shutil.copy(log, job.logs / log.name)))


@contextlib.contextmanager
def _followed(log: Path) -> Iterator[None]:
    """Copy everything that is written to `log` to stderr while the block runs."""
    ended = threading.Event()

    def follow() -> None:
        with log.open("rb") as file:
            while True:
                # After the end, read once more to get the last output.
                last = ended.wait(_FOLLOW_SECONDS)
                sys.stderr.write(file.read().decode("utf-8", "replace"))
                sys.stderr.flush()
                if last:
                    return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
