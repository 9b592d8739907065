"""`jitbuild repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitbuild.api import store
from jitbuild.building import relocation
from jitbuild.cli.arguments import add_dry_run, add_examples, add_json, add_spec
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import InterpreterError, StoreError
from jitbuild.providers.repair import Repairer
from jitbuild.request import Axes
from jitbuild.running.matching import matching

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jitbuild.errors import JitbuildError
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild repair`."""
    parser.description = (
        "Rewrite the scripts and build records of interpreters whose folder was copied, moved or "
        "mounted elsewhere. The commands that use such an interpreter do this themselves if they "
        "can write to the store."
    )
    add_spec(
        parser,
        nargs="*",
        action=WordsAction,
        completer="moved_names",
        metavar="SPEC|NAME",
        help="a name from `jitbuild list`, or a request; all that fit are repaired (default: all "
        "that were moved)",
    )
    add_dry_run(parser, "rewritten")
    add_json(parser, "the repairs")
    add_examples(parser, "jitbuild repair --dry-run", "jitbuild repair")


def run(options: argparse.Namespace) -> int:
    """Repair interpreters; return 0, or the exit code of the first that cannot be repaired."""
    current_store, reporter = store(), reporter_for(options)
    code, repairs = 0, []
    for interpreter in _moved(current_store, options.spec):
        record, error = _repair(current_store, interpreter, dry_run=options.dry_run)
        repairs.append(record)
        if error is not None:
            reporter.warn(f"{error.what} {error.remedy}")
            code = code or error.exit_code
            continue
        verb = "would repair" if options.dry_run else "repaired"
        reporter.note(
            f"{verb} {interpreter.name}, moved from {record['from']}: {len(record['files'])} files"
        )
    if not repairs:
        reporter.note("No interpreter was moved: there is nothing to repair.")
    if options.json:
        print_json(repairs)
    return code


def _moved(current_store: Store, specs: Sequence[str]) -> list[Interpreter]:
    """Return the interpreters that were moved; if `specs` is not empty, only those that they name.

    Interpreters whose program no longer exists are omitted. Raises NotInstalledError when a spec
    names no interpreter in the store.
    """
    if specs:
        chosen = [
            interpreter
            for spec in specs
            for interpreter in matching(current_store, spec, Axes(), every=True)
        ]
    else:
        chosen = current_store.installed()
    return [
        interpreter
        for interpreter in {interpreter.name: interpreter for interpreter in chosen}.values()
        if interpreter.moved_from is not None and interpreter.state != "gone"
    ]


def _repair(
    current_store: Store, interpreter: Interpreter, *, dry_run: bool
) -> tuple[dict[str, Any], JitbuildError | None]:
    """Return the record of a repair as --json prints it, and the error if it failed."""
    origin = interpreter.moved_from
    assert origin is not None
    record: dict[str, Any] = {
        "name": interpreter.name,
        "from": str(origin),
        "path": str(interpreter.path),
        "files": [],
        "repaired": False,
        "error": None,
    }
    try:
        if dry_run:
            files = relocation.affected(interpreter.path, origin)
        else:
            repair = Repairer().repair(current_store, interpreter)
            files = list(repair.files) if repair is not None else []
    except (InterpreterError, StoreError) as error:
        return record | {"error": str(error)}, error
    names = [str(file.relative_to(interpreter.path)) for file in files]
    return record | {"files": names, "repaired": not dry_run}, None
