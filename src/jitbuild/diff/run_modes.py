"""Run a command in each mode, interleaved, in rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.diff.first_round import check_first_round
from jitbuild.diff.rest_of_tests import with_rest
from jitbuild.diff.run_once import RunEffects, run_once

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.run_once import DiffJob, RecordedRun
    from jitbuild.modes import Mode
    from jitbuild.system.progress import Reporter

_EFFECTS = RunEffects()


def run_modes(
    job: DiffJob, *, reporter: Reporter, effects: RunEffects = _EFFECTS
) -> list[CommandRun]:
    """Run the command once in each mode per round, and return the runs in order.

    Every second round runs the modes in reverse order, so gradual changes in the machine's speed
    affect all modes equally. If a run of pytest crashed, the tests that did not run in it run after
    the round. Raise UsageError when the command cannot be started, and ComparisonError when no run
    of the first round did anything that could be compared.
    """
    runs: list[CommandRun] = []
    for number in range(1, job.repeats + 1):
        recorded = list(_round(job, number, reporter, effects))
        if number == 1:
            check_first_round(job, [each.run for each in recorded])
        runs += [_complete(job, each, reporter, effects) for each in recorded]
    job.witness.check(runs)
    return runs


def _round(
    job: DiffJob, number: int, reporter: Reporter, effects: RunEffects
) -> Iterator[RecordedRun]:
    for mode in job.modes if number % 2 else reversed(job.modes):
        with reporter.stage(_title(job, mode, number)) as stage:
            recorded = run_once(job, mode, f"{mode}-{number}", effects, number=number)
            stage.detail(recorded.run.ending)
        yield recorded


def _complete(
    job: DiffJob, first: RecordedRun, reporter: Reporter, effects: RunEffects
) -> CommandRun:
    """Return the run `first`, completed with the tests that did not run because it crashed."""
    mode, number = first.run.mode, first.run.round

    def again(process: int, leave_out: Collection[str]) -> RecordedRun:
        title = f"{_title(job, mode, number)}: the remaining tests, in process {process}"
        with reporter.stage(title) as stage:
            name = f"{mode}-{number}-process-{process}"
            recorded = run_once(job, mode, name, effects, number=number, leave_out=leave_out)
            stage.detail(recorded.run.ending)
        return recorded

    return with_rest(first, again)


def _title(job: DiffJob, mode: Mode, number: int) -> str:
    return f"{mode}, round {number} of {job.repeats}" if job.repeats > 1 else mode
