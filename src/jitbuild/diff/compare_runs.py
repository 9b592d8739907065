"""Compare the runs of several modes and return what differs. Pure.

The subjects of a comparison are the tests and the command itself. The outcome of the command is its
ending. A subject is stable in a mode if it has the same outcome in every repeat of that mode. The
outcomes of a mode are compared with those of the baseline:

- A subject differs with the JIT if it is stable in both modes, with different outcomes.
- Any other subject is flaky if it is unstable in at least one mode.
- A crash is a difference even if only some repeats crash, because nothing but the code under test
  makes a process crash. A crash is not a difference if the baseline crashes too, in the same test.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.diff.command_run import is_crash
from jitbuild.diff.compare_times import compare_times
from jitbuild.diff.crash_trace import shorten_trace
from jitbuild.diff.findings import COMMAND, Difference, DiffFindings, Flaky
from jitbuild.running.intervals import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.compare_times import ModeTiming
    from jitbuild.diff.findings import Outcomes
    from jitbuild.modes import Mode


class _Comparison(NamedTuple):
    """The runs by mode, the baseline, and the `repeat` function of `compare_runs`."""

    runs: Mapping[Mode, Sequence[CommandRun]]
    baseline: Mode
    repeat: Callable[[Mode, str | None], str]

    def all_runs(self) -> Iterator[CommandRun]:
        for runs in self.runs.values():
            yield from runs


def baseline_of(modes: Sequence[Mode]) -> Mode:
    """Return the mode with which the other modes are compared: `off` if present, else the first."""
    return "off" if "off" in modes else modes[0]


def compare_runs(
    runs: Sequence[CommandRun], modes: Sequence[Mode], repeat: Callable[[Mode, str | None], str]
) -> DiffFindings:
    """Compare `runs`, which contains the same number of runs in each of `modes`.

    `repeat` returns a command line for a mode and the id of a test. That command line runs only the
    test or, if the id is None, the whole command.
    """
    by_mode = {mode: [run for run in runs if run.mode == mode] for mode in modes}
    comparison = _Comparison(by_mode, baseline_of(modes), repeat)
    differences: list[Difference] = []
    flaky: list[Flaky] = []
    for subject, outcomes in _test_outcomes(comparison):
        if crashed := _crashed_modes(outcomes, comparison.baseline):
            differences.append(_test_crash(comparison, subject, crashed, outcomes))
        elif changed := _changed_modes(outcomes, comparison.baseline):
            differences.append(_test_difference(comparison, subject, changed, outcomes))
        elif _is_unstable(outcomes):
            flaky.append(Flaky(subject=subject, outcomes=outcomes))
    endings: Outcomes = {
        mode: tuple((run.last or run).ending for run in by_mode[mode]) for mode in modes
    }
    crashes = list(_command_crashes(comparison, endings))
    differences += crashes
    unexplained = _unexplained_endings(comparison, crashes)
    if changed := _changed_modes(unexplained, comparison.baseline):
        differences.append(_ending_difference(comparison, changed, endings))
    elif _is_unstable(unexplained):
        flaky.append(Flaky(subject=COMMAND, outcomes=endings))
    timings = tuple(_timing(comparison, mode) for mode in modes if mode != comparison.baseline)
    return DiffFindings(differences=tuple(differences), flaky=tuple(flaky), timings=timings)


def _test_outcomes(comparison: _Comparison) -> Iterator[tuple[str, Outcomes]]:
    """Yield every test with its known outcomes by mode."""
    names = {name: None for run in comparison.all_runs() for name in run.tests or ()}
    for name in names:
        outcomes = {
            mode: tuple(outcome for run in runs if (outcome := _outcome(run, name)))
            for mode, runs in comparison.runs.items()
        }
        yield name, {mode: repeats for mode, repeats in outcomes.items() if repeats}


def _outcome(run: CommandRun, name: str) -> str | None:
    """Return the outcome of the test `name` in `run`; None if it is unknown.

    It is unknown if the test is missing in a run that may have ended before that test.
    """
    if run.tests is None:
        return None
    test = run.tests.get(name)
    if test is not None:
        return test.outcome
    return "not run" if run.ran_every_test else None


def _changed_modes(outcomes: Outcomes, baseline: Mode) -> tuple[Mode, ...]:
    """Return the modes whose stable outcome differs from the stable outcome of the baseline."""
    expected = set(outcomes.get(baseline, ()))
    if len(expected) != 1:
        return ()
    return tuple(
        mode
        for mode, repeats in outcomes.items()
        if len(set(repeats)) == 1 and set(repeats) != expected
    )


def _is_unstable(outcomes: Outcomes) -> bool:
    return any(len(set(repeats)) > 1 for repeats in outcomes.values())


def _unexplained_endings(comparison: _Comparison, crashes: Sequence[Difference]) -> Outcomes:
    """Return the endings of the runs by mode, except the modes whose crashes are reported.

    Endings that follow from the outcomes of the tests are replaced by a constant, since the tests
    are compared themselves.
    """
    crashing = {mode for crash in crashes for mode in crash.modes}
    return {
        mode: tuple(map(_ending_beyond_tests, runs))
        for mode, runs in comparison.runs.items()
        if mode not in crashing
    }


def _ending_beyond_tests(run: CommandRun) -> str:
    """Return the ending of a run, or a constant if the outcomes of its tests explain it."""
    if run.interruptions:
        return "as its tests" if run.rest is None or run.rest.exited else run.rest.ending
    if run.tests is None:
        return run.ending
    failed = any(test.outcome in {"failed", "error"} for test in run.tests.values())
    return "as its tests" if run.ending == f"exit {int(failed)}" else run.ending


def _crashed_modes(outcomes: Outcomes, baseline: Mode) -> tuple[Mode, ...]:
    """Return the modes in which a test crashed; () if it crashed in the baseline too."""
    if any(map(is_crash, outcomes.get(baseline, ()))):
        return ()
    return tuple(mode for mode, repeats in outcomes.items() if any(map(is_crash, repeats)))


def _test_crash(
    comparison: _Comparison, subject: str, modes: tuple[Mode, ...], outcomes: Outcomes
) -> Difference:
    first = next(
        interruption
        for run in comparison.all_runs()
        if run.mode in modes
        for interruption in run.interruptions
        if interruption.test == subject and is_crash(interruption.ending)
    )
    return Difference(
        subject=subject,
        kind="crash",
        modes=modes,
        outcomes=outcomes,
        detail=shorten_trace(first.trace),
        log=None if first.log is None else str(first.log),
        repeat=comparison.repeat(modes[0], subject),
    )


def _test_difference(
    comparison: _Comparison, subject: str, modes: tuple[Mode, ...], outcomes: Outcomes
) -> Difference:
    shown = next(run for run in comparison.runs[modes[0]] if _outcome(run, subject))
    results = [(run.tests or {}).get(subject) for run in comparison.all_runs()]
    messages = [result.message for result in results if result and result.message]
    own = (shown.tests or {}).get(subject)
    log = (own.log if own else None) or shown.log
    return Difference(
        subject=subject,
        kind="test",
        modes=modes,
        outcomes=outcomes,
        detail=tuple(messages[:1]),
        log=None if log is None else str(log),
        repeat=comparison.repeat(modes[0], subject),
    )


def _command_crashes(comparison: _Comparison, endings: Outcomes) -> Iterator[Difference]:
    """Yield a difference for each distinct crash outside a test.

    Yield nothing if the baseline crashes outside a test, too.
    """
    crashed = [last for run in comparison.all_runs() if (last := run.last) and last.crashed]
    if any(run.mode == comparison.baseline for run in crashed):
        return
    crashes: dict[tuple[str, ...], list[CommandRun]] = {}
    for run in crashed:
        place = (run.ending, *shorten_trace(run.trace)[1:])
        crashes.setdefault(place, []).append(run)
    for runs in crashes.values():
        yield Difference(
            subject=COMMAND,
            kind="crash",
            modes=tuple(dict.fromkeys(run.mode for run in runs)),
            outcomes=endings,
            detail=shorten_trace(runs[0].trace) or runs[0].tail,
            log=_log(runs[0]),
            repeat=comparison.repeat(runs[0].mode, None),
        )


def _ending_difference(
    comparison: _Comparison, modes: tuple[Mode, ...], endings: Outcomes
) -> Difference:
    shown = _failed_first(comparison.runs[modes[0]])
    if shown.ok:  # In this case the baseline failed, and its output is more informative.
        shown = _failed_first(comparison.all_runs())
    return Difference(
        subject=COMMAND,
        kind="ending",
        modes=modes,
        outcomes=endings,
        detail=shorten_trace(shown.trace) or shown.tail,
        log=_log(shown),
        repeat=comparison.repeat(shown.mode, None),
    )


def _failed_first(runs: Iterable[CommandRun]) -> CommandRun:
    """Return the first run that failed, else the first run, with the process that ended it."""
    return min((run.last or run for run in runs), key=lambda run: run.ok)


def _log(run: CommandRun) -> str | None:
    return None if run.log is None else str(run.log)


def _timing(comparison: _Comparison, mode: Mode) -> ModeTiming:
    """Compare the times of `mode` with those of the baseline, if the runs did the same work."""
    baseline, runs = comparison.runs[comparison.baseline], comparison.runs[mode]
    both = [*baseline, *runs]
    timing = compare_times(
        mode,
        [run.seconds for run in baseline],
        [run.seconds for run in runs],
        obstacle=_obstacle(both),
    )
    # The observation takes the same time in both modes, which hides small differences.
    hidden = max(run.observed_share for run in both) > MARGIN
    return (
        replace(timing, result="undecided")
        if hidden and timing.result == "no difference"
        else timing
    )


def _obstacle(runs: Sequence[CommandRun]) -> str:
    """Return why the times of `runs` cannot be compared; "" if they can.

    The times are comparable if all runs exited by themselves, and either ended in the same way or
    all have test outcomes. Other runs may have done different work.
    """
    unended = [run.ending for run in runs if not run.exited]
    if unended:
        return f"not every run exited by itself ({unended[0]})"
    if any(run.lost_worker for run in runs):
        return "a worker of pytest-xdist crashed"
    endings = sorted({run.ending for run in runs})
    if len(endings) > 1 and not all(run.tests for run in runs):
        return f"the runs ended differently ({', '.join(endings)})"
    return ""
