"""Represent the result of a measurement as data: a row per benchmark, ratios and facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jitbuild.bench import pyperf_files, stats
from jitbuild.running import intervals
from jitbuild.running.witness_verdict import NothingCompiled, nothing_compiled
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jitbuild.bench.stats import ComparisonRule, Ratio, Result, Sample
    from jitbuild.recipes.bugs import KnownBug
    from jitbuild.running.tally import ModeTally

Comparison = Literal["modes", "again", "files"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledFunction:
    """A function that got machine code; `bytes` is the code's size, in whole memory pages.

    `library` is the package that the function belongs to; "" for the measured program itself.
    """

    name: str
    file: str
    line: int
    executors: int
    bytes: int
    library: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON shape."""
        return {
            "name": self.name,
            "file": self.file,
            "line": self.line,
            "executors": self.executors,
            "bytes": self.bytes,
            "library": self.library,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class HotFunction:
    """A function that took a large share of the time; `share` is between 0 and 1.

    `library` is as in CompiledFunction.
    """

    name: str
    file: str
    line: int
    share: float
    library: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON shape."""
        return {
            "name": self.name,
            "file": self.file,
            "line": self.line,
            "share": round(self.share, 4),
            "library": self.library,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class JITInspection:
    """The functions of a benchmark that the JIT compiled, those of the program itself first.

    `uncompiled` are the hot functions without machine code. `uncompiled` is None if hot functions
    were not searched for, for example because `--inspect` was not given.
    """

    compiled: tuple[CompiledFunction, ...]
    uncompiled: tuple[HotFunction, ...] | None = None

    @property
    def own(self) -> tuple[CompiledFunction, ...]:
        """The compiled functions of the measured program itself."""
        return tuple(function for function in self.compiled if not function.library)

    @property
    def libraries(self) -> dict[str, JITInspection]:
        """The compiled functions of libraries, by library, most executors first."""
        names = {function.library for function in self.compiled if function.library}
        found = {
            name: JITInspection(
                compiled=tuple(each for each in self.compiled if each.library == name)
            )
            for name in names
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1].executors, item[0])))

    @property
    def summary(self) -> str:
        """The numbers of executors, functions and bytes as text."""
        count = len(self.compiled)
        return (
            f"{count_noun(self.executors, 'executor')} in {count_noun(count, 'function')}, "
            f"{self.bytes} bytes"
        )

    @property
    def executors(self) -> int:
        """The number of executors in all functions."""
        return sum(function.executors for function in self.compiled)

    @property
    def bytes(self) -> int:
        """The size of all machine code, in whole memory pages."""
        return sum(function.bytes for function in self.compiled)

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON shape."""
        uncompiled = self.uncompiled
        return {
            "executors": self.executors,
            "bytes": self.bytes,
            "functions": [function.to_json() for function in self.compiled],
            "hot_without": None if uncompiled is None else [hot.to_json() for hot in uncompiled],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchRow:
    """One benchmark in two arms.

    `inspection` is None if the benchmark cannot be inspected, for example because it is a command
    that is not a Python program. `significant` is the result of pyperf's own test, or None if it
    cannot be computed.
    """

    name: str
    base: Sample
    other: Sample
    ratio: Ratio
    significant: bool | None
    inspection: JITInspection | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON shape."""
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
class BenchReport:
    """A comparison of two arms.

    `comparison` is `modes` for off and on, `again` for off and off, or `files` for any two files.
    `base` and `other` are the names of the arms. `about` has facts about the interpreter and the
    machine. `files` has the path of each arm's pyperf file. `again` is the command line that
    repeats the measurement. `interrupted_by` is the number of the signal that interrupted the
    measurement, or None if it is complete. `rule` states how the arms were compared. If anything is
    undecided, `more_seconds` estimates how many more seconds would decide it (None if that is not
    known), and `more` is a command line that continues the measurement, or repeats it with enough
    rounds. `witness` has the counts of the processes that were observed, by arm. `unwritten`
    is the error that kept the pyperf files from being written to the requested folder; `files` then
    has their paths in the store. `known_bugs` are the known JIT bugs of the interpreter.
    """

    comparison: Comparison
    base: str
    other: str
    rows: tuple[BenchRow, ...]
    mean: Ratio
    about: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    again: str = ""
    interrupted_by: int | None = None
    rule: ComparisonRule
    more_seconds: float | None = None
    more: str = ""
    witness: Mapping[str, ModeTally] = field(default_factory=dict)
    unwritten: OSError | None = None
    known_bugs: tuple[KnownBug, ...] = ()

    @property
    def confidence(self) -> str:
        """The confidence of the intervals as text, such as `95%`."""
        return f"{intervals.confidence(always_valid=self.rule.always_valid):.0%}"

    @property
    def nothing_compiled(self) -> NothingCompiled | None:
        """Why no process had machine code although the JIT was on; None if a process had some."""
        return nothing_compiled([*self.witness.values()])

    @property
    def by_ratio(self) -> list[BenchRow]:
        """The rows, sorted by ratio, the largest first."""
        return sorted(self.rows, key=lambda row: row.ratio.value, reverse=True)

    @property
    def wrong(self) -> int | None:
        """The number of benchmarks that seem to differ in off against off; else None."""
        if self.comparison != "again":
            return None
        return len(self.with_result("faster")) + len(self.with_result("slower"))

    def with_result(self, result: Result) -> list[BenchRow]:
        """Return the rows with this result.

        The row with the largest ratio is first if the result is "faster", else the one with the
        smallest ratio.
        """
        rows = [row for row in self.rows if row.ratio.result == result]
        return sorted(rows, key=lambda row: row.ratio.value, reverse=result == "faster")


def compare_samples(
    base: Mapping[str, Sample],
    other: Mapping[str, Sample],
    rule: ComparisonRule,
    *,
    floors: Mapping[str, float] | None = None,
    inspections: Mapping[str, JITInspection] | None = None,
) -> tuple[BenchRow, ...]:
    """Return a row for each benchmark that both arms have, in the order of `base`.

    `floors` are the noise floors that `--aa` measured, as shares by benchmark.
    """
    return tuple(
        BenchRow(
            name=name,
            base=sample,
            other=other[name],
            ratio=stats.compare(sample, other[name], rule, floor=(floors or {}).get(name, 0.0)),
            significant=pyperf_files.is_significant(sample, other[name]),
            inspection=(inspections or {}).get(name),
        )
        for name, sample in base.items()
        if name in other
    )


def mean_of(rows: Iterable[BenchRow], rule: ComparisonRule, *, floor: float = 0.0) -> Ratio:
    """Return the geometric mean of the ratios of all rows; `floor` is its noise floor."""
    return stats.geometric_mean([(row.base, row.other) for row in rows], rule, floor=floor)
