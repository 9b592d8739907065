"""One step of a session: how its process is started, what it leaves, and how it fails."""

from __future__ import annotations

import glob
import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any

from jitbuild.bench import plan, pyperf_files, scripts
from jitbuild.bench import pytest_benchmark as pytests
from jitbuild.errors import MeasurementError

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.bench.interleaving import Seat
    from jitbuild.bench.plan import BenchStep
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.system import process

_LINES = 12
# What pytest comes to stands at its end.
_LAST = 3
_LONGEST_LINE = 300
_LONGEST_LOG = 1 << 16
# pyperf/_command.py; a line of its source, in the traceback, has no number there.
_FAILED = re.compile(r"Command failed with exit code (-?\d+)")


def run(
    session: MeasurementSession,
    step: BenchStep,
    recorder: process.Recorder,
    seat: Seat | None = None,
) -> MeasurementError | None:
    """Run a step, and keep its file when it succeeds; else hand back why what is measured failed.

    `seat`: it measures in turn with another. Raises MeasurementError when it did not run in its mode, or could not be started.
    """
    target, spec, log = (
        session.file(step),
        session.steps / f"{step.name}.spec",
        session.steps / f"{step.name}.log",
    )
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    for told in session.steps.glob(f"{glob.escape(step.name)}*.facts"):
        told.unlink(missing_ok=True)
    python = session.python_of(step.benchmark)
    argv = (
        _pytest(session, step, spec, part)
        if step.benchmark.kind == "pytest"
        else _pyperf(session, step, spec, part, seat)
    )
    # The time of the other is in it.
    timeout = session.timeout and session.timeout * (2 if seat else 1)
    with log.open("wb") as file:
        try:
            env = {**(seat.environment() if seat else {}), **session.env(step.arm, python)}
            done = recorder([str(python), *argv], env=env, log=file, timeout=timeout)
        except OSError as error:
            what = f"{python} cannot be run: {error.strerror or error}."
            raise MeasurementError(
                what,
                remedy="Clear its environment (`jitbuild cache clear environments`) and try again.",
            ) from error
        finally:
            if seat is not None:
                seat.leave()
    if done.ok and step.benchmark.kind == "pytest":
        _convert(part)
    if not done.ok or not part.exists():
        return _failed(session, step, done, log, timeout)
    _check_mode(session, step, part)
    part.replace(target)
    return None


def seen(session: MeasurementSession, step: BenchStep, path: Path) -> dict[str, dict[str, Any]]:
    """What the workers of a step whose file is `path` saw of the JIT, by what was measured."""
    if step.benchmark.kind == "suite":
        return {
            name: _facts(session.facts(step, task))
            for task, name in enumerate(pyperf_files.benchmark_names(path))
        }
    facts = _facts(session.facts(step))
    if step.benchmark.kind == "pytest":
        return {
            name: {**facts, "functions": functions}
            for name, functions in facts.get("tests", {}).items()
        }
    return {step.benchmark.name: facts}


def reason(error: MeasurementError) -> str:
    """The one line of an error that says the most."""
    return error.what.splitlines()[-1].strip()


def _pyperf(
    session: MeasurementSession, step: BenchStep, spec: Path, part: Path, seat: Seat | None
) -> list[str]:
    """The arguments of a worker of pyperf's; what it is to measure is written to `spec`."""
    loops = _loops(session, step)
    turns = {"turns": seat.spec()} if seat else {}
    spec.write_text(
        json.dumps(step.benchmark.spec(str(session.facts(step)), loops) | turns), encoding="utf-8"
    )
    worker = scripts.SUITE_WORKER if step.benchmark.kind == "suite" else scripts.WORKER
    options = plan.options(session.counts, loops, kind=step.benchmark.kind)
    return [str(worker), "--spec", str(spec), *options, "--output", str(part)]


def _pytest(session: MeasurementSession, step: BenchStep, spec: Path, part: Path) -> list[str]:
    """The arguments of a run of pytest's. In its trial it is looked at after each test, and never while it is measured."""
    words = step.benchmark.words
    look = step.round == 0 and step.arm.mode == "on"
    spec.write_text(
        json.dumps(pytests.spec(words, session.facts(step), part, look=look)), encoding="utf-8"
    )
    return [*pytests.options(words), str(scripts.PYTEST_RUN), str(spec)]


