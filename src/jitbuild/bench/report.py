"""Everything that a measurement has to say, as data. docs/design.md has the shape of its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jitbuild.bench import stats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jitbuild.bench.stats import Ratio, Sample

Comparison = Literal["modes", "again", "files"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A function that got machine code: `bytes` come in whole pages. Or, with `share`, one that took that share of the time."""

    name: str
    file: str
    line: int
    executors: int = 0
    bytes: int = 0
    share: float | None = None

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "file": self.file, "line": self.line}
        if self.share is not None:
            return {**found, "share": round(self.share, 4)}
        return {**found, "executors": self.executors, "bytes": self.bytes}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """What the JIT made of a benchmark: the functions with machine code, and the hot ones without (None: nobody asked)."""

    compiled: tuple[Function, ...]
    bare: tuple[Function, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "executors": sum(each.executors for each in self.compiled),
            "bytes": sum(each.bytes for each in self.compiled),
            "functions": [each.to_json() for each in self.compiled],
            "hot_without": None if self.bare is None else [each.to_json() for each in self.bare],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One benchmark in two arms. `inspection` is None where nobody could look (a command that is no Python program)."""

    name: str
    base: Sample
    other: Sample
    ratio: Ratio
    significant: bool | None
    gains: bool = True
    inspection: Inspection | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **self.ratio.to_json(),
            "significant": self.significant,
            "seconds": {"base": self.base.mean, "other": self.other.mean},
            "processes": {"base": len(self.base.processes), "other": len(self.other.processes)},
            "values": {"base": len(self.base.values), "other": len(self.other.values)},
            "jit": None if self.inspection is None else self.inspection.to_json(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Two arms compared: `base` and `other` are their names.

    `comparison` says what they are: the modes off and on, off again, or somebody's files. `about` are facts of interpreter and
    machine, `floor` an A/A's noise that was measured here before, `files` the pyperf files, `again` the line to type.
    """

    comparison: Comparison
    base: str
    other: str
    rows: tuple[Row, ...]
    mean: Ratio
    about: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    again: str = ""
    complete: bool = True

    @property
    def by_size(self) -> list[Row]:
        """The benchmarks, the one that gains the most first."""
        return sorted(self.rows, key=lambda row: row.ratio.value, reverse=True)

    def named(self, word: str) -> list[Row]:
        """The benchmarks that are `faster`, `slower`, `no difference`; the farthest from 1 first."""
        found = [row for row in self.rows if row.ratio.word == word]
        return sorted(found, key=lambda row: row.ratio.value, reverse=word == "faster")


def rows(
    base: Mapping[str, Sample],
    other: Mapping[str, Sample],
    *,
    paired: bool,
    floors: Mapping[str, float],
    without_gain: Iterable[str] = (),
    inspections: Mapping[str, Inspection] | None = None,
) -> tuple[Row, ...]:
    """A row for each benchmark that both have, in the order of `base`."""
    from jitbuild.bench import pyperf_files as files

    bare = frozenset(without_gain)
    return tuple(
        Row(
            name=name,
            base=sample,
            other=other[name],
            ratio=stats.compare(sample, other[name], paired=paired, floor=floors.get(name, 0.0)),
            significant=files.significant(sample, other[name]),
            gains=name not in bare,
            inspection=(inspections or {}).get(name),
        )
        for name, sample in base.items()
        if name in other
    )


def mean_of(found: Iterable[Row], *, paired: bool, floor: float = 0.0) -> Ratio:
    """The geometric mean of all rows."""
    return stats.geometric_mean(
        [(row.base, row.other) for row in found], paired=paired, floor=floor
    )


def to_json(report: Report) -> dict[str, Any]:
    """The documented shape of `jitbuild bench --json`."""
    from jitbuild.bench import conclusions as words

    return {
        "comparison": report.comparison,
        "base": report.base,
        "other": report.other,
        "about": dict(report.about),
        "complete": report.complete,
        "verdict": {"result": words.result(report), "sentence": words.verdict(report)},
        "geometric_mean": report.mean.to_json(),
        "faster": len(report.named("faster")),
        "slower": len(report.named("slower")),
        "unchanged": len(report.named("no difference")),
        "noise_floor": stats.noise_floor(report.mean)
        if report.comparison == "again" and report.mean.noise == report.mean.noise
        else None,
        "benchmarks": [row.to_json() for row in report.rows],
        "warnings": list(report.warnings),
        "notes": list(report.notes),
        "files": dict(report.files),
        "again": report.again,
    }
