"""`jitbuild prune`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.building.caches import inventory
from jitbuild.cli.arguments import add_dry_run, add_examples
from jitbuild.cli.output import reporter_for
from jitbuild.cli.uninstall import remove
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

# More recent logs may belong to a running build, or to a failure that somebody still examines.
_LOG_DAYS = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild prune`."""
    parser.description = (
        "Remove interpreters that a newer release of the same series and variant supersedes, "
        f"registrations whose interpreter no longer exists, logs older than {_LOG_DAYS} days, and "
        "the scratch folders of killed builds. Interpreters that were moved or changed are kept, "
        "and supersede no other; `jitbuild list` repairs them or probes them again."
    )
    parser.add_argument(
        "--caches", action="store_true", help="also clear all caches (`jitbuild cache` lists them)"
    )
    add_dry_run(parser)
    add_examples(parser, "jitbuild prune --dry-run", "jitbuild prune --caches")


def run(options: argparse.Namespace) -> int:
    """Remove superseded interpreters, old logs and scratch folders; with --caches, clear caches."""
    current_store, reporter, dry_run = store(), reporter_for(options), options.dry_run
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        reporter.note(text)

    _remove_superseded(current_store.installed(), current_store, note, dry_run=dry_run)
    if swept := current_store.sweep(dry_run=dry_run):
        folders = "the scratch folder" if swept == 1 else f"{swept} scratch folders"
        note(f"{_state('remove', dry_run=dry_run)} {folders} of killed builds")
    for log in _old_logs(current_store):
        size = format_size(inventory.size_of(log))
        if not dry_run:
            log.unlink(missing_ok=True)
        note(f"{_state('remove', dry_run=dry_run)} {log} ({size})")
    if options.caches:
        _clear_caches(current_store, reporter, note, dry_run=dry_run)
    if not notes:
        reporter.note("There is nothing to remove.")
    return 0


def _remove_superseded(
    installed: Iterable[Interpreter],
    current_store: Store,
    note: Callable[[str], None],
    *,
    dry_run: bool,
) -> None:
    for interpreter in superseded(installed):
        if not dry_run:
            remove(current_store, interpreter)
        verb = "unregister" if interpreter.adopted else "remove"
        note(f"{_state(verb, dry_run=dry_run)} {interpreter.name}")


def _state(verb: str, *, dry_run: bool) -> str:
    """Return the text for an action that is done or, with `dry_run`, only shown."""
    return f"would {verb}" if dry_run else f"{verb.removesuffix('e')}ed"


def _old_logs(current_store: Store) -> list[Path]:
    oldest = time.time() - _LOG_DAYS * 24 * 60 * 60
    return [log for log in sorted(current_store.logs.glob("*.log")) if log.stat().st_mtime < oldest]


def _clear_caches(
    current_store: Store, reporter: Reporter, note: Callable[[str], None], *, dry_run: bool
) -> None:
    in_use = inventory.in_use(current_store, inventory.NAMES)
    if in_use:
        reporter.warn(
            "A build is running, or the scratch folder of a killed build still exists. "
            "The caches that a build needs are kept."
        )
    for name in inventory.NAMES:
        if name not in in_use:
            inventory.clear(current_store, name, note, dry_run=dry_run)


def superseded(installed: Iterable[Interpreter]) -> list[Interpreter]:
    """Return the interpreters to prune.

    An interpreter is pruned if its executable no longer exists, or if `installed` has a newer one
    of the same series and variant. A built release supersedes only built releases, and an adopted
    interpreter supersedes only adopted interpreters. Interpreters built from folders, archives or
    git references are kept. So are interpreters that were moved or changed, and they supersede no
    other: until they are repaired or probed again, it is unknown whether they still work.
    """
    obsolete: list[Interpreter] = []
    groups: dict[tuple[object, ...], list[Interpreter]] = {}
    for interpreter in installed:
        if interpreter.state == "gone":
            obsolete.append(interpreter)
        elif interpreter.state in {"moved", "changed"}:
            continue
        elif interpreter.adopted or interpreter.source_kind == "release":
            series = interpreter.version.split(".")[:2]
            group = (*series, interpreter.variant, interpreter.adopted)
            groups.setdefault(group, []).append(interpreter)
    for members in groups.values():
        obsolete += _older(members)
    return obsolete


def _older(members: list[Interpreter]) -> list[Interpreter]:
    """Return the members that a newer, proven member supersedes.

    A final release is superseded only by another final release.
    """
    from packaging.version import Version

    proven = [Version(member.version) for member in members if member.proven]
    finals = [version for version in proven if not version.is_prerelease]
    older = []
    for member in members:
        version = Version(member.version)
        newer = proven if version.is_prerelease else finals
        if any(version < other for other in newer):
            older.append(member)
    return older
