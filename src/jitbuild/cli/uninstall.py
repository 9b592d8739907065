"""`jitbuild uninstall`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_axes, add_examples, add_json, add_spec, stated_axes
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.running.matching import matching
from jitbuild.store.broken import broken_entry
from jitbuild.store.interpreter import lock_name

if TYPE_CHECKING:
    import argparse

    from jitbuild.store.broken import BrokenEntry
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store

_REMEDY = "Name one of them, or remove all of them with --all."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild uninstall`."""
    add_spec(
        parser,
        nargs="+",
        action=WordsAction,
        metavar="SPEC|NAME",
        help="a name from `jitbuild list`, or a request that fits exactly one interpreter",
    )
    add_axes(parser, lookup=True)
    parser.add_argument("--all", action="store_true", help="remove every interpreter that fits")
    add_json(parser, "what was removed")
    add_examples(
        parser,
        "jitbuild uninstall cpython-3.15.2-jit-fast-93a23b85",
        "jitbuild uninstall 3.13 --all",
    )


def run(options: argparse.Namespace) -> int:
    """Remove interpreters. Nothing is removed if one of them is not in the store."""
    current_store, reporter = store(), reporter_for(options)
    axes = stated_axes(options)
    named = {spec: broken_entry(current_store.interpreters, spec) for spec in options.spec}
    interpreters = {
        interpreter.name: interpreter
        for spec in options.spec
        if not named[spec]
        for interpreter in matching(current_store, spec, axes, every=options.all, remedy=_REMEDY)
    }
    broken = [entry for entry in named.values() if entry]
    for entry in broken:
        current_store.remove_broken(entry)
        reporter.note(f"removed {entry.name}, which was broken")
    for interpreter in interpreters.values():
        remove(current_store, interpreter)
        verb = "unregistered" if interpreter.adopted else "removed"
        reporter.note(f"{verb} {interpreter.name}")
    if options.json:
        removals = [removal(interpreter) for interpreter in interpreters.values()]
        print_json([*map(_broken_removal, broken), *removals])
    return 0


def removal(interpreter: Interpreter, *, dry_run: bool = False) -> dict[str, object]:
    """Return the removal of an interpreter as --json prints it.

    With `dry_run`, the interpreter was not removed.
    """
    return {
        "kind": "interpreter",
        "name": interpreter.name,
        "path": str(interpreter.path),
        "adopted": interpreter.adopted,
        "removed": not dry_run,
    }


def _broken_removal(entry: BrokenEntry) -> dict[str, object]:
    return {
        "kind": "broken",
        "name": entry.name,
        "path": str(entry.path),
        "removed": True,
    }


def remove(current_store: Store, interpreter: Interpreter) -> None:
    """Remove `interpreter`, unless another process has removed or replaced it meanwhile."""
    with current_store.lock(lock_name(interpreter.manifest)):
        present = current_store.get(interpreter.name)
        if present is not None and present.instance == interpreter.instance:
            current_store.remove(present)
