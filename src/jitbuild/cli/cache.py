"""`jitbuild cache` and `jitbuild cache clear`."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from jitbuild import target
from jitbuild.api import catalog, store
from jitbuild.building.caches import inventory
from jitbuild.cli.arguments import (
    add_dry_run,
    add_examples,
    add_general_options,
    add_json,
    complete_with,
)
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import UsageError
from jitbuild.system.formatting import format_size
from jitbuild.system.suggestions import did_you_mean
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.building.caches.inventory import CacheUsage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild cache` and of `jitbuild cache clear`."""
    parser.description = (
        "Show the size of each cache, and the hits and misses of the stencil, configure and "
        "compiler caches. docs/caches.md describes their contents."
    )
    parser.usage = (
        "jitbuild cache [-q | -v] [--json]\n       jitbuild cache clear [-q | -v] [-n] [NAME ...]"
    )
    add_json(parser, "the caches")
    add_examples(parser, "jitbuild cache", "jitbuild cache clear stencils configure")
    actions = parser.add_subparsers(
        dest="action",
        metavar="ACTION",
        parser_class=type(parser),
        prog="jitbuild cache",
        help="without an action, the caches are shown",
    )
    clear = actions.add_parser(
        "clear",
        help="remove caches",
        description="Remove all caches, or only the named ones. A cache that a running build "
        "needs is kept, and the exit code is then 1.",
    )
    clear.set_defaults(parser=clear)
    add_general_options(clear, default=argparse.SUPPRESS)
    names = clear.add_argument(
        "cache",
        nargs="*",
        action=WordsAction,
        metavar="NAME",
        help="a name from `jitbuild cache` (default: all)",
    )
    complete_with(names, "cache_names")
    add_dry_run(clear)


def run(options: argparse.Namespace) -> int:
    """Show the caches, or clear them. Return 1 if `clear` keeps a cache that is in use."""
    if options.action != "clear":
        return _show(options)
    if options.json:
        # A user who asks for JSON wants to see the caches, not to delete them.
        raise UsageError(
            "`jitbuild cache clear` has no option --json.", remedy="Omit --json, or omit clear."
        )
    return _clear(options)


def _show(options: argparse.Namespace) -> int:
    current_store = store()
    ccache = inventory.find_ccache(current_store, catalog().ccache.wheel, target.host().target)
    if ccache is None and current_store.cache("ccache").is_dir():
        reporter_for(options).note(
            "The hits and misses of the compiler cache are unknown: there is no ccache on PATH."
        )
    caches = [inventory.usage(current_store, name, ccache) for name in inventory.NAMES]
    if options.json:
        print_json([asdict(cache) for cache in caches])
    else:
        total = format_size(sum(cache.bytes for cache in caches))
        print_table(
            [*map(_row, caches), ("total", total, "", "", "")],
            headers=("", "size", "entries", "hits", "misses"),
            right=(1, 2, 3, 4),
        )
    return 0


def _row(cache: CacheUsage) -> Sequence[str]:
    counts = (cache.entries, cache.hits, cache.misses)
    return (
        cache.name,
        format_size(cache.bytes),
        *("" if count is None else str(count) for count in counts),
    )


def _clear(options: argparse.Namespace) -> int:
    current_store, reporter = store(), reporter_for(options)
    for name in options.cache:
        if name not in inventory.NAMES:
            hint = did_you_mean(name, inventory.NAMES)
            raise UsageError(
                f"There is no cache {name!r}.",
                remedy=f"{hint}The caches are: {', '.join(inventory.NAMES)}.",
            )
    wanted = [
        name
        for name in inventory.NAMES
        if (not options.cache or name in options.cache)
        and os.path.lexists(current_store.cache(name))
    ]
    in_use = inventory.in_use(current_store, wanted)
    for name in wanted:
        if name not in in_use:
            inventory.clear(current_store, name, reporter.note, dry_run=options.dry_run)
    if in_use:
        reporter.warn(
            "A build is running, or the scratch folder of a killed build still exists. "
            f"These caches are kept: {', '.join(in_use)}."
        )
    if not wanted:
        reporter.note("There is nothing to remove.")
    return 1 if in_use else 0
