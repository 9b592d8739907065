"""What differs between the runs of several modes: runs in, findings out. Pure.

A thing compared (a test, or how the command ended) is steady in a mode when every repeat shows the same. Steady in both modes
and not the same: it differs with the JIT. Not steady in some mode: flaky. A crash that the baseline never has is a difference
even when not every repeat crashes: nothing else than the code under test makes a process fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jitbuild.diff import crash_trace as trace
from jitbuild.diff import timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jitbuild.diff.runs import Run
    from jitbuild.diff.timing import Timing
    from jitbuild.modes import Mode

COMMAND = "the command"
Kind = Literal["test", "ending", "crash"]
Outcomes = dict["Mode", tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Something that differs between the baseline and `modes`.

    `subject` is a test's id or `the command`; `outcomes` has every repeat of every mode that could be told; `detail` is the
    message of the test, the trace of the crash or the last lines of the output; `log` is where all of it was kept, `repeat`
    the line to type that shows it again.
    """

    subject: str
    kind: Kind
    modes: tuple[Mode, ...]
    outcomes: Outcomes
    detail: tuple[str, ...]
    log: str | None
    repeat: str

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "kind": self.kind,
            "modes": list(self.modes),
            "outcomes": {mode: list(outcomes) for mode, outcomes in self.outcomes.items()},
            "detail": list(self.detail),
            "log": self.log,
            "repeat": self.repeat,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaky:
    """Something that differs between repeats of one mode."""

    subject: str
    outcomes: Outcomes

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "outcomes": {mode: list(outcomes) for mode, outcomes in self.outcomes.items()},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a comparison found, each in the order of its subjects."""

    differences: tuple[Difference, ...]
    flaky: tuple[Flaky, ...]
    timings: tuple[Timing, ...]


def baseline_of(modes: Sequence[Mode]) -> Mode:
    """What the other modes are compared with: `off` where it is one of them, else the first."""
    return "off" if "off" in modes else modes[0]


def compare(
    runs: Sequence[Run], modes: Sequence[Mode], repeat: Callable[[Mode, str | None], str]
) -> Findings:
    """Compare `runs`, of each of `modes` equally many. `repeat` makes the line that repeats the command, or a test, in a mode."""
    by_mode = {mode: [run for run in runs if run.mode == mode] for mode in modes}
    baseline = baseline_of(modes)
    differences: list[Difference] = []
    flaky: list[Flaky] = []
    for subject, outcomes in _tests(by_mode):
        if changed := _changed(outcomes, baseline):
            differences.append(_test_difference(subject, changed, outcomes, by_mode, repeat))
        elif _unsteady(outcomes):
            flaky.append(Flaky(subject=subject, outcomes=outcomes))
    endings: Outcomes = {mode: tuple(run.ending for run in each) for mode, each in by_mode.items()}
    crashes = list(_crashes(by_mode, endings, baseline, repeat))
    crashing = {mode for found in crashes for mode in found.modes}
    differences += crashes
    compared = {
        mode: tuple(map(_untold, each)) for mode, each in by_mode.items() if mode not in crashing
    }
    if changed := _changed(compared, baseline):
        differences.append(_ending_difference(changed, endings, by_mode, repeat))
    elif _unsteady(compared):
        flaky.append(Flaky(subject=COMMAND, outcomes=endings))
    timings = tuple(
        _timing(mode, by_mode[baseline], each) for mode, each in by_mode.items() if mode != baseline
    )
    return Findings(differences=tuple(differences), flaky=tuple(flaky), timings=timings)


def _tests(by_mode: Mapping[Mode, Sequence[Run]]) -> Iterator[tuple[str, Outcomes]]:
    """Every test with its outcomes by mode, from the runs that can tell."""
    names: dict[str, None] = {}
    for runs in by_mode.values():
        names.update((name, None) for run in runs for name in run.tests or ())
    for name in names:
        outcomes = {
            mode: tuple(outcome for run in runs if (outcome := _outcome(run, name)))
            for mode, runs in by_mode.items()
        }
        yield name, {mode: each for mode, each in outcomes.items() if each}


def _outcome(run: Run, name: str) -> str | None:
    """How a test ended. None where that is not known: a run that failed may have ended before the test's turn."""
    if run.tests is None:
        return None
    test = run.tests.get(name)
    if test is not None:
        return test.outcome
    return "not run" if run.ok else None