def _convert(part: Path) -> None:
    """Make a file of pyperf's of one of pytest-benchmark's; none of one in which nothing was measured."""
    found = pytests.parse(part.read_bytes()) if part.exists() else {}
    part.unlink(missing_ok=True)
    if found:
        pyperf_files.dump(
            pyperf_files.suite_of_values(
                {name: (each.mean, each.metadata) for name, each in found.items()}
            ),
            part,
        )


def _loops(session: MeasurementSession, step: BenchStep) -> dict[str, int] | None:
    first = plan.BenchStep(benchmark=step.benchmark, arm=session.arms[0], round=0)
    # A trial of another arm than the first takes the loops that the first one found, if it did.
    return (
        None
        if step == first or not session.file(first).exists()
        else pyperf_files.calibrated_loops(session.file(first))
    )


def _check_mode(session: MeasurementSession, step: BenchStep, path: Path) -> None:
    """Ask what the workers saw: a mode that does not reach one would compare a thing with itself."""
    wanted = step.arm.mode == "on"
    told = (
        {"the tests": _facts(session.facts(step))}
        if step.benchmark.kind == "pytest"
        else seen(session, step, path)
    )
    for name, facts in told.items():
        if facts.get("enabled") != wanted:
            raise MeasurementError(
                f"The mode {step.arm.mode} did not reach the process that measured {name}: "
                f"there PYTHON_JIT was {facts.get('switch')!r}, and the JIT {'on' if facts.get('enabled') else 'off'}.",
                remedy=f"Look at the interpreter: jitbuild probe {session.python}",
            )


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _failed(
    session: MeasurementSession,
    step: BenchStep,
    done: process.Completed,
    log: Path,
    timeout: float | None,
) -> MeasurementError:
    what = f"{step.benchmark.name} with the JIT {step.arm.mode}"
    if done.timed_out:
        if timeout != session.timeout:  # whose turn it was is not known
            what += f", or {step.benchmark.name} in the other mode, with which it takes turns,"
        return MeasurementError(
            f"{what} did not end within {timeout:g} seconds; it was ended.",
            remedy="Give it more (--timeout), or measure less of it at a time.",
        )
    lines = _said(log)
    if step.benchmark.kind == "pytest":
        return pytests.failure(step, _facts(session.facts(step)), lines[-_LAST:], session.diff)
    code = next((found[1] for line in lines if (found := _FAILED.search(line))), None)
    if step.benchmark.kind == "command" and code is not None:
        return MeasurementError(
            f"The command fails with the JIT {step.arm.mode}: it ended with {_ending(int(code))}.",
            remedy=f"See what it says, and in which mode, with: {session.diff}",
        )
    said = "\n".join(f"  {line}" for line in _own(lines)[-_LINES:])
    remedy = "Correct what is measured, then type the same again; with --resume it goes on where it failed."
    if step.benchmark.kind == "suite":
        remedy = f"All that it said is in {log}. With --resume it is tried again; --benchmarks=...,-{step.benchmark.name} leaves it out."
    return MeasurementError(f"{what} fails:\n{said}", remedy=remedy)


def _said(log: Path) -> list[str]:
    """The last lines of a log that are not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LONGEST_LOG), os.SEEK_SET)
        return [
            line[:_LONGEST_LINE]
            for line in file.read().decode("utf-8", "replace").splitlines()
            if line.strip()
        ]


def _own(lines: list[str]) -> list[str]:
    """The lines without the traceback of pyperf's manager, which only says that its worker failed, after the worker's own."""
    begins = [
        at for at, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")
    ]
    return lines[: begins[-1]] if len(begins) > 1 else lines


def _ending(code: int) -> str:
    """An exit code as pyperf's _process_time.py passes it on: of a signal what sys.exit makes of its negative number."""
    try:
        return signal.Signals(256 - code if code > 128 else -code).name
    except ValueError:
        return f"exit code {code}"
