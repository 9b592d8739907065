"""Measurements for the tests of reports."""

from __future__ import annotations

from typing import Any

from jitbuild.bench import report
from jitbuild.bench.stats import ComparisonRule, Sample


def sample(mean: float, rounds: int = 5) -> Sample:
    return Sample(processes=((mean, mean),) * rounds)


def report_of(ratios: dict[str, float], *, rounds: int = 5, **fields: Any) -> report.BenchReport:
    """Return the report of benchmarks that take 1 s off and 1 s / ratio on."""
    base = dict.fromkeys(ratios, sample(1.0, rounds))
    other = {name: sample(1 / ratio, rounds) for name, ratio in ratios.items()}
    rows = report.compare_samples(base, other, ComparisonRule(paired=True), floors={})
    mean = report.mean_of(rows, ComparisonRule(paired=True))
    defaults = {"comparison": "modes", "base": "off", "other": "on", "about": {"version": "3.15.2"}}
    rule = ComparisonRule(paired=True)
    return report.BenchReport(rows=rows, mean=mean, rule=rule, **{**defaults, **fields})
