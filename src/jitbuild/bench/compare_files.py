"""Compare pyperf files: each file with the first one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from jitbuild.bench import pyperf_files
from jitbuild.bench.report import BenchReport, compare_samples, mean_of
from jitbuild.bench.stats import ComparisonRule
from jitbuild.errors import MeasurementError
from jitbuild.running.intervals import MARGIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The metadata of each file that the report shows.
_SHOWN_METADATA = (
    "python_version",
    "python_executable",
    "jitbuild_mode",
    "jitbuild_interpreter",
    "jitbuild_profile",
    "cpu_model_name",
    "hostname",
)
_SHOWN_NAMES = 4


def compare_files(paths: Sequence[Path], *, margin: float = MARGIN) -> list[BenchReport]:
    """Compare each file with the first file, and return one report for each comparison.

    Differences up to the share `margin` do not count. Raises MeasurementError if pyperf cannot read
    a file, or if a file has no benchmark in common with the first.
    """
    suites = [pyperf_files.load(path) for path in paths]
    (base, base_suite), *others = zip(_names(paths), suites, strict=True)
    return [
        _compare(
            (base, base_suite),
            (name, suite),
            _repeat_command(paths[0], path, margin),
            margin,
        )
        for (name, suite), path in zip(others, paths[1:], strict=True)
    ]


def _repeat_command(base: Path, other: Path, margin: float) -> str:
    stated = [] if margin == MARGIN else ["--margin", f"{100 * margin:g}"]
    return shlex.join(["jitbuild", "bench", "compare", str(base), str(other), *stated])


def _compare(
    base: tuple[str, Any], other: tuple[str, Any], again: str, margin: float
) -> BenchReport:
    (base_name, base_suite), (other_name, other_suite) = base, other
    left, right = pyperf_files.samples(base_suite), pyperf_files.samples(other_suite)
    metadata = {
        "base": pyperf_files.metadata(base_suite),
        "other": pyperf_files.metadata(other_suite),
    }
    # Both arms of one measurement ran in the same rounds. Other files have no rounds in common.
    sessions = [facts.get("jitbuild_session", side) for side, facts in metadata.items()]
    paired = sessions[0] == sessions[1]
    until_decided = all(facts.get("jitbuild_until_decided") for facts in metadata.values())
    rule = ComparisonRule(paired=paired, always_valid=paired and until_decided, margin=margin)
    rows = compare_samples(left, right, rule)
    if not rows:
        raise MeasurementError(
            f"{base_name} and {other_name} have no benchmark in common: "
            f"{_some(left)} and {_some(right)}.",
            remedy="Compare files of the same benchmarks.",
        )
    return BenchReport(
        comparison="files",
        base=base_name,
        other=other_name,
        rows=rows,
        mean=mean_of(rows, rule),
        about=_about(metadata),
        notes=_notes(left, right, paired=paired),
        again=again,
        rule=rule,
    )


def _notes(left: Mapping[str, Any], right: Mapping[str, Any], *, paired: bool) -> tuple[str, ...]:
    notes = []
    single = sorted(left.keys() ^ right.keys())
    if single:
        notes.append(f"Only in one of the files, and left out: {', '.join(single)}.")
    if not paired:
        notes.append(
            "The files were not measured interleaved: "
            "if the machine changed between the measurements, the ratios are affected."
        )
    return tuple(notes)


def _about(metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {
        f"{side}_{key}": str(facts[key])
        for side, facts in metadata.items()
        for key in _SHOWN_METADATA
        if key in facts
    }


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join([*names][:_SHOWN_NAMES])


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest names that distinguish the files."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
