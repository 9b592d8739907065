"""`jitbuild list`, `which` and `adopt`. `which` imports next to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import stated_axes
from jitbuild.cli.output import print_json
from jitbuild.running.lookup import find_interpreter, find_program

if TYPE_CHECKING:
    import argparse

    from jitbuild.store.interpreter import Interpreter


def which(options: argparse.Namespace) -> int:
    """Print the executable alone."""
    print(find_interpreter(options.spec, stated_axes(options)).executable)
    return 0


def list_(options: argparse.Namespace) -> int:
    """Print every interpreter of the store: a line each, or JSON."""
    found = store().installed()
    if options.json:
        print_json([each.to_json() for each in found])
    elif found:
        for line in _table(found):
            print(line)
    elif not options.quiet:
        import sys

        print("The store is empty. Build an interpreter: jitbuild install 3.15", file=sys.stderr)
    return 0


def adopt(options: argparse.Namespace) -> int:
    """Register an interpreter after probing it; prints its executable, or with --json all that is known of it."""
    from jitbuild import provision

    found = provision.adopt(
        store(),
        find_program(options.path) or Path(options.path),
        expect=options.expect,
        profile=options.profile or "unknown",
    )
    if options.json:
        print_json([found.to_json()])
    else:
        print(found.executable)
    return 0


def _table(found: list[Interpreter]) -> list[str]:
    rows = [(each.name, _state(each), str(each.executable)) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [
        f"{name:<{widths[0]}}  {state:<{widths[1]}}  {executable}"
        for name, state, executable in rows
    ]


def _state(each: Interpreter) -> str:
    if not each.executable.exists():
        return "gone"
    words = ["proven" if each.proven else "not proven"] + ["adopted"] * each.adopted
    return ", ".join(words)
