"""`jitbuild list`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_json
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse

    from jitbuild.store.interpreter import Interpreter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild list`."""
    add_json(parser, "the interpreters")


def run(options: argparse.Namespace) -> int:
    """Print the interpreters in the store, one per line or as JSON.

    Interpreters that are out of date are refreshed first.
    """
    current_store = store()
    interpreters = current_store.installed()
    if stale := [interpreter for interpreter in interpreters if interpreter.outdated]:
        from jitbuild.running.refreshing import refresh_all

        interpreters = refresh_all(current_store, stale, reporter_for(options))
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
    state = interpreter.state
    adopted = interpreter.adopted and state != "gone"
    return f"{state}, adopted" if adopted else state
