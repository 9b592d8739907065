"""Measurements for the tests of reports."""

from __future__ import annotations

from typing import Any

from jitbuild.bench import report
from jitbuild.bench.stats import Sample


def sample(mean: float, rounds: int = 5) -> Sample:
    return Sample(processes=((mean, mean),) * rounds)


def report_of(ratios: dict[str, float], *, rounds: int = 5, **fields: Any) -> report.BenchReport:
    """Return the report of benchmarks that take 1 s off and 1 s / ratio on."""
    base = dict.fromkeys(ratios, sample(1.0, rounds))
    other = {name: sample(1 / ratio, rounds) for name, ratio in ratios.items()}
    rows = report.compare_samples(base, other, paired=True, floors={})
    mean = report.mean_of(rows, paired=True)
    defaults = {"comparison": "modes", "base": "off", "other": "on", "about": {"version": "3.15.2"}}
    return report.BenchReport(rows=rows, mean=mean, **{**defaults, **fields})
