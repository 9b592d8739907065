"""Show the report of `jitbuild bench`: on the terminal, as JSON, and as HTML and SVG files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.bench import report_json
from jitbuild.cli import streams
from jitbuild.cli.output import print_json
from jitbuild.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from jitbuild.bench.report import BenchReport


def check_outputs(options: argparse.Namespace) -> None:
    """Raise UsageError when the folder of --html or --svg does not exist.

    Call this function before the measurement, so that an error does not lose its results.
    """
    for name in filter(None, (options.html, options.svg)):
        if not Path(name).absolute().parent.is_dir():
            raise UsageError(
                f"{name} cannot be written: its folder does not exist.",
                remedy="Create the folder, or name another.",
            )


def show_report(report: BenchReport, options: argparse.Namespace) -> None:
    """Write the requested files, and print the report unless --json is given."""
    if options.svg or options.html:
        from jitbuild.bench.render.charts import standalone
        from jitbuild.bench.render.html import html

        for name, render in ((options.svg, standalone), (options.html, html)):
            if name:
                _write(Path(name), render(report))
    if not options.json:
        from rich.console import Console

        from jitbuild.bench.render import table

        with contextlib.suppress(BrokenPipeError):
            inspect = options.inspect and report.comparison == "modes"
            table.show(report, Console(), inspect=inspect)


def _write(path: Path, text: str) -> None:
    """Write a file that the user named. Raises UsageError, or DiskFullError if its disk is full."""
    try:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        if streams.is_full(error):
            raise streams.full_disk(str(path)) from error
        raise UsageError(
            f"{path} cannot be written ({error.strerror}).",
            remedy="Give yourself permission to write it, or name another file.",
        ) from error


def print_reports(reports: list[BenchReport]) -> None:
    """Print a single report as a JSON object, and several reports as a list."""
    data = [report_json.to_json(report) for report in reports]
    print_json(data[0] if len(data) == 1 else data)
