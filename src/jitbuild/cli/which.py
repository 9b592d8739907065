"""`jitbuild which`. It is run often, so it imports as little as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_axes, add_examples, add_spec, stated_axes
from jitbuild.cli.output import reporter_for
from jitbuild.running.lookup import find_interpreter

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild which`."""
    parser.description = "Print the path of an interpreter in the store, and nothing else."
    add_spec(parser)
    add_axes(parser, lookup=True)
    add_examples(parser, "jitbuild which 3.15", "jitbuild which '>=3.14' --profile release")


def run(options: argparse.Namespace) -> int:
    """Print the path of the interpreter's executable."""
    interpreter = find_interpreter(
        options.spec, stated_axes(options), reporter=lambda: reporter_for(options)
    )
    print(interpreter.executable)
    return 0
