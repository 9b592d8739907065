"""`jitbuild which`. It is run often, so it imports as little as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_axes, add_examples, add_json, add_spec, stated_axes
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, print_path, reporter_for
from jitbuild.request import parse
from jitbuild.running.lookup import find_interpreter

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild which`."""
    parser.description = (
        "Print the path of an interpreter in the store, and nothing else. For several requests, "
        "each path is a line."
    )
    add_spec(parser, nargs="+", action=WordsAction)
    add_axes(parser, lookup=True)
    add_json(parser, "the interpreters, in the form of `list`,")
    add_examples(
        parser,
        "jitbuild which 3.15",
        "jitbuild which '>=3.14' --profile release",
        "jitbuild which 3.14,3.15",
    )


def run(options: argparse.Namespace) -> int:
    """Print the path of each interpreter's executable, or with --json their full records.

    A note on stderr says if an interpreter has no machine code, unless the request states that.
    """
    axes = stated_axes(options)
    interpreters = [
        find_interpreter(spec, axes, reporter=lambda: reporter_for(options))
        for spec in options.spec
    ]
    for spec, interpreter in zip(options.spec, interpreters, strict=True):
        if not (interpreter.variant.has_stencils or axes.jit or _states_no_jit(spec)):
            reporter_for(options).note(
                f"note: {interpreter.name} has no machine code, so `jitbuild run --mode on` "
                "does not use it."
            )
    if options.json:
        print_json([interpreter.to_json() for interpreter in interpreters])
    else:
        for interpreter in interpreters:
            print_path(interpreter.executable)
    return 0


def _states_no_jit(spec: str) -> bool:
    request = parse(spec)
    return request.free_threaded or request.kind == "name"
