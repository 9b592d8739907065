"""Measures: runs every step in its order, keeps what each leaves in a folder, and goes on there when it is asked to.

The folder holds `steps/` (of every step pyperf's file, what the worker saw of the JIT, and the log) and one pyperf file for each
arm. A step counts when its file is there whole, so an interruption at any moment loses the step under way and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild import process
from jitbuild.bench import files, plan, targets
from jitbuild.disk import guarded
from jitbuild.errors import MeasurementError
from jitbuild.report import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.bench.plan import Arm, Benchmark, Counts, Step
    from jitbuild.modes import Mode
    from jitbuild.report import Reporter, Stage

_LINES = 12
_LONGEST_LINE = 300
_LONGEST_LOG = 1 << 16
# pyperf/_command.py; a line of its source, in the traceback, has no number there.
_FAILED = re.compile(r"Command failed with exit code (-?\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What is to be measured, with what, and where it is kept.

    `python` has pyperf; `env` is what it sees in a mode; `timeout` ends one process, and all that it started, after so many
    seconds.
    """

    benchmarks: tuple[Benchmark, ...]
    arms: tuple[Arm, ...]
    counts: Counts
    python: Path
    env: Callable[[Mode, Path], Mapping[str, str]]
    folder: Path
    timeout: float | None = None

    @property
    def steps(self) -> Path:
        return self.folder / "steps"

    def file(self, step: Step) -> Path:
        """pyperf's file of a step."""
        return self.steps / f"{step.name}.json"

    def facts(self, step: Step) -> Path:
        """What the worker of a step saw of the JIT."""
        return self.steps / f"{step.name}.facts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a session ended: the signal that interrupted it (None: it is whole), and how many of its steps were there already."""

    interrupted: int | None
    resumed: int


def clear(session: Session) -> None:
    """Forget what the folder holds."""
    with guarded(session.folder):
        shutil.rmtree(session.folder, ignore_errors=True)


