"""`jitbuild export`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_examples, add_json, add_spec
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import UsageError
from jitbuild.request import Axes
from jitbuild.running.lookup import find_interpreter
from jitbuild.system.formatting import format_size
from jitbuild.system.paths import expanded_path

if TYPE_CHECKING:
    import argparse

    from jitbuild.providers.exporting import ExportedFile
    from jitbuild.store.interpreter import Interpreter

_SUFFIX = ".tar.zst"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild export`."""
    parser.description = (
        "Write an interpreter of the store into a file, for `jitbuild import` on another machine "
        "of the same platform. Prints the sha256 and the name of the file, as sha256sum does. "
        "Exported again, an unchanged interpreter results in the same bytes."
    )
    add_spec(
        parser,
        completer="exportable_names",
        metavar="SPEC|NAME",
        help="a name from `jitbuild list`, or a request",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help=f"the file or the folder to write into (default: NAME{_SUFFIX} in this folder)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    add_json(parser, "the name, the file, its size and its sha256")
    add_examples(parser, "jitbuild export 3.15", "jitbuild export 3.13.15 /mnt/share --force")


def run(options: argparse.Namespace) -> int:
    """Write the file; print its sha256 and its name or, with --json, all facts about it."""
    from jitbuild.providers.exporting import export

    interpreter = find_interpreter(options.spec, Axes(), reporter=lambda: reporter_for(options))
    path = _path(options.file, interpreter)
    reporter = reporter_for(options)
    exported = export(interpreter, path, overwrite=options.force, reporter=reporter)
    reporter.note(
        f"exported {interpreter.name}: {format_size(exported.unpacked)} in "
        f"{format_size(exported.size)}. To import it: "
        + shlex.join(["jitbuild", "import", path.name, "--sha256", exported.sha256])
    )
    if options.json:
        print_json(_as_json(interpreter, exported))
    else:
        print(f"{exported.sha256}  {path}", file=sys.stdout)
    return 0


def _path(text: str | None, interpreter: Interpreter) -> Path:
    """Return the path of the file to write."""
    if text == "-":
        raise UsageError(
            "The archive is not written to stdout, because its sha256 is known only at its end.",
            remedy="Name a file.",
        )
    path = expanded_path(text) if text else Path()
    if text and text.endswith(os.sep) and not path.is_dir():
        raise UsageError(f"The folder {text} does not exist.", remedy="Create it, or name a file.")
    return path / f"{interpreter.name}{_SUFFIX}" if path.is_dir() else path


def _as_json(interpreter: Interpreter, exported: ExportedFile) -> dict[str, object]:
    return {
        "name": interpreter.name,
        "target": interpreter.manifest.target or "",
        "file": str(exported.path.absolute()),
        "size": exported.size,
        "unpacked": exported.unpacked,
        "sha256": exported.sha256,
    }