def _changed(outcomes: Outcomes, baseline: Mode) -> tuple[Mode, ...]:
    """The modes that steadily show something else than the baseline steadily does."""
    usual = set(outcomes.get(baseline, ()))
    if len(usual) != 1:
        return ()
    return tuple(
        mode for mode, each in outcomes.items() if len(set(each)) == 1 and set(each) != usual
    )


def _unsteady(outcomes: Outcomes) -> bool:
    return any(len(set(each)) > 1 for each in outcomes.values())


def _untold(run: Run) -> str:
    """How a run ended, as far as its tests do not already say it."""
    if run.tests is None:
        return run.ending
    failed = any(test.outcome in {"failed", "error"} for test in run.tests.values())
    return "as its tests" if run.ending == ("exit 1" if failed else "exit 0") else run.ending


def _test_difference(
    subject: str,
    modes: tuple[Mode, ...],
    outcomes: Outcomes,
    by_mode: Mapping[Mode, Sequence[Run]],
    repeat: Callable[[Mode, str | None], str],
) -> Difference:
    shown = next(run for run in by_mode[modes[0]] if _outcome(run, subject))
    told = [
        run.tests[subject].message
        for runs in by_mode.values()
        for run in runs
        if run.tests and subject in run.tests
    ]
    return Difference(
        subject=subject,
        kind="test",
        modes=modes,
        outcomes=outcomes,
        detail=tuple([message for message in told if message][:1]),
        log=_log(shown),
        repeat=repeat(modes[0], subject),
    )


def _crashes(
    by_mode: Mapping[Mode, Sequence[Run]],
    endings: Outcomes,
    baseline: Mode,
    repeat: Callable[[Mode, str | None], str],
) -> Iterator[Difference]:
    """One for each place at which modes crash and the baseline never does."""
    if any(run.crashed for run in by_mode[baseline]):
        return
    known = {name for runs in by_mode.values() for run in runs for name in run.tests or ()}
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in (run for runs in by_mode.values() for run in runs if run.crashed):
        found.setdefault((run.ending, *trace.shortened(run.trace)[1:]), []).append(run)
    for runs in found.values():
        test = trace.test_in(runs[0].trace, known)
        yield Difference(
            subject=test or COMMAND,
            kind="crash",
            modes=tuple(dict.fromkeys(run.mode for run in runs)),
            outcomes=endings,
            detail=trace.shortened(runs[0].trace) or runs[0].tail,
            log=_log(runs[0]),
            repeat=repeat(runs[0].mode, test),
        )


def _ending_difference(
    modes: tuple[Mode, ...],
    endings: Outcomes,
    by_mode: Mapping[Mode, Sequence[Run]],
    repeat: Callable[[Mode, str | None], str],
) -> Difference:
    shown = _worst(by_mode[modes[0]])
    # Where the baseline is what failed, its output says more.
    telling = shown if not shown.ok else _worst([run for runs in by_mode.values() for run in runs])
    return Difference(
        subject=COMMAND,
        kind="ending",
        modes=modes,
        outcomes=endings,
        detail=trace.shortened(telling.trace) or telling.tail,
        log=_log(telling),
        repeat=repeat(telling.mode, None),
    )


def _worst(runs: Iterable[Run]) -> Run:
    return min(runs, key=lambda run: run.ok)


def _log(run: Run) -> str | None:
    return None if run.log is None else str(run.log)


def _timing(mode: Mode, baseline: Sequence[Run], runs: Sequence[Run]) -> Timing:
    """What crashed, hung or failed in another way took another road: only runs that ended alike are compared."""
    every = [*baseline, *runs]
    alike = all(run.ended_itself for run in every) and (
        len({run.ending for run in every}) == 1 or all(run.tests for run in every)
    )
    return timing.compare(
        mode, [run.seconds for run in baseline], [run.seconds for run in runs], comparable=alike
    )
