"""Output of the commands: JSON, and the reporter for progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from jitbuild.system.progress import Reporter


def reporter_for(options: argparse.Namespace) -> Reporter:
    """Return the reporter for --quiet, --verbose, and the terminal or CI that shows the output."""
    from jitbuild.system import reporters

    return reporters.choose_reporter(quiet=options.quiet, verbose=options.verbose)


def print_json(data: object) -> None:
    """Print `data` as JSON on stdout.

    Characters that the encoding of stdout lacks are escaped, so that the output is always JSON.
    """
    import json
    import sys

    from jitbuild.cli.streams import can_print

    text = json.dumps(data, indent=2, ensure_ascii=False)
    if not can_print(text, sys.stdout):
        # In the C locale, Python represents a path that is UTF-8 by surrogates.
        real = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        text = json.dumps(json.loads(real), indent=2)
    print(text)
