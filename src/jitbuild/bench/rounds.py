"""Measure a session: run the trial, then the rounds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from jitbuild.bench import (
    arm_witness,
    interleaving,
    plan,
    session_results,
    step_failures,
    step_process,
)
from jitbuild.bench.adaptive_rounds import AdaptiveRounds
from jitbuild.bench.round_progress import FixedRounds
from jitbuild.errors import MeasurementError
from jitbuild.system import concurrency, process
from jitbuild.system.files import make_folders, store_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jitbuild.bench.plan import Benchmark, BenchStep
    from jitbuild.bench.round_progress import RoundProgress
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.system.progress import Reporter


class ConcurrentRunner(Protocol):
    """Calls functions concurrently and returns their results (concurrency.run_concurrently)."""

    def __call__(
        self, *functions: Callable[[Reporter], MeasurementError | None], reporter: Reporter
    ) -> tuple[MeasurementError | None, ...]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementOutcome:
    """The outcome of a measurement.

    `interrupted_by` is the number of the signal that interrupted the measurement; None if it is
    complete. `resumed` is the number of steps that an earlier session had measured. `left_out` maps
    each benchmark of a suite that failed in every mode to the reason.
    """

    interrupted_by: int | None
    resumed: int
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        """True if a signal ended the measurement."""
        return self.interrupted_by is not None


@dataclass(frozen=True, slots=True)
class RoundEffects:
    """The functions that run processes and read the clock; tests replace them."""

    recorder: process.Recorder = process.record
    run_concurrently: ConcurrentRunner = concurrency.run_concurrently
    clock: Callable[[], float] = time.monotonic


_EFFECTS = RoundEffects()


def measure_rounds(
    session: MeasurementSession, *, reporter: Reporter, effects: RoundEffects = _EFFECTS
) -> MeasurementOutcome:
    """Run the steps whose results are not in the session's folder yet.

    The session's stopping rule determines the number of rounds.

    An interruption such as Ctrl-C ends the measurement early, and is reported in the outcome. If
    nothing has been measured yet, KeyboardInterrupt is raised instead. Raises MeasurementError if a
    benchmark fails, takes too long, or did not run the interpreter in the requested mode; earlier
    results are kept.
    """
    with store_errors(session.steps_folder):
        make_folders(session.steps_folder)
    last = session_results.last_round(session)
    groups = plan.group_interleaved(plan.measuring_steps(session.benchmarks, session.arms, last))
    resumed = sum(len(group) for group in groups if session.is_complete(*group))
    measurement = _Measurement(session, reporter, effects)
    try:
        left_out = measurement.try_all()
        arm_witness.check_trials(session)
        measurement.measure([each for each in session.benchmarks if each.name not in left_out])
    except KeyboardInterrupt as interrupt:
        if not any(session_results.measured_files(session, session.arms[0]).values()):
            raise
        return MeasurementOutcome(
            interrupted_by=int(getattr(interrupt, "number", 2)),
            resumed=resumed,
            left_out=session_results.exclusions(session),
        )
    return MeasurementOutcome(interrupted_by=None, resumed=resumed, left_out=left_out)


@dataclass(frozen=True, slots=True)
class _Measurement:
    """A session, and the reporter and effects that are needed to run its steps."""

    session: MeasurementSession
    reporter: Reporter
    effects: RoundEffects

    def try_all(self) -> dict[str, str]:
        """Run the trial: each benchmark once in each mode. Return the benchmarks to leave out.

        A benchmark of a suite that fails in every mode is left out, with the reason. Raises
        MeasurementError if a benchmark fails in only one mode, if a benchmark that is not part of a
        suite fails, or if all benchmarks fail in every mode.
        """
        session = self.session
        missing = [
            step
            for step in plan.trial_steps(session.benchmarks, session.arms)
            if not (session.is_complete(step) or session.exclusion_file(step.benchmark).exists())
        ]
        failures: dict[str, list[MeasurementError]] = {}
        for step, error in self._run_steps([(step,) for step in missing], "Trying each mode"):
            failed = failures.setdefault(step.benchmark.name, [])
            if error is not None:
                failed.append(error)
            self._check_trial(step, failed)
        left_out = session_results.exclusions(session)
        if len(left_out) == len(session.benchmarks):
            reasons = "\n".join(f"  {name}: {reason}" for name, reason in left_out.items())
            raise MeasurementError(
                f"None of the benchmarks runs, in any mode:\n{reasons}",
                remedy="Choose other benchmarks.",
            )
        return left_out

    def measure(self, benchmarks: Sequence[Benchmark]) -> None:
        """Measure the groups of steps of which at least one result is missing.

        Both steps of an interleaved group are repeated, even if only one result is missing. Raises
        MeasurementError if a step fails.
        """
        session = self.session
        if session.stopping.until_decided:
            adaptive = AdaptiveRounds(session, benchmarks, self.effects.clock)
            results = self._run_groups(adaptive.groups(), self._title(), adaptive)
        else:
            steps = plan.measuring_steps(benchmarks, session.arms, session.counts.rounds)
            groups = plan.group_interleaved(steps)
            missing = [group for group in groups if not session.is_complete(*group)]
            results = self._run_steps(missing, self._title())
        for _, error in results:
            if error is not None:
                raise error

    def _check_trial(self, step: BenchStep, failed: Sequence[MeasurementError]) -> None:
        """Raise the first failure of a benchmark, or record the reason why it is left out.

        `failed` are the failures of the benchmark's trial steps so far.
        """
        session, benchmark = self.session, step.benchmark
        trials = plan.trial_steps((benchmark,), session.arms)
        runs = any(session.is_complete(trial) for trial in trials)
        if failed and (runs or benchmark.kind != "suite"):
            raise failed[0]
        if len(failed) == len(session.arms):
            reason = step_failures.reason(failed[0])
            session.exclusion_file(benchmark).write_text(reason, encoding="utf-8")

    def _title(self) -> str:
        # The title is short, because on a terminal the remaining time follows it.
        benchmarks = self.session.benchmarks
        only = benchmarks[0].name if len(benchmarks) == 1 else f"{len(benchmarks)} programs"
        return f"Measuring {only}"

    def _run_steps(
        self, groups: Sequence[tuple[BenchStep, ...]], title: str
    ) -> Iterator[tuple[BenchStep, MeasurementError | None]]:
        """Run the steps, group after group; yield each step with its error, if any."""
        return self._run_groups(groups, title, FixedRounds(len(groups), self.effects.clock))

    def _run_groups(
        self, groups: Iterable[tuple[BenchStep, ...]], title: str, progress: RoundProgress
    ) -> Iterator[tuple[BenchStep, MeasurementError | None]]:
        """Run the steps, group after group; yield each step with its error, if any."""
        remaining = iter(groups)
        group = next(remaining, None)
        if group is None:
            return
        with self.reporter.stage(title) as stage:
            while group is not None:
                progress.show(stage, group)
                with store_errors(self.session.steps_folder):
                    errors = self._run_group(group)
                yield from zip(group, errors, strict=True)
                group = next(remaining, None)

    def _run_group(self, group: tuple[BenchStep, ...]) -> Sequence[MeasurementError | None]:
        """Run one step, or two interleaved steps; return the error of each, or None."""
        session, recorder = self.session, self.effects.recorder
        if len(group) == 1:
            return [step_process.run_step(session, group[0], recorder)]
        tasks = len(session_results.parts_of(session, group[0].benchmark))
        processor = interleaving.processor_of_round(group[0].round)
        with interleaving.peers(session.steps_folder, tasks, processor) as peers:
            if peers is None:
                return [step_process.run_step(session, step, recorder) for step in group]
            for step in group:
                session.result_file(step).unlink(missing_ok=True)
            work = [
                lambda _, step=step, peer=peer: step_process.run_step(session, step, recorder, peer)
                for step, peer in zip(group, peers, strict=True)
            ]
            return self.effects.run_concurrently(*work, reporter=self.reporter)
