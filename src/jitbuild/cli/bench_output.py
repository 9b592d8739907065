"""Show the report of `jitbuild bench`: on the terminal, as JSON, and as HTML and SVG files."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.bench import report_json
from jitbuild.cli import streams
from jitbuild.cli.output import print_json
from jitbuild.errors import JitbuildError, UsageError
from jitbuild.system.safe_stream import raw

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from jitbuild.bench.report import BenchReport

# Columns; a longer name of a benchmark is folded.
_UNLIMITED = 10_000


def check_outputs(options: argparse.Namespace) -> None:
    """Raise UsageError if a file of --html or --svg, or the folder of --output, cannot be written.

    Call this function before the measurement, so that an error does not lose its results.
    """
    files = [Path(name) for name in (options.html, options.svg) if name]
    if len(files) == 2 and files[0].absolute() == files[1].absolute():
        raise UsageError(
            f"--html and --svg would both write {files[0]}.", remedy="Name two different files."
        )
    for file in files:
        if not file.absolute().parent.is_dir():
            raise UsageError(
                f"{file} cannot be written: its folder does not exist.",
                remedy="Create the folder, or name another.",
            )
        _check_file(file)
    if options.output:
        _check_folder(Path(options.output))


def show_reports(reports: list[BenchReport], options: argparse.Namespace) -> None:
    """Write the files that `options` request, and print the reports.

    The reports are printed even if a file cannot be written. Afterwards, UsageError is raised, or
    DiskFullError if the disk is full.
    """
    errors = [error for report in reports for error in _write_files(report, options)]
    if options.json:
        print_reports(reports)
    else:
        for number, report in enumerate(reports):
            _print_table(report, options, blank=number > 0)
    if errors:
        raise errors[0]


def _write_files(report: BenchReport, options: argparse.Namespace) -> Iterator[JitbuildError]:
    """Write the requested files, and yield the error of each that cannot be written."""
    if report.unwritten is not None:
        yield _cannot_write(Path(options.output), report.unwritten)
    if options.svg or options.html:
        from jitbuild.bench.render.charts import standalone
        from jitbuild.bench.render.html import html

        for name, render in ((options.svg, standalone), (options.html, html)):
            if name:
                try:
                    Path(name).write_text(
                        render(report), encoding="utf-8", errors="surrogateescape"
                    )
                except OSError as error:
                    yield _cannot_write(Path(name), error)


def _print_table(report: BenchReport, options: argparse.Namespace, *, blank: bool) -> None:
    """Print a report, after a blank line if `blank` is True. Only a terminal limits the width."""
    from rich.console import Console

    from jitbuild.bench.render import table

    with contextlib.suppress(BrokenPipeError):
        inspect = options.inspect and report.comparison == "modes"
        console = Console(file=raw(sys.stdout))
        if not console.is_terminal:
            console.width = _UNLIMITED
        if blank:
            console.print()
        table.show(report, console, inspect=inspect)


def _cannot_write(path: Path, error: OSError) -> JitbuildError:
    """Return a UsageError for a path that the user named, or DiskFullError if its disk is full."""
    if streams.is_full(error):
        result: JitbuildError = streams.full_disk(str(path))
    else:
        result = UsageError(
            f"{path} cannot be written ({error.strerror or error}).",
            remedy="Give yourself permission to write it, or name another file.",
        )
    result.__cause__ = error
    return result


def _check_file(path: Path) -> None:
    """Raise UsageError if the file cannot be opened for writing. A new file is removed again."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            return  # a pipe or a device: opening it may have an effect
        is_new = not os.path.lexists(path)
        with path.open("ab"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from error


def _check_folder(path: Path) -> None:
    """Raise UsageError if the folder, which may not exist yet, cannot hold new files."""
    existing = path.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise UsageError(
            f"{path} cannot be written: {existing} is not a folder.", remedy="Name a folder."
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(
            f"{path} cannot be written: no file can be created in {existing}.",
            remedy="Give yourself permission to write it, or name another folder.",
        )


def print_reports(reports: list[BenchReport]) -> None:
    """Print a single report as a JSON object, and several reports as a list."""
    data = [report_json.to_json(report) for report in reports]
    print_json(data[0] if len(data) == 1 else data)
