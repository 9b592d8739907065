"""Write the result of `jitbuild bench`: to the terminal, as JSON, HTML and SVG."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.bench import report_json
from jitbuild.cli.output import print_json
from jitbuild.errors import UsageError
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    import argparse

    from jitbuild.bench.report import BenchReport


def check_outputs(options: argparse.Namespace) -> None:
    """Check before anything is measured that the output files can be written.

    Raise UsageError if a folder does not exist.
    """
    for name in filter(None, (options.html, options.svg)):
        if not Path(name).absolute().parent.is_dir():
            raise UsageError(
                f"{name} cannot be written: its folder does not exist.",
                remedy="Create the folder, or name another one.",
            )


def show(result: BenchReport, options: argparse.Namespace) -> None:
    """Write the files of --html and --svg, and print the report."""
    if options.svg or options.html:
        from jitbuild.bench.render.charts import standalone
        from jitbuild.bench.render.html import html

        drawings = ((options.svg, standalone), (options.html, html))
        for target, draw in ((Path(name), draw) for name, draw in drawings if name):
            with store_errors(target):
                target.write_text(draw(result), encoding="utf-8")
    if options.json:
        print_json(report_json.to_json(result))
        return
    from rich.console import Console

    from jitbuild.bench.render import table

    with contextlib.suppress(BrokenPipeError):
        table.show(result, Console(), inspect=options.inspect and result.comparison == "modes")
