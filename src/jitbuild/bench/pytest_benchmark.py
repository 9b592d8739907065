"""A run of pytest with pytest-benchmark as one step: its command, what it measured, and how it failed. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitbuild.errors import MeasurementError
from jitbuild.running import command as words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jitbuild.bench.plan import BenchStep

_SHOWN = 3
# What pytest-benchmark calls a fact of the machine, and what pyperf does.
_FACTS = {
    "python_version": "python_version",
    "python_implementation": "python_implementation",
    "node": "hostname",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PytestTiming:
    """What pytest-benchmark says of one test: the mean of its rounds, in seconds, and facts for pyperf's file."""

    mean: float
    metadata: Mapping[str, Any]


def options(command: Sequence[str]) -> list[str]:
    """The interpreter's own options in a command of pytest's."""
    found = words.split_program(command)
    return found[0] if found else []


def spec(command: Sequence[str], facts: Path, target: Path, *, look: bool) -> dict[str, Any]:
    """What bench_pytest.py reads; pytest-benchmark writes to `target`, last of all options, so that no other file is meant."""
    begin = words.pytest_arguments_index(command)
    assert begin is not None
    end = command.index("--", begin) if "--" in command[begin:] else len(command)
    arguments = [*command[begin:end], f"--benchmark-json={target}", *command[end:]]
    return {
        "arguments": arguments,
        "module": "pytest" in command[1:begin] or "-mpytest" in command,
        "facts": str(facts),
        "look": look,
    }


def parse(data: bytes) -> dict[str, PytestTiming]:
    """Each test by its full name; none for what is no file of pytest-benchmark's, as where it measured nothing."""
    try:
        found = json.loads(data)
        machine = found.get("machine_info") or {}
        shared = {
            ours: str(machine[theirs]) for theirs, ours in _FACTS.items() if machine.get(theirs)
        }
        return {
            each["fullname"]: PytestTiming(
                mean=float(each["stats"]["mean"]), metadata={**shared, **_counts(each["stats"])}
            )
            for each in found["benchmarks"]
            if each.get("stats")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _counts(stats: Mapping[str, Any]) -> dict[str, int]:
    return {"loops": int(stats["iterations"]), "pytest_benchmark_rounds": int(stats["rounds"])}


def failure(
    step: BenchStep, facts: Mapping[str, Any], said: Sequence[str], diff: str
) -> MeasurementError:
    """Why a run came to nothing: tests that failed, nothing measured, or what pytest said last; `diff` is a line to type."""
    mode = step.arm.mode
    failed = facts.get("failed", ())
    if failed:
        tests = list(dict.fromkeys(each["test"] for each in failed))
        others = f", and so do {len(tests) - 1} more" if len(tests) > 1 else ""
        shown = "\n".join(f"  {each['test']}: {each['message']}" for each in failed[:_SHOWN])
        return MeasurementError(
            f"{tests[0]} fails with the JIT {mode}{others}:\n{shown}",
            remedy=f"See what differs, test by test, with: {diff}",
        )
    why = facts.get("without", "")
    if why:
        return MeasurementError(
            f"pytest-benchmark measured nothing with the JIT {mode}: {why} keeps it from it.",
            remedy="Take that out, or say the opposite after `--`: -n0, --benchmark-enable, --benchmark-only.",
        )
    lines = "\n".join(f"  {line}" for line in said)
    return MeasurementError(
        f"pytest measured nothing with the JIT {mode}:\n{lines}",
        remedy="After `--` comes a command of pytest's that runs tests with the fixture `benchmark`.",
    )
