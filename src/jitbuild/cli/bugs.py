"""`jitbuild bugs`: list the known bugs of the JIT."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.arguments import add_examples, add_json, add_recipes, add_spec
from jitbuild.cli.output import print_json
from jitbuild.errors import UsageError
from jitbuild.recipes.known_bugs import listed_bugs, series_with
from jitbuild.request import parse
from jitbuild.running.known_bugs import bugs_of_installed
from jitbuild.store.names import find_named

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from jitbuild.recipes.bugs import KnownBug
    from jitbuild.recipes.catalog import Catalog


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild bugs`."""
    parser.description = (
        "List the known bugs of CPython's JIT, as the recipes have them: what happens, the "
        "releases and builds that are affected, and the release with the fix. Of an interpreter in "
        "the store, only the bugs that its build has are listed."
    )
    add_spec(
        parser,
        completer="requests_and_names",
        nargs="?",
        metavar="VERSION|NAME",
        help="a release, a series, a specifier such as '>=3.15,<3.15.2', or a name from `jitbuild "
        "list` (default: the bugs of all series)",
    )
    parser.add_argument(
        "--snippets", action="store_true", help="also print the scripts that show the bugs"
    )
    add_recipes(parser)
    add_json(parser, "the bugs")
    add_examples(parser, "jitbuild bugs 3.15.0b2", "jitbuild bugs 3.15 --json")


def run(options: argparse.Namespace) -> int:
    """Print the known bugs as text or JSON. Return 0 even if there are none."""
    catalog = api.catalog(options.recipes)
    bugs = [(bug, series_with(bug, catalog)) for bug in _bugs(options, catalog)]
    if options.json:
        print_json([{**bug.to_full_json(), "series": series} for bug, series in bugs])
    elif bugs:
        texts = (_lines(bug, series, snippets=options.snippets) for bug, series in bugs)
        print("\n\n".join(map("\n".join, texts)))
    elif not options.quiet:
        print(_no_bugs(options.spec, catalog), file=sys.stderr)
    return 0


def _no_bugs(spec: str, catalog: Catalog) -> str:
    """Return a sentence that says why no bugs are listed for `spec`."""
    request = parse(spec)
    if request.free_threaded:
        return f"{spec} has no JIT: it is free-threaded."
    versions = {*catalog.tags(), *catalog.unpinned()}
    if request.is_version and not any(map(request.admits, versions)):
        return f"No recipe knows a release that fits {spec}, so no JIT bug of it is known."
    return f"No JIT bug of {spec} is known."


def _bugs(options: argparse.Namespace, catalog: Catalog) -> tuple[KnownBug, ...]:
    if options.spec is None:
        return listed_bugs(catalog)
    request = parse(options.spec)
    if request.kind == "name":
        return bugs_of_installed(find_named(api.store(), request.value), catalog).bugs
    if not request.is_version:
        raise UsageError(
            f"The bugs of {request.text} are not known: the recipes list bugs by version.",
            remedy="Name the version of its source, such as 3.15.0b2.",
        )
    return listed_bugs(catalog, request)


def _lines(bug: KnownBug, series: str, *, snippets: bool) -> Iterator[str]:
    yield f"{bug.issue}: {bug.what}"
    for label, text in [("series", series), *_details(bug)]:
        yield f"  {label:8}  {text}"
    if snippets and bug.snippet:
        yield ""
        yield from (f"  | {line}".rstrip() for line in bug.snippet.strip().splitlines())


def _details(bug: KnownBug) -> Iterator[tuple[str, str]]:
    when = bug.when
    yield "versions", f"{when.versions or 'all'}{' (at least)' if bug.at_least else ''}"
    if when.targets:
        yield "targets", ", ".join(when.targets)
    if when.jit:
        yield "builds", f"with --jit {' or '.join(when.jit)}"
    if when.assertions:
        yield "builds", "with assertions (--profile debug)"
    yield "fixed in", bug.fixed_in or "no release yet"
    yield "issue", bug.url
