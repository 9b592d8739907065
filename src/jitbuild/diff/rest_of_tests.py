"""Run the tests that did not run because an earlier test ended the process of pytest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jitbuild.diff.command_run import Interruption
from jitbuild.diff.test_record import TestResult

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.run_once import RecordedRun

# In a run, so many further processes are started at most.
MAX_PROCESSES = 10


def with_rest(
    first: RecordedRun, again: Callable[[int, Collection[str]], RecordedRun]
) -> CommandRun:
    """Return the run `first`, with the results of the tests that did not run in it.

    If a crash or the timeout ended the process in the middle of a test, `again` runs the command
    once more, in a new process, without the tests that it is given: those that ran, and those that
    ended a process. Its first argument is the number of the process, beginning with 2. This is
    repeated until all tests have run, until a process ends outside a test, or MAX_PROCESSES times.
    """
    parts = [first]
    interrupted = [_interruption(first)]
    while interrupted[-1] is not None and len(parts) <= MAX_PROCESSES:
        done = {test for part in parts if part.record for test in part.record.results}
        done |= {interruption.test for interruption in interrupted if interruption}
        if not _left(first, done):
            break
        parts.append(again(len(parts) + 1, done))
        interrupted.append(_interruption(parts[-1]))
    return _merged(parts, interrupted)


def _interruption(part: RecordedRun) -> Interruption | None:
    """Return the test in which the process ended; None if it exited, or if this is not known.

    With xdist, several tests run at once, and the process of a test is not that of the run.
    """
    run, record = part
    if record is None or len(record.running) != 1 or not (run.crashed or run.timed_out):
        return None
    return Interruption(record.running[0], run.ending, run.trace, run.log)


def _left(first: RecordedRun, done: Collection[str]) -> list[str]:
    collected = first.record.collected if first.record else ()
    return [test for test in collected if test not in done]


def _merged(parts: Sequence[RecordedRun], interrupted: Sequence[Interruption | None]) -> CommandRun:
    """Return the first run with the results of all parts, of which tests `interrupted` some."""
    run, record = parts[0]
    if record is None or run.exited:
        return run
    tests = dict(record.results)
    for part in parts[1:]:
        results = part.record.results if part.record else {}
        tests |= {name: replace(result, log=part.run.log) for name, result in results.items()}
    interruptions = tuple(filter(None, interrupted))
    for interruption in interruptions:
        tests[interruption.test] = TestResult(outcome=interruption.ending)
    return replace(
        run,
        tests=tests,
        testimonies=tuple(one for part in parts for one in part.run.testimonies),
        usage=tuple(one for part in parts for one in part.run.usage),
        interruptions=interruptions,
        not_run=tuple(_left(parts[0], tests)),
        rest=parts[-1].run if len(parts) > 1 and interrupted[-1] is None else None,
    )
