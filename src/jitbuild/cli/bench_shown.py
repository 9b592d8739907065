"""What `jitbuild bench` shows, and where: the terminal, JSON, HTML and SVG."""

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
    """Find out before anything is measured that what is asked for cannot be written."""
    for name in filter(None, (options.html, options.svg)):
        if not Path(name).absolute().parent.is_dir():
            raise UsageError(
                f"{name} cannot be written: its folder is not there.",
                remedy="Make the folder, or name another.",
            )
    if options.html or options.svg:
        from jitbuild.bench.render import svg as chart

        chart.check()


def show(result: BenchReport, options: argparse.Namespace) -> None:
    """Write the files that were asked for, and print the report."""
    if options.svg or options.html:
        from jitbuild.bench.render import html as page
        from jitbuild.bench.render import svg as chart

        drawings = ((options.svg, chart.svg), (options.html, page.html))
        for target, draw in ((Path(name), draw) for name, draw in drawings if name):
            with store_errors(target):
                target.write_text(draw(result), encoding="utf-8")
    if options.json:
        print_json(report_json.to_json(result))
        return
    from rich.console import Console

    from jitbuild.bench.render import table as text

    with contextlib.suppress(BrokenPipeError):
        text.show(result, Console(), inspect=options.inspect and result.comparison == "modes")
