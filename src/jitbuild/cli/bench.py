"""`jitbuild bench`: measure the speedup of the JIT, or compare files of pyperf."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.bench.bench_request import BenchRequest
from jitbuild.bench.compare_files import compare_files
from jitbuild.bench.measurement import measure
from jitbuild.cli.arguments import (
    SPEC_HELP,
    add_axes,
    add_examples,
    add_json,
    add_list,
    add_spec,
    add_timeout,
    complete_with,
    stated_axes,
)
from jitbuild.cli.bench_output import check_outputs, show_reports
from jitbuild.cli.numbers import margin, positive_integer, positive_seconds
from jitbuild.cli.output import reporter_for
from jitbuild.cli.package_options import add_packages, stated_requirements
from jitbuild.errors import UsageError
from jitbuild.request import Axes
from jitbuild.running.intervals import MARGIN

if TYPE_CHECKING:
    import argparse


# These options say how to measure, so they mean nothing to `bench compare`.
_MEASURING = (
    *("setup", "suite", "benchmarks", "pytest-benchmark", "aa", "with", "requirements", "group"),
    *("rounds", "max-time", "values", "timeout", "resume", "inspect", "output"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild bench` and `jitbuild bench compare`."""
    parser.description = (
        "Measure programs with the JIT off and on, interleaved, on one interpreter of the store, "
        "and report the ratio off / on. If it is above 1, the JIT is faster. The programs are the "
        "quick suite, pyperformance, --stmt, or a command after --, which is interpreted as by "
        "`jitbuild run`. "
        "`bench compare` compares files of pyperf. docs/bench.md describes the method."
    )
    parser.usage = (
        "jitbuild bench SPEC [options] [-- COMMAND ...]\n"
        "       jitbuild bench compare FILE FILE ... [--margin P] [--json]"
    )
    add_spec(parser, completer="names_and_compare", help=f"{SPEC_HELP}; or the word compare")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="after compare: files of pyperf; each is compared with the first",
    )
    _add_subject(parser)
    _add_amount(parser)
    add_axes(parser, lookup=True)
    _add_outputs(parser)
    add_examples(
        parser,
        "jitbuild bench 3.15",
        "jitbuild bench 3.15 --suite pyperformance --benchmarks default,-nbody",
        "jitbuild bench 3.15 --stmt 'sum(range(1000))'",
        "jitbuild bench 3.15 --with numpy -- script.py",
        "jitbuild bench compare before.json after.json",
    )


def _add_subject(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--suite",
        choices=("quick", "pyperformance"),
        help="quick (default): 14 small programs; pyperformance: the official suite",
    )
    benchmarks = add_list(
        group,
        "--benchmarks",
        metavar="NAME",
        hyphens=r"-\w\w",
        help="only these benchmarks of the suite; for pyperformance, NAME may be a group, and "
        "-NAME excludes one",
    )
    complete_with(benchmarks, "benchmark_names")
    group.add_argument(
        "--pytest-benchmark",
        action="store_true",
        help="measure each pytest-benchmark test of the pytest command after --; needs --with "
        "pytest-benchmark",
    )
    group.add_argument("--stmt", metavar="CODE", help="a statement to measure, as for timeit")
    group.add_argument("--setup", metavar="CODE", help="code that runs once before --stmt")
    group.add_argument(
        "--aa",
        action="store_true",
        help="measure off against off to get the noise of this machine, which later runs take into "
        "account",
    )
    add_packages(group, "measure")


def _add_amount(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is measured")
    group.add_argument(
        "--rounds",
        type=positive_integer,
        metavar="N",
        help="measure exactly N rounds of one process per mode, at least 3 (default: 5 or more, "
        "until the result is decided)",
    )
    group.add_argument(
        "--max-time",
        type=positive_seconds,
        metavar="S",
        help="end an undecided measurement after S seconds (default: 300 for --stmt, 3600 for "
        "pyperformance, 600 for anything else)",
    )
    group.add_argument(
        "--margin",
        type=margin,
        metavar="P",
        help="differences up to P percent do not count (default: 2)",
    )
    group.add_argument(
        "--values",
        type=positive_integer,
        metavar="N",
        help="values per process (default: 12; for --stmt: 20, for a command: 1, for "
        "pyperformance: 3)",
    )
    add_timeout(
        group,
        "end a process after S seconds, or two interleaved ones after twice that time (default: "
        "600)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the same measurement after an interruption or a failure; with a longer "
        "--max-time, also continue one that ended undecided",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--inspect",
        action="store_true",
        help="show which functions got machine code, and which hot functions did not",
    )
    group.add_argument(
        "--output",
        metavar="DIR",
        help="write pyperf's off.json and on.json to DIR (default: in the store)",
    )
    group.add_argument(
        "--html",
        metavar="FILE",
        help="write a report with charts as one file",
    )
    group.add_argument("--svg", metavar="FILE", help="write the chart of ratios")
    add_json(group, "the report")


def run(options: argparse.Namespace) -> int:
    """Measure or compare files, and show the report.

    Return 0, or 128 plus the number of the signal that interrupted the measurement.
    """
    check_outputs(options)
    if options.spec == "compare":
        return _compare(options)
    if options.files:
        raise UsageError(
            f"unrecognized arguments: {' '.join(options.files)}",
            remedy="To measure a command, write it after `--`: jitbuild bench SPEC -- COMMAND. "
            "To compare files: jitbuild bench compare FILE FILE",
        )
    report = measure(_request(options), api.store(), reporter_for(options))
    show_reports([report], options)
    return 0 if report.interrupted_by is None else 128 + report.interrupted_by


def _request(options: argparse.Namespace) -> BenchRequest:
    return BenchRequest(
        spec=options.spec,
        axes=stated_axes(options),
        command=None if options.command is None else tuple(options.command),
        stmt=options.stmt,
        setup=options.setup,
        suite=options.suite,
        benchmarks=tuple(options.benchmarks or ()),
        pytest_benchmark=options.pytest_benchmark,
        off_against_off=options.aa,
        requirements=stated_requirements(options),
        rounds=options.rounds,
        values=options.values,
        max_time=options.max_time,
        margin=options.margin,
        timeout=options.timeout,
        resume=options.resume,
        profile_hot=options.inspect,
        output=Path(options.output) if options.output else None,
        html=options.html,
        svg=options.svg,
    )


def _compare(options: argparse.Namespace) -> int:
    usage = "jitbuild bench compare A.json B.json"
    if options.command is not None or options.stmt:
        raise UsageError("`bench compare` does not measure.", remedy=f"Name files: {usage}")
    given = vars(options) | {"with": options.with_}
    ignored = [f"--{name}" for name in _MEASURING if given[name.replace("-", "_")]]
    if stated_axes(options) != Axes():
        ignored.append("an option of the variant")
    if ignored:
        raise UsageError(
            f"`bench compare` does not measure, so {', '.join(ignored)} would have no effect.",
            remedy=f"Omit the option: {usage}",
        )
    if len(options.files) < 2:
        raise UsageError("`bench compare` needs two or more files.", remedy=f"Name them: {usage}")
    if len(options.files) > 2 and (options.html or options.svg):
        raise UsageError(
            "--html and --svg show only one comparison.",
            remedy="Name two files, or omit --html and --svg.",
        )
    paths = [Path(name) for name in options.files]
    reports = compare_files(paths, margin=MARGIN if options.margin is None else options.margin)
    show_reports(reports, options)
    return 0
