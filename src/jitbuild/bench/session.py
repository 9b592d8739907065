"""Measures: runs every step in its order, keeps what each leaves in a folder, and goes on there when it is asked to.

The folder holds `steps/` (of every step pyperf's file, what the worker saw of the JIT, and the log) and one pyperf file for each
arm. A step counts when its file is there whole, so an interruption at any moment loses the step under way and nothing else.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jitbuild.bench import interleaving as turns
from jitbuild.bench import plan, pyperf_files, steps
from jitbuild.errors import MeasurementError
from jitbuild.system import concurrency, process
from jitbuild.system.files import store_errors
from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.bench.plan import Arm, Benchmark, BenchStep, SampleCounts
    from jitbuild.system.progress import Reporter, Stage


class Together(Protocol):
    """Calls functions at the same time, and returns what each returned (concurrency.run_concurrently)."""

    def __call__(
        self, *functions: Callable[[Reporter], MeasurementError | None], reporter: Reporter
    ) -> tuple[MeasurementError | None, ...]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementSession:
    """What is to be measured, with what, and where it is kept.

    `python` has pyperf; `env` is what it, or a benchmark's own, sees in an arm; `timeout` ends one process, and all that it
    started, after so many seconds; `diff` is the line to type where a command does in one mode what it does not in another.
    """

    benchmarks: tuple[Benchmark, ...]
    arms: tuple[Arm, ...]
    counts: SampleCounts
    python: Path
    env: Callable[[Arm, Path], Mapping[str, str]]
    folder: Path
    timeout: float | None = None
    diff: str = "jitbuild diff SPEC -- COMMAND"

    @property
    def steps(self) -> Path:
        return self.folder / "steps"

    def file(self, step: BenchStep) -> Path:
        """pyperf's file of a step."""
        return self.steps / f"{step.name}.json"

    def facts(self, step: BenchStep, task: int = 0) -> Path:
        """What a worker of a step saw of the JIT: of a script that measures several things, the `task`-th (bench_suite.py)."""
        return self.steps / f"{step.name}{f'.{task}' if task else ''}.facts"

    def left_out(self, benchmark: Benchmark) -> Path:
        """Why a benchmark of a suite was left out, in one line."""
        return self.steps / f"000-{benchmark.name}.left-out"

    def python_of(self, benchmark: Benchmark) -> Path:
        """The interpreter that measures it."""
        return Path(benchmark.python) if benchmark.python else self.python


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementOutcome:
    """How a session ended: the signal that interrupted it (None: it is whole), how many of its steps were there already, and
    which benchmarks of a suite do not run in any mode, each with a line that says why."""

    interrupted: int | None
    resumed: int
    left_out: Mapping[str, str] = field(default_factory=dict)


def clear(session: MeasurementSession) -> None:
    """Forget what the folder holds."""
    with store_errors(session.folder):
        shutil.rmtree(session.folder, ignore_errors=True)


def run(
    session: MeasurementSession,
    *,
    reporter: Reporter,
    recorder: process.Recorder = process.record,
    together: Together = concurrency.run_concurrently,
    clock: Callable[[], float] = time.monotonic,
) -> MeasurementOutcome:
    """Run all steps that the folder does not have yet. Ctrl-C and the like end it early, and are told in the outcome.

    The processes of a round that can measure in turns are started `together`. Raises MeasurementError when what is measured fails,
    takes too long, or did not run in its mode; what was measured until then stays. An interruption while nothing has been measured
    leaves as it came.
    """
    with store_errors(session.steps):
        session.steps.mkdir(parents=True, exist_ok=True)
    rounds = [*plan.steps(session.benchmarks, session.arms, session.counts.rounds)]
    resumed = sum(len(group) for group in plan.beside(rounds) if _is_whole(session, group))
    means = _Means(reporter, recorder, together, clock)
    try:
        left_out = _try(session, means)
        _measure(session, [step for step in rounds if step.benchmark.name not in left_out], means)
    except KeyboardInterrupt as interrupt:
        if not any(measured(session, session.arms[0]).values()):
            raise
        return MeasurementOutcome(
            interrupted=int(getattr(interrupt, "number", 2)),
            resumed=resumed,
            left_out=_left_out(session),
        )
    return MeasurementOutcome(interrupted=None, resumed=resumed, left_out=left_out)


def identity(session: MeasurementSession) -> str:
    """What tells this measurement from every other, also of the same thing: it is made with the folder, and goes with it."""
    path = session.folder / "identity"
    with store_errors(path):
        if not path.exists():
            path.write_text(os.urandom(8).hex(), encoding="ascii")
        return path.read_text(encoding="ascii")


def measured(session: MeasurementSession, arm: Arm) -> dict[str, list[Path]]:
    """The files of an arm, by benchmark, in the order of rounds; only of rounds that every arm has: counts stay the same."""
    found: dict[str, list[Path]] = {}
    for step in plan.steps(session.benchmarks, (arm,), session.counts.rounds):
        beside = (
            plan.BenchStep(benchmark=step.benchmark, arm=each, round=step.round)
            for each in session.arms
        )
        if all(session.file(each).exists() for each in beside):
            found.setdefault(step.benchmark.name, []).append(session.file(step))
    return found


