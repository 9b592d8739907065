"""`jitbuild list`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_json
from jitbuild.cli.output import print_json
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse

    from jitbuild.store.interpreter import Interpreter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild list`."""
    add_json(parser, "the interpreters")


def run(options: argparse.Namespace) -> int:
    """Print the interpreters in the store, one per line or as JSON."""
    interpreters = store().installed()
    if options.json:
        print_json([interpreter.to_json() for interpreter in interpreters])
    elif interpreters:
        print_table([_row(interpreter) for interpreter in interpreters])
    elif not options.quiet:
        print("The store is empty. Build an interpreter: jitbuild install 3.15", file=sys.stderr)
    return 0


def _row(interpreter: Interpreter) -> tuple[str, str, str]:
    return interpreter.name, _state(interpreter), str(interpreter.executable)


def _state(interpreter: Interpreter) -> str:
    if not interpreter.executable.exists():
        return "gone"
    states = ["proven" if interpreter.proven else "not proven"]
    return ", ".join(states + ["adopted"] * interpreter.adopted)
