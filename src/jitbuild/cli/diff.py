"""`jitbuild diff`: run a command in several modes on one interpreter and report what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_list,
    add_modes,
    add_spec,
    add_timeout,
    stated_axes,
)
from jitbuild.cli.numbers import positive_integer
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.cli.package_options import add_packages, stated_requirements
from jitbuild.diff.comparison import compare_modes
from jitbuild.diff.diff_request import DiffRequest
from jitbuild.diff.report_text import as_text
from jitbuild.diff.step_summary import append_step_summary
from jitbuild.modes import parse_modes

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild diff`."""
    parser.description = (
        "Run a command in several modes on one interpreter of the store and report what differs "
        "with the JIT, what is flaky, and what is slower or faster. If the command runs pytest, "
        "each test is compared, and the compiled functions of your packages are counted. The "
        "command after -- is interpreted as by `jitbuild run`. The exit code is 1 if something "
        "differs; flaky tests and different times do not count."
    )
    parser.usage = "jitbuild diff SPEC [options] -- COMMAND ..."
    add_spec(parser)
    add_modes(parser, "two or more of off, on, stress (3.15+), default (default: off,on)")
    parser.add_argument(
        "--repeat",
        type=positive_integer,
        default=3,
        metavar="N",
        help="runs in each mode, interleaved (default: 3)",
    )
    add_timeout(parser, "end a run, and the processes it started, after S seconds")
    add_packages(parser, "run")
    add_list(
        parser,
        "--package",
        metavar="NAME",
        default=[],
        help="a package whose compiled functions are counted, if the command runs pytest (default: "
        "the packages in pytest's rootdir, and those that are installed in editable mode)",
    )
    parser.add_argument(
        "--keep",
        metavar="DIR",
        help="keep the logs of all runs in DIR (default: those of failed runs, in the store)",
    )
    add_axes(parser, lookup=True)
    add_json(parser, "the report")
    add_examples(
        parser,
        "jitbuild diff 3.15 -- -m unittest",
        "jitbuild diff 3.15 --with pytest,hypothesis --modes off,on,stress -- pytest tests",
    )


def run(options: argparse.Namespace) -> int:
    """Print what differs between the modes; return 1 if anything does."""
    request = DiffRequest(
        spec=options.spec,
        axes=stated_axes(options),
        command=tuple(options.command or ()),
        modes=tuple(parse_modes(options.modes or ["off", "on"])),
        repeats=options.repeat,
        timeout=options.timeout,
        requirements=stated_requirements(options),
        packages=tuple(options.package),
        keep=Path(options.keep) if options.keep else None,
        live=options.verbose,
    )
    reporter = reporter_for(options)
    report = compare_modes(request, api.store(), reporter)
    if options.json:
        print_json(report.to_json())
    else:
        print(as_text(report))
    append_step_summary(report, reporter)
    return 1 if report.different else 0