def run(
    session: Session,
    *,
    reporter: Reporter,
    recorder: process.Recorder = process.record,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run all steps that the folder does not have yet. Ctrl-C and the like end it early, and are told in the outcome.

    Raises MeasurementError when what is measured fails, takes too long, or did not run in its mode; what was measured until
    then stays. An interruption while nothing has been measured leaves as it came.
    """
    with guarded(session.steps):
        session.steps.mkdir(parents=True, exist_ok=True)
    trials = [*plan.calibrations(session.benchmarks, session.arms)]
    rounds = [*plan.steps(session.benchmarks, session.arms, session.counts.rounds)]
    resumed = sum(session.file(step).exists() for step in rounds)
    try:
        _pass(session, trials, "Trying it in each mode", reporter, recorder, clock)
        _pass(session, rounds, _title(session), reporter, recorder, clock)
    except KeyboardInterrupt as interrupt:
        if not any(measured(session, session.arms[0]).values()):
            raise
        return Outcome(interrupted=int(getattr(interrupt, "number", 2)), resumed=resumed)
    return Outcome(interrupted=None, resumed=resumed)


def identity(session: Session) -> str:
    """What tells this measurement from every other, also of the same thing: it is made with the folder, and goes with it."""
    path = session.folder / "identity"
    with guarded(path):
        if not path.exists():
            path.write_text(os.urandom(8).hex(), encoding="ascii")
        return path.read_text(encoding="ascii")


def measured(session: Session, arm: Arm) -> dict[str, list[Path]]:
    """The files of an arm, by benchmark, in the order of rounds; only of rounds that every arm has: counts stay the same."""
    found: dict[str, list[Path]] = {}
    for step in plan.steps(session.benchmarks, (arm,), session.counts.rounds):
        beside = (plan.Step(benchmark=step.benchmark, arm=each, round=step.round) for each in session.arms)
        if all(session.file(each).exists() for each in beside):
            found.setdefault(step.benchmark.name, []).append(session.file(step))
    return found


def seen(session: Session, arm: Arm) -> dict[str, dict[str, Any]]:
    """What the workers of an arm saw of the JIT, by benchmark; of several the one that saw the most functions with code."""
    found: dict[str, dict[str, Any]] = {}
    for step in plan.steps(session.benchmarks, (arm,), session.counts.rounds):
        if session.file(step).exists():
            facts = _facts(session.facts(step))
            best = found.get(step.benchmark.name, {})
            if not best or len(facts.get("functions", ())) > len(best.get("functions", ())):
                found[step.benchmark.name] = facts
    return found


def _title(session: Session) -> str:
    # Short: on a terminal the time that is left stands behind it.
    return f"Measuring {session.benchmarks[0].name if len(session.benchmarks) == 1 else f'{len(session.benchmarks)} programs'}"


def _pass(
    session: Session,
    steps: Sequence[Step],
    title: str,
    reporter: Reporter,
    recorder: process.Recorder,
    clock: Callable[[], float],
) -> None:
    missing = [step for step in steps if not session.file(step).exists()]
    if not missing:
        return
    begun = clock()
    with reporter.stage(title) as stage:
        for number, step in enumerate(missing):
            _show(stage, step, number, len(missing), clock() - begun)
            with guarded(session.steps):
                _one(session, step, recorder)


def _show(stage: Stage, step: Step, done: int, count: int, spent: float) -> None:
    stage.advance(done, count)
    left = f"about {seconds(spent / done * (count - done))} left, " if done else ""
    stage.detail(f"{left}{step.benchmark.name} {step.arm.name}")


def _one(session: Session, step: Step, recorder: process.Recorder) -> None:
    target, spec, log = session.file(step), session.steps / f"{step.name}.spec", session.steps / f"{step.name}.log"
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    spec.write_text(json.dumps(step.benchmark.spec(str(session.facts(step)))), encoding="utf-8")
    argv = [str(session.python), str(targets.WORKER), "--spec", str(spec), *_options(session, step), "--output", str(part)]
    with log.open("wb") as file:
        try:
            done = recorder(argv, env=session.env(step.arm.mode, session.python), log=file, timeout=session.timeout)
        except OSError as error:
            what = f"{session.python} cannot be run: {error.strerror or error}."
            raise MeasurementError(
                what, remedy="Clear its environment (`jitbuild cache clear environments`) and try again."
            ) from error
    if not done.ok or not part.exists():
        raise _failed(session, step, done, log)
    _check_mode(session, step)
    part.replace(target)


def _options(session: Session, step: Step) -> list[str]:
    first = plan.Step(benchmark=step.benchmark, arm=session.arms[0], round=0)
    # A trial of another arm than the first takes the loops that the first one found.
    loops = None if step == first else files.loops_of(session.file(first))
    return plan.options(session.counts, loops, kind=step.benchmark.kind)


def _check_mode(session: Session, step: Step) -> None:
    """Ask what the worker saw: a mode that does not reach it would compare a thing with itself."""
    facts = _facts(session.facts(step))
    wanted = step.arm.mode == "on"
    if facts.get("enabled") != wanted:
        raise MeasurementError(
            f"The mode {step.arm.mode} did not reach the process that measured {step.benchmark.name}: "
            f"there PYTHON_JIT was {facts.get('switch')!r}, and the JIT {'on' if facts.get('enabled') else 'off'}.",
            remedy=f"Look at the interpreter: jitbuild probe {session.python}",
        )


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _failed(session: Session, step: Step, done: process.Completed, log: Path) -> MeasurementError:
    what = f"{step.benchmark.name} with the JIT {step.arm.mode}"
    if done.timed_out:
        return MeasurementError(
            f"{what} did not end within {session.timeout:g} seconds; it was ended.",
            remedy="Give it more (--timeout), or measure less of it at a time.",
        )
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LONGEST_LOG), os.SEEK_SET)
        lines = [line[:_LONGEST_LINE] for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    code = next((found[1] for line in lines if (found := _FAILED.search(line))), None)
    if step.benchmark.kind == "command" and code is not None:
        return MeasurementError(
            f"The command fails with the JIT {step.arm.mode}: it ended with {_ending(int(code))}.",
            remedy="See what it says, and in which mode, with: jitbuild diff SPEC -- COMMAND",
        )
    said = "\n".join(f"  {line}" for line in _own(lines)[-_LINES:])
    remedy = "Correct what is measured, then type the same again; with --resume it goes on where it failed."
    return MeasurementError(f"{what} fails:\n{said}", remedy=remedy)


def _own(lines: list[str]) -> list[str]:
    """The lines without the traceback of pyperf's manager, which only says that its worker failed, after the worker's own."""
    begins = [at for at, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    return lines[: begins[-1]] if len(begins) > 1 else lines


def _ending(code: int) -> str:
    """An exit code as pyperf's _process_time.py passes it on: of a signal what sys.exit makes of its negative number."""
    try:
        return signal.Signals(256 - code if code > 128 else -code).name
    except ValueError:
        return f"exit code {code}"
