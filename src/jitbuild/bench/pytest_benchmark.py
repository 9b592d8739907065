"""Run pytest-benchmark as one step: the arguments, results and failures. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jitbuild.errors import MeasurementError
from jitbuild.running.command import pytest_arguments_index, split_program
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jitbuild.bench.plan import BenchStep

_SHOWN_FAILURES = 3
# The keys are pytest-benchmark's names of facts about the machine; the values are pyperf's.
_METADATA_NAMES = {
    "python_version": "python_version",
    "python_implementation": "python_implementation",
    "node": "hostname",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PytestTiming:
    """The mean time of one test over pytest-benchmark's rounds, in seconds, and pyperf metadata."""

    mean: float
    metadata: Mapping[str, Any]


def interpreter_options(command: Sequence[str]) -> list[str]:
    """Return the interpreter's own options in a pytest command."""
    split = split_program(command)
    return split[0] if split else []


def spec(command: Sequence[str], facts: Path, target: Path, *, inspect: bool) -> dict[str, Any]:
    """Return the specification that in_target/bench_pytest.py reads.

    The option that makes pytest-benchmark write to `target` comes after the command's own options,
    so that it overrides an equal option of the command.
    """
    begin = pytest_arguments_index(command)
    assert begin is not None
    end = command.index("--", begin) if "--" in command[begin:] else len(command)
    return {
        "arguments": [*command[begin:end], f"--benchmark-json={target}", *command[end:]],
        "module": "pytest" in command[1:begin] or "-mpytest" in command,
        "facts": str(facts),
        "inspect": inspect,
    }


def parse(data: bytes) -> dict[str, PytestTiming]:
    """Return the timings in pytest-benchmark's JSON, by the full names of the tests.

    Returns {} if `data` does not have the form of this JSON, or if nothing was measured.
    """
    try:
        report = parse_json(data)
        machine = report.get("machine_info") or {}
        shared = {**_metadata(machine), **_dated(report.get("datetime"))}
        return {
            test["fullname"]: _timing(test["stats"], shared)
            for test in report["benchmarks"]
            if test.get("stats")
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return {}


def _metadata(machine: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts about the machine in pytest-benchmark's JSON, under the names of pyperf."""
    metadata = {ours: machine.get(theirs) for theirs, ours in _METADATA_NAMES.items()}
    metadata["cpu_model_name"] = (machine.get("cpu") or {}).get("brand_raw")
    parts = [machine.get(name) for name in ("system", "release", "machine")]
    metadata["platform"] = "-".join(str(part) for part in parts if part)
    return {name: str(value).strip() for name, value in metadata.items() if value}


def _dated(date: str | None) -> dict[str, str]:
    """Return the date in pytest-benchmark's JSON, which has a time zone, as pyperf writes dates.

    pyperf's dates are in local time, without a zone.
    """
    try:
        local = datetime.fromisoformat(date or "").astimezone()
    except ValueError:
        return {}
    return {"date": str(local.replace(tzinfo=None))}


def _timing(stats: Mapping[str, Any], shared: Mapping[str, str]) -> PytestTiming:
    counts = {"loops": int(stats["iterations"]), "pytest_benchmark_rounds": int(stats["rounds"])}
    mean = float(stats["mean"])
    if not (mean > 0 and math.isfinite(mean)):
        raise ValueError(f"a test took {mean} seconds")
    return PytestTiming(mean=mean, metadata={**shared, **counts})


def failure(
    step: BenchStep, facts: Mapping[str, Any], output: Sequence[str], diff_command: str
) -> MeasurementError:
    """Return the error for a run that measured nothing.

    The error names the failed tests or, if there are none, an option that prevents measuring. If
    there is no such option either, the error shows `output`, the end of pytest's output.
    """
    mode = step.arm.mode
    failed = facts.get("failed", ())
    if failed:
        return _failed_tests(failed, mode, diff_command)
    obstacle = facts.get("without", "")
    if obstacle:
        return MeasurementError(
            f"pytest-benchmark measured nothing with the JIT {mode}, because of {obstacle}.",
            remedy="Omit it, or override it after `--`: -n0, --benchmark-enable, --benchmark-only.",
        )
    lines = "\n".join(f"  {line}" for line in output)
    return MeasurementError(
        f"pytest measured nothing with the JIT {mode}:\n{lines}",
        remedy="The pytest command after `--` must run tests with the fixture `benchmark`.",
    )


def _failed_tests(
    failed: Sequence[Mapping[str, str]], mode: str, diff_command: str
) -> MeasurementError:
    tests = list(dict.fromkeys(failure["test"] for failure in failed))
    more = f", and so do {len(tests) - 1} more" if len(tests) > 1 else ""
    shown = "\n".join(
        f"  {failure['test']}: {failure['message']}" for failure in failed[:_SHOWN_FAILURES]
    )
    return MeasurementError(
        f"{tests[0]} fails with the JIT {mode}{more}:\n{shown}",
        remedy=f"To see what differs, test by test: {diff_command}",
    )
