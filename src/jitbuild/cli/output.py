"""Output of the commands: JSON, and the reporter for progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.safe_text import json_escaped, safe_data
from jitbuild.system.safe_stream import raw

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from jitbuild.system.progress import Reporter


def reporter_for(options: argparse.Namespace) -> Reporter:
    """Return the reporter for --quiet, --verbose, and the terminal or CI that shows the output."""
    from jitbuild.system import reporters

    return reporters.choose_reporter(quiet=options.quiet, verbose=options.verbose)


def print_json(data: object) -> None:
    """Print `data` as JSON on stdout.

    Control characters, and characters that the encoding of stdout lacks, are escaped as in JSON.
    Secrets in URLs are hidden.
    """
    import json
    import sys

    from jitbuild.cli.streams import can_print
    from jitbuild.system.parsing import parse_json

    text = json.dumps(safe_data(data), indent=2, ensure_ascii=False)
    if not can_print(text, sys.stdout):
        # In the C locale, Python represents a path that is UTF-8 by surrogates.
        real = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        text = json.dumps(parse_json(real), indent=2)
    print(json_escaped(text))


def print_path(path: Path) -> None:
    """Print a path on stdout; escape control characters only if stdout is a terminal."""
    import sys

    stream = sys.stdout if sys.stdout is None or sys.stdout.isatty() else raw(sys.stdout)
    print(path, file=stream, flush=True)
