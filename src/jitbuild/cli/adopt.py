"""`jitbuild adopt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_examples, add_expect, add_json, complete_with
from jitbuild.cli.install import summary
from jitbuild.cli.output import print_json, print_path, reporter_for
from jitbuild.errors import InterpreterError, RequestError
from jitbuild.request import PROFILES, parse
from jitbuild.running.lookup import find_program
from jitbuild.store.names import find_named

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild adopt`."""
    parser.description = (
        "Register an interpreter that is already on this machine, after probing it. The store "
        "only refers to it: its own files are never changed. If PATH is a shim, the interpreter "
        "that it starts is registered."
    )
    path = parser.add_argument(
        "path",
        metavar="PATH|NAME",
        help="the interpreter: a path, a program on PATH, or a name from `jitbuild list`",
    )
    complete_with(path, "programs_and_names")
    add_expect(parser)
    parser.add_argument("--profile", choices=PROFILES, help="how it was built, if you know")
    add_json(parser, "the interpreter, in the form of `list`,")
    add_examples(
        parser,
        "jitbuild adopt /usr/bin/python3.15",
        "jitbuild adopt ~/cpython/python --profile debug",
    )


def run(options: argparse.Namespace) -> int:
    """Register an interpreter; print its executable or, with --json, its full record."""
    from jitbuild.providers.adopt import adopt, own_interpreter

    program = find_program(options.path) or _named(options.path)
    if program is None:
        raise InterpreterError(
            f"There is no program {options.path!r} on PATH, and no such file in this folder.",
            remedy="Name the path of a Python, or the name of one on PATH, such as python3.15.",
        )
    before = {each.name for each in store().installed()}
    interpreter = adopt(store(), program, expect=options.expect, profile=options.profile)
    replaced = before - {each.name for each in store().installed()}
    reporter = reporter_for(options)
    if not interpreter.adopted or own_interpreter(store(), program.absolute()) is not None:
        reporter.note(f"{program} is {interpreter.name}, which is already in the store.")
    else:
        if interpreter.executable != program.absolute():
            reporter.note(
                f"{program} starts {interpreter.executable}, which was registered in its place."
            )
        instead = f" It replaces {', '.join(sorted(replaced))}." if replaced else ""
        reporter.note(f"registered {summary(interpreter)}{instead}")
    if options.json:
        print_json([interpreter.to_json()])
    else:
        print_path(interpreter.executable)
    return 0


def _named(text: str) -> Path | None:
    """Return the program of the interpreter in the store that `text` names; None for other texts.

    Raises NotInstalledError if the store has no interpreter of that name.
    """
    try:
        request = parse(text)
    except RequestError:
        return None
    return find_named(store(), request.value).executable if request.kind == "name" else None
