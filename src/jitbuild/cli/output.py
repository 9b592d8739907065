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
    """Print `data` as JSON on stdout."""
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False))
