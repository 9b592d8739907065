"""Run a command once in a mode, and read its output and its records."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.diff.advice import Given
from jitbuild.diff.command_run import CommandRun
from jitbuild.diff.crash_trace import find_trace
from jitbuild.diff.no_test import ran_no_test
from jitbuild.errors import ComparisonError
from jitbuild.running.command import pytest_arguments_index
from jitbuild.running.programs import cannot_start
from jitbuild.system import process
from jitbuild.system.files import make_folders, store_errors
from jitbuild.system.safe_stream import raw

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from jitbuild.diff.recorder_folder import RecorderFolder
    from jitbuild.diff.run_witness import RunWitness
    from jitbuild.diff.test_record import TestRecord
    from jitbuild.modes import Mode

_TAIL_LINES = 12
_TAIL_LINE_LENGTH = 300
_FOLLOW_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffJob:
    """A command to run in several modes, and the folders of its logs.

    `command` is the command as `plain_command` returns it. `argv` turns it into the arguments of a
    process, and `env` returns the environment of a mode. Logs are written to `scratch`, and their
    names begin with `prefix`. The logs of failed runs (with `keep_all`, those of all runs) are
    copied to `logs`. With `live`, the output is copied to stderr while the command runs. `timeout`
    is the limit of each run in seconds. `witness` observes the Python processes of the runs, and
    `tests` the tests, if the command runs pytest. Each run reads the file `stdin`. `given` returns
    what the user stated; it is called only for advice, because it reads the user's project.
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
    tests: RecorderFolder | None = None
    stdin: Path | None = None
    given: Callable[[], Given] = Given
    prefix: str = ""
    keep_all: bool = False
    live: bool = False

    @property
    def runs_pytest(self) -> bool:
        """True if the command runs pytest."""
        return pytest_arguments_index(self.command) is not None


class RunEffects(NamedTuple):
    """The effects of a run: the function that runs the command, and the clock."""

    recorder: process.Recorder = process.record
    clock: Callable[[], float] = time.perf_counter


class RecordedRun(NamedTuple):
    """A run, and the records of its tests; None if the command recorded none."""

    run: CommandRun
    record: TestRecord | None


def run_once(
    job: DiffJob,
    mode: Mode,
    name: str,
    effects: RunEffects,
    *,
    number: int,
    leave_out: Collection[str] = (),
) -> RecordedRun:
    """Run the command in `mode`, and return the run of the round `number`.

    `name` is the name of its log. The tests `leave_out` do not run. Raise UsageError when the
    command cannot be started, and ComparisonError when it has deleted its log.
    """
    log = job.scratch / f"{job.prefix}{name}.log"
    command, env = _prepared(job, mode, leave_out)
    argv = job.argv(command)
    with log.open("wb") as file, _followed(log) if job.live else contextlib.nullcontext():
        started = effects.clock()
        try:
            result = effects.recorder(argv, env=env, log=file, timeout=job.timeout, stdin=job.stdin)
        except OSError as error:
            raise cannot_start(argv[0], error.strerror or str(error)) from error
        seconds = effects.clock() - started
    lines = read_log(log)
    output = [line[:_TAIL_LINE_LENGTH] for line in lines if line.strip()]
    record = None if job.tests is None else job.tests.collect()
    run = CommandRun(
        mode=mode,
        round=number,
        returncode=result.returncode,
        timed_out=result.timed_out,
        # The time of the measurement would make the modes more alike.
        seconds=max(seconds - record.seconds, 0.0) if record else seconds,
        tests=None if record is None else record.results,
        trace=find_trace(lines),
        tail=tuple(output[-_TAIL_LINES:]),
        testimonies=job.witness.collect(mode),
        usage=() if record is None else record.usage,
    )
    useful = job.keep_all or not run.ok or (job.runs_pytest and ran_no_test(run))
    return RecordedRun(_with_kept_log(job, run, log) if useful else run, record)


def read_log(log: Path) -> list[str]:
    """Return the lines of a log; raise ComparisonError if it cannot be read."""
    try:
        return log.read_bytes().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise ComparisonError(
            f"The log of the command cannot be read: {error.strerror}: {log}",
            remedy=f"The command must not delete or change files in {log.parent}.",
        ) from error


def _prepared(
    job: DiffJob, mode: Mode, leave_out: Collection[str]
) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the command and its environment, with the recorder of tests and the witness."""
    command: Sequence[str] = job.command
    env = job.env(mode)
    begin = pytest_arguments_index(command)
    if job.tests is not None and begin is not None:
        job.tests.prepare(leave_out)
        command, env = job.tests.command(command, begin), job.tests.environment(env)
    return command, job.witness.environment(mode, env)


def _with_kept_log(job: DiffJob, run: CommandRun, log: Path) -> CommandRun:
    with store_errors(job.logs):
        make_folders(job.logs)
        return replace(run, log=Path(shutil.copy(log, job.logs / log.name)))


@contextlib.contextmanager
def _followed(log: Path) -> Iterator[None]:
    """Copy everything that is written to `log` to stderr while the block runs."""
    ended = threading.Event()
    stderr = raw(sys.stderr)  # the output of the user's command is not changed

    def follow() -> None:
        with log.open("rb") as file:
            while True:
                # After the end, read once more to get the last output.
                last = ended.wait(_FOLLOW_SECONDS)
                stderr.write(file.read().decode("utf-8", "replace"))
                stderr.flush()
                if last:
                    return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
