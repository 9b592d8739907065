"""`jitbuild list`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import add_examples, add_json
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.manifest import SourceRecord
    from jitbuild.store.store import Store

_SHORT_COMMIT = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild list`."""
    parser.description = (
        "List the interpreters in the store: name, state, date, and origin. `jitbuild which NAME` "
        "prints the path of one."
    )
    parser.add_argument(
        "-l",
        "--long",
        action="store_true",
        help="show where each interpreter comes from, how it was built, and its path; -v does the "
        "same",
    )
    add_json(parser, "the interpreters")
    add_examples(parser, "jitbuild list", "jitbuild list --long")


def run(options: argparse.Namespace) -> int:
    """Print the interpreters in the store as a table, in detail, or as JSON.

    Interpreters that are out of date are refreshed first.
    """
    current_store = store()
    interpreters = current_store.installed()
    broken = _warn_of_broken(current_store, interpreters, options)
    if stale := [interpreter for interpreter in interpreters if interpreter.outdated]:
        from jitbuild.running.refreshing import refresh_all

        interpreters = refresh_all(current_store, stale, reporter_for(options))
    if options.json:
        print_json([interpreter.to_json() for interpreter in interpreters])
    elif interpreters and (options.long or options.verbose):
        print("\n\n".join(map(_in_detail, interpreters)))
    elif interpreters:
        print_table([_row(interpreter) for interpreter in interpreters])
    elif not options.quiet and not broken:
        print(
            "The store is empty. Build an interpreter: jitbuild install 3.15. Or register one that "
            "this machine has: jitbuild adopt PATH",
            file=sys.stderr,
        )
    return 0


def _warn_of_broken(
    current_store: Store, interpreters: Sequence[Interpreter], options: argparse.Namespace
) -> bool:
    """Warn of each broken entry, with its remedy. Return True if there is any."""
    from jitbuild.store.broken import broken_entries

    names = {interpreter.name for interpreter in interpreters}
    entries = broken_entries(current_store.interpreters, besides=names)
    if entries:
        reporter = reporter_for(options)
        for entry in entries:
            reporter.warn(str(entry.error()).replace("\n", " "))
    return bool(entries)


def _row(interpreter: Interpreter) -> tuple[str, str, str, str]:
    date = interpreter.created.strftime("%Y-%m-%d")
    return interpreter.name, interpreter.state, date, _origin(interpreter)


def _origin(interpreter: Interpreter) -> str:
    """Return the origin in a few words: `a release`, `adopted`, `git 1a2b3c4d5e + fix.patch`.

    The article distinguishes the origin `a release` from the profile `release`.
    """
    source = interpreter.manifest.source
    if interpreter.adopted:
        text = "adopted"
    elif prebuilt := interpreter.manifest.prebuilt:
        text = f"prebuilt, {prebuilt.builder} {prebuilt.build}".strip()
    elif source and source.kind == "git":
        text = f"git {source.digest[:_SHORT_COMMIT]}"
    else:
        article = "an" if interpreter.source_kind == "archive" else "a"
        text = f"{article} {interpreter.source_kind}"
    patches = interpreter.patch_names
    if len(patches) > 1:
        return f"{text} + {len(patches)} patches"
    return " + ".join([text, *patches])


def _in_detail(interpreter: Interpreter) -> str:
    lines = [f"  {label:10}  {text}" for label, text in _details(interpreter) if text]
    return "\n".join([interpreter.name, *lines])


def _details(interpreter: Interpreter) -> Iterator[tuple[str, str]]:
    manifest, variant = interpreter.manifest, interpreter.variant
    yield "state", interpreter.state
    yield "created", interpreter.created.strftime("%Y-%m-%d %H:%M UTC")
    yield "provider", f"{interpreter.provider} ({_PROVIDERS[interpreter.provider]})"
    yield "request", manifest.request or ""
    if manifest.prebuilt:
        yield "builder", manifest.prebuilt.builder
        yield "build", manifest.prebuilt.build
    if manifest.source:
        yield from _source_details(manifest.source)
    yield "patches", ", ".join(interpreter.patch_names)
    yield "arguments", " ".join(variant.configure_args)
    yield "parts", ", ".join(variant.includes)
    if manifest.toolchain:
        llvm = manifest.toolchain.llvm
        yield "compiler", manifest.toolchain.compiler
        yield "llvm", f"{llvm.version} ({llvm.origin})" if llvm else ""
    if manifest.imported:
        yield "imported", f"{manifest.imported.file} (sha256 {manifest.imported.sha256})"
        yield "verified", manifest.imported.verified or ""
    yield "executable", str(interpreter.executable)


_PROVIDERS = {
    "source": "compiled by jitbuild",
    "prebuilt": "built by others, and proven here",
    "adopt": "was on this machine",
}


def _source_details(source: SourceRecord) -> Iterator[tuple[str, str]]:
    yield "source", f"{source.kind} {source.location}".strip()
    yield "obtained", f"{source.origin} ({source.verified})" if source.verified else source.origin
    yield "reference", source.ref or ""
    yield "commit" if source.kind == "git" else "digest", source.digest
