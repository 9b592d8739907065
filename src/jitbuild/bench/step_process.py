"""Run the process of one step, and keep its result if it succeeds."""

from __future__ import annotations

import glob
import json
from typing import TYPE_CHECKING

from jitbuild.bench import (
    arm_witness,
    plan,
    pyperf_files,
    pytest_benchmark,
    scripts,
    step_failures,
    worker_facts,
)
from jitbuild.errors import MeasurementError
from jitbuild.running.programs import cannot_start

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.bench.interleaving import InterleavedPeer
    from jitbuild.bench.plan import BenchStep
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.system import process


def run_step(
    session: MeasurementSession,
    step: BenchStep,
    recorder: process.Recorder,
    peer: InterleavedPeer | None = None,
) -> MeasurementError | None:
    """Run a step and keep its pyperf file; return the error if the benchmark fails, else None.

    `peer` is given if the step runs interleaved with another step. Raises MeasurementError if the
    process cannot be started, or did not run in the requested mode, and UsageError if the command
    that is measured cannot be started.
    """
    part = session.result_file(step).with_suffix(".part")
    part.unlink(missing_ok=True)
    session.output_file(step).unlink(missing_ok=True)
    for facts in session.steps_folder.glob(f"{glob.escape(step.name)}*.facts"):
        facts.unlink(missing_ok=True)
    argv = [str(session.python_of(step.benchmark)), *_arguments(session, step, part, peer)]
    log = session.steps_folder / f"{step.name}.log"
    # While the other interleaved process has the turn, the timeout of this process continues.
    timeout = session.timeout and session.timeout * (2 if peer else 1)
    try:
        with log.open("wb") as file:
            env = _environment(session, step, peer)
            record = arm_witness.record_trial(session, step, recorder)
            completed = record(argv, env=env, log=file, timeout=timeout)
    except OSError as error:
        raise MeasurementError(
            f"{argv[0]} cannot be run: {error.strerror or error}.",
            remedy="Delete its environment (`jitbuild cache clear environments`) and try again.",
        ) from error
    finally:
        _spec_file(session, step).unlink(missing_ok=True)
        if peer is not None:
            peer.leave()
    if completed.ok and step.benchmark.kind == "pytest":
        _convert_to_pyperf(part)
    if not completed.ok or not part.exists():
        if _is_trial_of_command(step) and not completed.timed_out:
            _record_output(session, step, recorder)
        return step_failures.failure(session, step, completed, log, timeout)
    worker_facts.check_mode(session, step, part)
    if step.benchmark.kind == "command":
        pyperf_files.hide_secrets_of_command(part)
    part.replace(session.result_file(step))
    return None


def _is_trial_of_command(step: BenchStep) -> bool:
    return step.benchmark.kind == "command" and step.round == 0


def _record_output(
    session: MeasurementSession, step: BenchStep, recorder: process.Recorder
) -> None:
    """Run a command that failed in the trial once more, and keep its output if it fails again.

    pyperf discards the output of a command. Raise UsageError if the command cannot be started.
    """
    path, words = session.output_file(step), step.benchmark.words
    env = _environment(session, step, None)
    with path.open("wb") as file:
        try:
            completed = recorder(words, env=env, log=file, timeout=session.timeout)
        except OSError as error:
            raise cannot_start(words[0], error.strerror or str(error)) from error
    if completed.ok or completed.timed_out:
        path.unlink()


def _environment(
    session: MeasurementSession, step: BenchStep, peer: InterleavedPeer | None
) -> dict[str, str]:
    env = session.env(step.arm, session.python_of(step.benchmark))
    return {**(peer.environment() if peer else {}), **env}


def _arguments(
    session: MeasurementSession, step: BenchStep, part: Path, peer: InterleavedPeer | None
) -> list[str]:
    if step.benchmark.kind == "pytest":
        return _pytest_arguments(session, step, part)
    return _pyperf_arguments(session, step, part, peer)


def _pyperf_arguments(
    session: MeasurementSession, step: BenchStep, part: Path, peer: InterleavedPeer | None
) -> list[str]:
    """Write the specification of a pyperf worker, and return the worker's arguments."""
    loops = _known_loops(session, step)
    spec = step.benchmark.spec(str(session.facts_file(step)), loops)
    if peer is not None:
        spec["interleaving"] = peer.spec()
    worker = scripts.SUITE_WORKER if step.benchmark.kind == "suite" else scripts.WORKER
    options = plan.pyperf_options(session.counts, loops, kind=step.benchmark.kind)
    path = _write_spec(session, step, spec)
    return [str(worker), "--spec", str(path), *options, "--output", str(part)]


def _pytest_arguments(session: MeasurementSession, step: BenchStep, part: Path) -> list[str]:
    """Write the specification of a run of pytest, and return its arguments.

    Tests are inspected one by one in the trial, and never while they are measured.
    """
    words = step.benchmark.words
    inspect = step.round == 0 and step.arm.mode == "on"
    spec = pytest_benchmark.spec(words, session.facts_file(step), part, inspect=inspect)
    path = _write_spec(session, step, spec)
    options = pytest_benchmark.interpreter_options(words)
    return [*options, str(scripts.PYTEST_RUN), str(path)]


def _write_spec(session: MeasurementSession, step: BenchStep, spec: dict[str, object]) -> Path:
    path = _spec_file(session, step)
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


def _spec_file(session: MeasurementSession, step: BenchStep) -> Path:
    """Return the path of the specification, which is deleted because it may contain secrets."""
    return session.steps_folder / f"{step.name}.spec"


def _convert_to_pyperf(part: Path) -> None:
    """Convert pytest-benchmark's file to a pyperf file; remove it if nothing was measured."""
    timings = pytest_benchmark.parse(part.read_bytes()) if part.exists() else {}
    part.unlink(missing_ok=True)
    if timings:
        values = {name: (timing.mean, timing.metadata) for name, timing in timings.items()}
        pyperf_files.dump(pyperf_files.suite_of_values(values), part)


def _known_loops(session: MeasurementSession, step: BenchStep) -> dict[str, int] | None:
    """Return the numbers of loops that the trial in the first arm determined; None before that."""
    (first, *_) = plan.trial_steps((step.benchmark,), session.arms)
    path = session.result_file(first)
    return None if step == first or not path.exists() else pyperf_files.calibrated_loops(path)
