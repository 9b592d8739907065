"""`jitbuild bench compare`: any files of pyperf's, the others with the first."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.bench import pyperf_files, report, report_json
from jitbuild.cli.bench_shown import show
from jitbuild.cli.output import print_json
from jitbuild.errors import MeasurementError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jitbuild.bench.report import BenchReport


def compare(options: argparse.Namespace) -> int:
    """Compare pyperf files with the first of them."""
    if options.command is not None or options.stmt:
        raise UsageError(
            "`bench compare` measures nothing.",
            remedy="Name files: jitbuild bench compare A.json B.json",
        )
    if len(options.files) < 2:
        raise UsageError(
            "`bench compare` takes two files or more.",
            remedy="Name them: jitbuild bench compare A.json B.json",
        )
    if len(options.files) > 2 and (options.html or options.svg):
        raise UsageError(
            "--html and --svg show one comparison.", remedy="Name two files, or leave them out."
        )
    paths = [Path(name) for name in options.files]
    suites = [pyperf_files.load(path) for path in paths]
    names = _names(paths)
    found = [
        replace(
            _compared(names[0], suites[0], name, suite),
            again=shlex.join(["jitbuild", "bench", "compare", str(paths[0]), str(path)]),
        )
        for name, suite, path in zip(names[1:], suites[1:], paths[1:], strict=True)
    ]
    if options.json:
        data = [report_json.to_json(each) for each in found]
        print_json(data[0] if len(data) == 1 else data)
        return 0
    for each in found:
        show(each, options)
    return 0


def _compared(base: str, one: Any, other: str, two: Any) -> BenchReport:
    left, right = pyperf_files.samples(one), pyperf_files.samples(two)
    facts = (pyperf_files.metadata(one), pyperf_files.metadata(two))
    # The arms of one measurement of ours were measured round by round; of others nobody knows.
    beside = len({each.get("jitbuild_session", number) for number, each in enumerate(facts)}) == 1
    rows = report.compare_samples(left, right, paired=beside, floors={})
    if not rows:
        raise MeasurementError(
            f"{base} and {other} have no benchmark in common: {', '.join([*left][:4])} and {', '.join([*right][:4])}.",
            remedy="Compare files of the same benchmarks.",
        )
    alone = sorted({*left} ^ {*right})
    notes = [f"Only in one of the files, and left out: {', '.join(alone)}."] if alone else []
    if not beside:
        notes.append(
            "These were not measured in turns: what the machine did meanwhile is in the ratios."
        )
    about = {
        f"{name}_{key}": str(each[key])
        for name, each in zip(("base", "other"), facts, strict=True)
        for key in _KEPT
        if key in each
    }
    return report.BenchReport(
        comparison="files",
        base=base,
        other=other,
        rows=rows,
        mean=report.mean_of(rows, paired=beside),
        about=about,
        notes=tuple(notes),
    )


_KEPT = (
    "python_version",
    "python_executable",
    "jitbuild_mode",
    "jitbuild_interpreter",
    "jitbuild_profile",
    "cpu_model_name",
    "hostname",
)


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest names that tell the files apart."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
