"""`jitbuild diff`: run a command in several modes on one interpreter and report what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.arguments import stated_axes
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.diff.comparison import DiffRequest, compare_modes
from jitbuild.diff.report_text import as_text
from jitbuild.diff.step_summary import append_step_summary
from jitbuild.modes import parse_modes
from jitbuild.running.venvs import Requirements

if TYPE_CHECKING:
    import argparse


def diff(options: argparse.Namespace) -> int:
    """Print what differs between the modes; return 1 if anything does."""
    modes = [name.strip() for name in (options.modes or "off,on").split(",") if name.strip()]
    request = DiffRequest(
        spec=options.spec,
        axes=stated_axes(options),
        command=tuple(options.command or ()),
        modes=tuple(parse_modes(modes)),
        repeats=options.repeat,
        timeout=options.timeout,
        requirements=Requirements(options.with_, [Path(file) for file in options.requirements]),
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
