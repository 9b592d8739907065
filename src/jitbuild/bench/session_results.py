"""Read and delete the results in the folder of a measurement."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from jitbuild.bench import plan, pyperf_files
from jitbuild.system.files import store_errors, write_atomically
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.bench.plan import Arm, Benchmark
    from jitbuild.bench.session import MeasurementSession


def clear(session: MeasurementSession) -> None:
    """Delete all results in the session's folder."""
    with store_errors(session.folder):
        shutil.rmtree(session.folder, ignore_errors=True)


def has_results(session: MeasurementSession) -> bool:
    """Return True if an earlier measurement has left results in the session's folder."""
    return any((*session.steps_folder.glob("*.json"), *session.steps_folder.glob("*.left-out")))


def identity(session: MeasurementSession) -> str:
    """Return a random text that identifies this measurement; create the text on the first call.

    The text is stored in the session's folder. When a measurement is repeated, the folder is
    deleted, so the new measurement gets another text.
    """
    path = session.folder / "identity"
    with store_errors(path):
        if not path.exists():
            path.write_text(os.urandom(8).hex(), encoding="ascii")
        return path.read_text(encoding="ascii")


def exclusions(session: MeasurementSession) -> dict[str, str]:
    """Return the benchmarks that failed in every mode, with the reasons."""
    paths = {benchmark.name: session.exclusion_file(benchmark) for benchmark in session.benchmarks}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.exists()}


def measured_files(session: MeasurementSession, arm: Arm) -> dict[str, list[Path]]:
    """Return the pyperf files of an arm by benchmark, in the order of the rounds.

    Only rounds that every arm has completed are included, so all arms have equal counts.
    """
    files: dict[str, list[Path]] = {}
    for step in plan.measuring_steps(session.benchmarks, (arm,), last_round(session)):
        if session.is_complete(*(replace(step, arm=other) for other in session.arms)):
            files.setdefault(step.benchmark.name, []).append(session.result_file(step))
    return files


def last_round(session: MeasurementSession) -> int:
    """Return the number of the last round: the requested one, else the last one measured."""
    if not session.stopping.until_decided:
        return session.counts.rounds
    numbers = (path.name.partition("-")[0] for path in session.steps_folder.glob("*-*.json"))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def read_numbers(path: Path) -> dict[str, float]:
    """Return the numbers by name in a JSON file; {} if it is missing or malformed."""
    try:
        numbers = parse_json(path.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in numbers.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_numbers(path: Path, numbers: Mapping[str, float]) -> None:
    """Write numbers by name to a JSON file; an interruption leaves the old file or the new one."""
    with store_errors(path):
        write_atomically(path, json.dumps(numbers))


def read_seconds(session: MeasurementSession) -> dict[str, float]:
    """Return the seconds that the rounds of each benchmark have taken so far."""
    return read_numbers(_seconds_file(session))


def write_seconds(session: MeasurementSession, seconds: Mapping[str, float]) -> None:
    """Record the seconds that the rounds of each benchmark have taken, for --resume."""
    write_numbers(_seconds_file(session), seconds)


def _seconds_file(session: MeasurementSession) -> Path:
    return session.folder / "seconds.json"


def parts_of(session: MeasurementSession, benchmark: Benchmark) -> list[Benchmark]:
    """Return one benchmark for each thing that `benchmark` measures.

    A suite's script or a run of pytest may measure several things. Before the trial, these are not
    known, and only `benchmark` itself is returned.
    """
    (trial, *_) = plan.trial_steps((benchmark,), session.arms)
    path = session.result_file(trial)
    if benchmark.kind not in {"suite", "pytest"} or not path.exists():
        return [benchmark]
    if benchmark.kind == "pytest":
        return [replace(benchmark, name=name) for name in pyperf_files.benchmark_names(path)]
    return [
        benchmark.task(name, index, loops)
        for index, (name, loops) in enumerate(pyperf_files.calibrated_loops(path).items())
    ]
