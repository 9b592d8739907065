"""Compare pyperf files: each file with the first one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.bench import about, file_profiles, pyperf_files
from jitbuild.bench.report import BenchReport, compare_samples, mean_of
from jitbuild.bench.stats import ComparisonRule
from jitbuild.errors import MeasurementError
from jitbuild.running.intervals import MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jitbuild.bench.stats import Sample

_SHOWN_NAMES = 4


class _File(NamedTuple):
    """A pyperf file that was read. `names` are all benchmarks, also those without times."""

    path: Path
    name: str
    names: frozenset[str]
    samples: Mapping[str, Sample]
    metadata: Mapping[str, Any]
    date: str

    @classmethod
    def read(cls, path: Path, name: str) -> _File:
        suite = pyperf_files.load(path)
        return cls(
            path=path,
            name=name,
            names=frozenset(pyperf_files.names(suite)),
            samples=pyperf_files.samples(suite),
            metadata=pyperf_files.metadata(suite),
            date=about.period(pyperf_files.dates(suite)),
        )


def compare_files(paths: Sequence[Path], *, margin: float = MARGIN) -> list[BenchReport]:
    """Compare each file with the first file, and return one report for each comparison.

    Differences up to the share `margin` do not count. The files may have different numbers of
    processes and of values. Raises MeasurementError if pyperf cannot read a file, or if a file has
    no benchmark in common with the first.
    """
    base, *others = [
        _File.read(path, name) for path, name in zip(paths, _names(paths), strict=True)
    ]
    return [_compare(base, other, margin) for other in others]


def _compare(base: _File, other: _File, margin: float) -> BenchReport:
    # Both arms of one measurement ran in the same rounds. Other files have no rounds in common.
    session = base.metadata.get("jitbuild_session")
    paired = session is not None and session == other.metadata.get("jitbuild_session")
    until_decided = all(file.metadata.get("jitbuild_until_decided") for file in (base, other))
    rule = ComparisonRule(paired=paired, always_valid=paired and until_decided, margin=margin)
    rows = compare_samples(base.samples, other.samples, rule)
    if not rows:
        raise MeasurementError(
            f"{base.name} and {other.name} have no benchmark with times in common: "
            f"{_some(base.samples)}; and {_some(other.samples)}.",
            remedy="Compare files of the same benchmarks.",
        )
    return BenchReport(
        comparison="files",
        base=base.name,
        other=other.name,
        rows=rows,
        mean=mean_of(rows, rule),
        about={
            **about.facts_of_file("base", base.metadata, base.date),
            **about.facts_of_file("other", other.metadata, other.date),
        },
        warnings=tuple(_warnings(base, other)),
        notes=tuple(_notes(base, other, paired=paired)),
        again=_repeat_command(base.path, other.path, margin),
        rule=rule,
    )


def _repeat_command(base: Path, other: Path, margin: float) -> str:
    stated = [] if margin == MARGIN else ["--margin", f"{100 * margin:g}"]
    return shlex.join(["jitbuild", "bench", "compare", str(base), str(other), *stated])


def _warnings(base: _File, other: _File) -> Iterator[str]:
    differences = about.machine_differences(base.metadata, other.metadata)
    if differences:
        yield (
            f"The machines or systems of the files differ ({'; '.join(differences)}), so the "
            "ratios also compare these."
        )
    yield from file_profiles.profile_warnings(
        {base.name: base.metadata, other.name: other.metadata}
    )


def _notes(base: _File, other: _File, *, paired: bool) -> Iterator[str]:
    single = base.names ^ other.names
    if single:
        yield f"Only in one of the files, and left out: {', '.join(sorted(single))}."
    for file in (base, other):
        unused = sorted((base.names & other.names) - file.samples.keys())
        if unused:
            yield f"Without times in {file.name}, and left out: {', '.join(unused)}."
    if not paired:
        yield (
            "The files were not measured interleaved: "
            "if the machine changed between the measurements, the ratios are affected."
        )
    for file in (base, other):
        alone = [
            name
            for name, sample in file.samples.items()
            if len(sample.processes) == 1 and name in other.names & base.names
        ]
        if alone:
            yield (
                f"In {file.name}, a single process measured {_some(alone)}. How much processes "
                "differ is therefore unknown, and an interval may be too narrow."
            )


def _some(names: Iterable[str]) -> str:
    """Return the first names as text, and the number of the others."""
    shown = [*names]
    more = len(shown) - _SHOWN_NAMES
    others = f" and {more} more" if more > 0 else ""
    return f"{', '.join(shown[:_SHOWN_NAMES])}{others}" if shown else "none"


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest names that distinguish the files."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
