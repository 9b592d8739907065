"""Read the facts about the JIT that the workers of a measurement reported."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from jitbuild.bench import plan, pyperf_files, session_results
from jitbuild.errors import MeasurementError
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.bench.plan import Arm, BenchStep
    from jitbuild.bench.session import MeasurementSession


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts in a file; {} if the file is missing or is not a JSON object."""
    try:
        facts = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def facts_of_arm(session: MeasurementSession, arm: Arm) -> dict[str, dict[str, Any]]:
    """Return the facts that the workers of an arm reported, by benchmark.

    If a benchmark has several workers, the facts are those of the worker that reported the most
    functions with machine code.
    """
    steps = (
        *plan.trial_steps(session.benchmarks, (arm,)),
        *plan.measuring_steps(session.benchmarks, (arm,), session_results.last_round(session)),
    )
    most: dict[str, dict[str, Any]] = {}
    for step in steps:
        if session.is_complete(step):
            for name, facts in facts_of_step(session, step, session.result_file(step)).items():
                if name not in most or _function_count(facts) > _function_count(most[name]):
                    most[name] = facts
    return most


def facts_of_step(
    session: MeasurementSession, step: BenchStep, pyperf_file: Path
) -> dict[str, dict[str, Any]]:
    """Return the facts that the workers of a step reported, by benchmark."""
    if step.benchmark.kind == "suite":
        return {
            name: read_facts(session.facts_file(step, task))
            for task, name in enumerate(pyperf_files.benchmark_names(pyperf_file))
        }
    facts = read_facts(session.facts_file(step))
    if step.benchmark.kind == "pytest":
        tests = facts.get("tests", {}).items()
        return {name: {**facts, "functions": functions} for name, functions in tests}
    return {step.benchmark.name: facts}


def facts_by_worker(
    session: MeasurementSession, step: BenchStep, pyperf_file: Path
) -> dict[str, dict[str, Any]]:
    """Return the facts of a step by worker; a run of pytest has only one worker."""
    if step.benchmark.kind == "pytest":
        return {"the tests": read_facts(session.facts_file(step))}
    return facts_of_step(session, step, pyperf_file)


def check_mode(session: MeasurementSession, step: BenchStep, pyperf_file: Path) -> None:
    """Raise MeasurementError if a worker ran in a wrong mode, or in another Python.

    If the modes did not reach the workers, the measurement would compare a mode with itself.
    """
    for name, facts in facts_by_worker(session, step, pyperf_file).items():
        _check_python(session, name, facts)
        if facts.get("enabled") != (step.arm.mode == "on"):
            state = "on" if facts.get("enabled") else "off"
            raise MeasurementError(
                f"The mode {step.arm.mode} did not reach the process that measured {name}: "
                f"there, PYTHON_JIT was {facts.get('switch')!r} and the JIT was {state}.",
                remedy=f"Check the interpreter: jitbuild probe {shlex.quote(str(session.python))}",
            )


def _check_python(session: MeasurementSession, name: str, facts: Mapping[str, Any]) -> None:
    identity, version = session.identity, facts.get("version")
    if identity is None or version is None:
        return
    prefix = os.path.realpath(facts.get("base_prefix", identity.base_prefix))
    if (version, prefix) != (identity.version, identity.base_prefix):
        raise MeasurementError(
            f"Another Python measured {name}: {version} ({facts.get('executable')}), and not "
            f"{identity.version} ({session.python}).",
            remedy="Delete its environment (`jitbuild cache clear environments`) and try again.",
        )


def _function_count(facts: Mapping[str, Any]) -> int:
    return len(facts.get("functions", ()))
