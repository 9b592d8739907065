"""Runs a command in each mode, interleaved, and reads what every run left."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.diff import crash_trace as trace
from jitbuild.diff import junit
from jitbuild.diff.runs import Run
from jitbuild.errors import ComparisonError, UsageError
from jitbuild.running import command as words
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.modes import Mode
    from jitbuild.system.progress import Reporter

_TAIL_LINES = 12
_LONGEST_LINE = 300
_FOLLOW_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What is run: `command` as it was typed, `argv` makes the words to start of it, `env` what they see in a mode.

    Logs are made in `scratch`; those of runs that did not end well, or all with `keep_all`, are kept in `logs`, named after
    `prefix`, the mode and the round. `live` copies the output to stderr as it comes.
    """

    command: tuple[str, ...]
    argv: Callable[[Sequence[str]], list[str]]
    env: Callable[[Mode], Mapping[str, str]]
    modes: tuple[Mode, ...]
    repeats: int
    timeout: float | None
    scratch: Path
    logs: Path
    prefix: str = ""
    keep_all: bool = False
    live: bool = False


def run_all(
    job: Job,
    *,
    reporter: Reporter,
    recorder: process.Recorder = process.record,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Run]:
    """Run every mode in every round, every second round in the opposite order, so that what drifts meets all modes alike.

    Raises UsageError when the command cannot be started, ComparisonError when the first round shows nothing in any mode.
    """
    runs = []
    for number in range(1, job.repeats + 1):
        for mode in job.modes if number % 2 else reversed(job.modes):
            of = f", round {number} of {job.repeats}" if job.repeats > 1 else ""
            with reporter.stage(f"{mode}{of}") as stage:
                run = _run(job, mode, number, recorder, clock)
                stage.detail(run.ending)
            runs.append(run)
        if number == 1:
            _check(job, runs)
    return runs


def _check(job: Job, runs: Sequence[Run]) -> None:
    """Refuse to go on where no mode shows anything: that would look as if nothing differed. Raises ComparisonError."""
    last = next((f"\n  {run.tail[-1]}" for run in runs if run.tail), "")
    logs = f" The log: {runs[0].log}" if runs[0].log else ""
    if all(run.timed_out for run in runs):
        what = f"The command did not end within {job.timeout:g} seconds in any mode, so nothing was compared. It last said:{last}"
        raise ComparisonError(
            what if last else what.removesuffix(" It last said:"),
            remedy=f"Give it a longer --timeout.{logs}",
        )
    silent = (
        all(run.ended_itself and not run.tests for run in runs)
        and len({run.ending for run in runs}) == 1
    )
    if silent and words.pytest_arguments_index(job.command) is not None:
        raise ComparisonError(
            f"pytest ran no test in any mode ({runs[0].ending}), so nothing was compared.{last}",
            remedy=f"Correct the command; `--with pytest` gives it an environment that has pytest.{logs}",
        )


def _run(
    job: Job, mode: Mode, number: int, recorder: process.Recorder, clock: Callable[[], float]
) -> Run:
    begin = words.pytest_arguments_index(job.command)
    log, xml = (job.scratch / f"{job.prefix}{mode}-{number}.{kind}" for kind in ("log", "xml"))
    argv = job.argv(
        job.command if begin is None else words.with_junit_report(job.command, begin, xml)
    )
    with log.open("wb") as file, _followed(log) if job.live else contextlib.nullcontext():
        begun = clock()
        try:
            done = recorder(argv, env=job.env(mode), log=file, timeout=job.timeout)
        except OSError as error:
            raise cannot_run(argv[0], error.strerror or str(error)) from error
        taken = clock() - begun
    lines = log.read_bytes().decode("utf-8", "replace").splitlines()
    run = Run(
        mode=mode,
        round=number,
        returncode=done.returncode,
        timed_out=done.timed_out,
        seconds=taken,
        tests=None if begin is None else _tests(xml),
        trace=trace.find(lines),
        tail=tuple(line[:_LONGEST_LINE] for line in lines if line.strip())[-_TAIL_LINES:],
    )
    return _kept(job, run, log) if job.keep_all or not run.ok else run


def cannot_run(program: str, reason: str) -> UsageError:
    """The error for a command that does not start."""
    return UsageError(
        f"{program} cannot be run: {reason}.",
        remedy="After -- comes a program on PATH, `python`, a .py file, or a flag for the interpreter; "
        "--with PKG installs what the interpreter lacks.",
    )


def _tests(xml: Path) -> Mapping[str, junit.Test] | None:
    try:
        data = xml.read_bytes()
    except OSError:
        return None
    return junit.parse(data, is_file=lambda path: Path(path).is_file())


def _kept(job: Job, run: Run, log: Path) -> Run:
    from dataclasses import replace

    from jitbuild.system.files import store_errors

    with store_errors(job.logs):
        job.logs.mkdir(parents=True, exist_ok=True)
        return replace(run, log=Path(shutil.copy(log, job.logs / log.name)))


@contextlib.contextmanager
def _followed(log: Path) -> Iterator[None]:
    """Copy what is written to `log` to stderr while the block runs."""
    done = threading.Event()

    def follow() -> None:
        with log.open("rb") as file:
            while True:
                last = done.wait(_FOLLOW_SECONDS)
                sys.stderr.write(file.read().decode("utf-8", "replace"))
                sys.stderr.flush()
                if last:
                    return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()
