"""The JSON form of a measurement's report, as `jitbuild bench --json` prints it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jitbuild.bench import conclusions, stats
from jitbuild.running import intervals

if TYPE_CHECKING:
    from jitbuild.bench.report import BenchReport


def to_json(report: BenchReport) -> dict[str, Any]:
    """Return the shape that docs/design.md documents."""
    return {
        "comparison": report.comparison,
        "base": report.base,
        "other": report.other,
        "about": dict(report.about),
        "complete": report.interrupted_by is None,
        "verdict": {
            "result": conclusions.advice(report),
            "sentence": conclusions.sentence(report),
            "advice": conclusions.is_advice(report),
            "more_seconds": report.more_seconds,
            "more": report.more,
        },
        "geometric_mean": report.mean.to_json(),
        "faster": len(report.with_result("faster")),
        "slower": len(report.with_result("slower")),
        "unchanged": len(report.with_result("no difference")),
        "undecided": len(report.with_result("undecided")),
        "margin": report.rule.margin,
        "until_decided": report.rule.always_valid,
        "confidence": intervals.confidence(always_valid=report.rule.always_valid),
        "noise_floor": _noise_floor(report),
        "wrong": report.wrong,
        "benchmarks": [row.to_json() for row in report.rows],
        "witness": {arm: tally.to_json() for arm, tally in report.witness.items()},
        "nothing_compiled": nothing.reason if (nothing := report.nothing_compiled) else None,
        "known_bugs": [bug.to_json() for bug in report.known_bugs],
        "warnings": list(report.warnings),
        "notes": list(report.notes),
        "files": dict(report.files),
        "again": report.again,
    }


def _noise_floor(report: BenchReport) -> float | None:
    if report.comparison != "again" or math.isnan(report.mean.noise):
        return None
    return stats.noise_floor(report.mean)