def parts(session: MeasurementSession, benchmark: Benchmark) -> list[Benchmark]:
    """What a benchmark measures, one by one: a suite's script, or pytest, several things. Known when it has been tried."""
    trial = session.file(plan.BenchStep(benchmark=benchmark, arm=session.arms[0], round=0))
    if benchmark.kind not in {"suite", "pytest"} or not trial.exists():
        return [benchmark]
    if benchmark.kind == "pytest":
        return [replace(benchmark, name=name) for name in pyperf_files.benchmark_names(trial)]
    return [
        benchmark.alone(name, task, loops)
        for task, (name, loops) in enumerate(pyperf_files.calibrated_loops(trial).items())
    ]


def seen(session: MeasurementSession, arm: Arm) -> dict[str, dict[str, Any]]:
    """What the workers of an arm saw of the JIT, by what was measured; of several the one that saw the most functions with code."""
    found: dict[str, dict[str, Any]] = {}
    trials = plan.calibrations(session.benchmarks, (arm,))
    for step in (*trials, *plan.steps(session.benchmarks, (arm,), session.counts.rounds)):
        if session.file(step).exists():
            for name, facts in steps.seen(session, step, session.file(step)).items():
                best = found.get(name, {})
                if not best or len(facts.get("functions", ())) > len(best.get("functions", ())):
                    found[name] = facts
    return found


def _title(session: MeasurementSession) -> str:
    # Short: on a terminal the time that is left stands behind it.
    return f"Measuring {session.benchmarks[0].name if len(session.benchmarks) == 1 else f'{len(session.benchmarks)} programs'}"


@dataclass(frozen=True, slots=True)
class _Means:
    """What a session is run with."""

    reporter: Reporter
    recorder: process.Recorder
    together: Together
    clock: Callable[[], float]


def _try(session: MeasurementSession, means: _Means) -> dict[str, str]:
    """Run each benchmark in each mode before anything is measured; says which of a suite were left out, and why.

    Raises MeasurementError for one that fails in one mode alone, and, of what is no suite's, for any that fails.
    """
    missing = [
        step
        for step in plan.calibrations(session.benchmarks, session.arms)
        if not _tried(session, step)
    ]
    failures: dict[str, list[MeasurementError]] = {}

    def take(step: BenchStep, error: MeasurementError | None) -> None:
        failed = failures.setdefault(step.benchmark.name, [])
        if error is not None:
            failed.append(error)
        runs = any(
            session.file(each).exists()
            for each in plan.calibrations((step.benchmark,), session.arms)
        )
        if failed and (runs or step.benchmark.kind != "suite"):
            raise failed[0]
        if len(failed) == len(session.arms):
            session.left_out(step.benchmark).write_text(steps.reason(failed[0]), encoding="utf-8")

    _all(session, [(step,) for step in missing], "Trying it in each mode", take, means)
    left_out = _left_out(session)
    if len(left_out) == len(session.benchmarks):
        said = "\n".join(f"  {name}: {why}" for name, why in left_out.items())
        raise MeasurementError(
            f"Nothing that is to be measured runs, in any mode:\n{said}",
            remedy="Choose other benchmarks.",
        )
    return left_out


def _measure(session: MeasurementSession, wanted: Sequence[BenchStep], means: _Means) -> None:
    def take(_: BenchStep, error: MeasurementError | None) -> None:
        if error is not None:
            raise error

    groups = plan.beside(wanted)
    # What ran beside a lost one is measured again: the two belong together.
    missing = [group for group in groups if not _is_whole(session, group)]
    _all(session, missing, _title(session), take, means)


def _is_whole(session: MeasurementSession, group: Sequence[BenchStep]) -> bool:
    return all(session.file(step).exists() for step in group)


def _tried(session: MeasurementSession, step: BenchStep) -> bool:
    return session.file(step).exists() or session.left_out(step.benchmark).exists()


def _left_out(session: MeasurementSession) -> dict[str, str]:
    kept = {each.name: session.left_out(each) for each in session.benchmarks}
    return {name: path.read_text(encoding="utf-8") for name, path in kept.items() if path.exists()}


def _all(
    session: MeasurementSession,
    missing: Sequence[tuple[BenchStep, ...]],
    title: str,
    take: Callable[[BenchStep, MeasurementError | None], None],
    means: _Means,
) -> None:
    """Run the steps, group after group; `take` is told of each step how what it measures failed, if it did."""
    if not missing:
        return
    begun = means.clock()
    with means.reporter.stage(title) as stage:
        for number, group in enumerate(missing):
            _show(stage, group, number, len(missing), means.clock() - begun)
            with store_errors(session.steps):
                for step, error in zip(group, _group(session, group, means), strict=True):
                    take(step, error)


def _group(
    session: MeasurementSession, group: tuple[BenchStep, ...], means: _Means
) -> Sequence[MeasurementError | None]:
    """Run the steps of a group: one, or two that measure in turns, and never side by side."""
    if len(group) == 2:
        tasks, processor = (
            len(parts(session, group[0].benchmark)),
            turns.processor_of(group[0].round),
        )
        with turns.seats(session.steps, tasks, processor) as seats:
            if seats is not None:
                for step in group:
                    session.file(step).unlink(missing_ok=True)
                work = [
                    lambda _, step=step, seat=seat: steps.run(session, step, means.recorder, seat)
                    for step, seat in zip(group, seats, strict=True)
                ]
                return means.together(*work, reporter=means.reporter)
    return [steps.run(session, step, means.recorder) for step in group]


def _show(stage: Stage, group: tuple[BenchStep, ...], done: int, count: int, spent: float) -> None:
    stage.advance(done, count)
    left = f"about {format_duration(spent / done * (count - done))} left, " if done else ""
    stage.detail(f"{left}{group[0].benchmark.name} {' '.join(step.arm.name for step in group)}")
