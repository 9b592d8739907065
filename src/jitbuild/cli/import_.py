"""`jitbuild import`."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_examples, add_json
from jitbuild.cli.output import print_json, print_path, reporter_for
from jitbuild.cli.proof_text import proof_of
from jitbuild.errors import IntegrityError, UsageError
from jitbuild.system.digests import parse_sha256
from jitbuild.system.formatting import format_duration
from jitbuild.system.paths import expanded_path
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from jitbuild.providers.importing import Imported
    from jitbuild.system.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild import`."""
    parser.description = (
        "Add to the store an interpreter from a file that `jitbuild export` wrote, after proving "
        "its JIT on this machine. Without --sha256, the sha256 of the file is shown, and you are "
        "asked whether it is the expected one."
    )
    parser.add_argument("file", metavar="FILE", help="the file")
    parser.add_argument(
        "--sha256",
        metavar="HASH",
        help="the sha256 that `jitbuild export` printed; any other file is refused",
    )
    parser.add_argument(
        "--reinstall", action="store_true", help="replace an interpreter already in the store"
    )
    add_json(parser, "the interpreter, in the form of `list`,")
    add_examples(parser, "jitbuild import cpython-3.15.2-jit-fast-93a23b85.tar.zst --sha256 HASH")


def run(options: argparse.Namespace) -> int:
    """Import the interpreter; print its executable or, with --json, its full record."""
    from jitbuild.providers.importing import Importer, accept_only

    if "://" in options.file:
        raise UsageError(
            f"{Address(options.file)} is a URL, and `jitbuild import` reads files.",
            remedy="Download the file, and import it with the sha256 that `jitbuild export` "
            "printed: --sha256 HASH",
        )
    file, reporter = expanded_path(options.file), reporter_for(options)
    accept = (
        accept_only(parse_sha256(options.sha256), file=file)
        if options.sha256
        else partial(ask_for_digest, file=file)
    )
    importer = Importer(store=store(), reinstall=options.reinstall, reporter=reporter)
    imported = importer.import_file(file, accept)
    _note(imported, file, reporter)
    if options.json:
        print_json([imported.interpreter.to_json()])
    else:
        print_path(imported.interpreter.executable)
    return 0


def ask_for_digest(digest: str, *, file: Path) -> None:
    """Show the sha256 of `file`, and ask on the terminal whether it is the expected one.

    Raises IntegrityError if the answer is no, and UsageError if there is no terminal.
    """
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise UsageError(
            f"{file} has the sha256 {digest}, and nobody can be asked here whether that is the "
            "expected one.",
            remedy="If `jitbuild export` printed the same: "
            + shlex.join(["jitbuild", "import", str(file), "--sha256", digest]),
        )
    print(f"{file} has the sha256 {digest}.", file=sys.stderr)
    print(
        "Did `jitbuild export` print the same? The file contains programs, which will be run. "
        "[y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise IntegrityError(
            f"{file} was not confirmed to be the expected file.",
            remedy="Nothing was imported. Get the file again from where it was exported.",
        )


def _note(imported: Imported, file: Path, reporter: Reporter) -> None:
    name = imported.interpreter.name
    if not imported.times:
        reporter.note(f"{name} is already in the store. To replace it, add --reinstall.")
        return
    steps = ", ".join(f"{step} {format_duration(time)}" for step, time in imported.times.items())
    total = format_duration(sum(imported.times.values()))
    reporter.note(
        f"imported {name} from {file.name}: {proof_of(imported.interpreter)}. Imported in {total} "
        f"({steps})."
    )
