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
    from collections.abc import Iterable
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

# Younger logs may belong to a running build, or to a failure that somebody examines.
_LOG_DAYS = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild prune`."""
    parser.description = (
        "Remove interpreters that a newer release of the same series and variant supersedes, "
        f"registrations whose interpreter is gone, logs older than {_LOG_DAYS} days, and what "
        "killed builds left."
    )
    parser.add_argument(
        "--caches", action="store_true", help="also clear every cache: `jitbuild cache` shows them"
    )
    add_dry_run(parser)
    add_examples(parser, "jitbuild prune --dry-run", "jitbuild prune --caches")


def run(options: argparse.Namespace) -> int:
    """Remove superseded interpreters, old logs, abandoned scratch folders, and the caches."""
    current_store, reporter = store(), reporter_for(options)
    for interpreter in superseded(current_store.installed()):
        reporter.note(f"{'unregister' if interpreter.adopted else 'remove'} {interpreter.name}")
        if not options.dry_run:
            remove(current_store, interpreter)
    if not options.dry_run:
        current_store.sweep()
    for log in _old_logs(current_store):
        reporter.note(f"remove {log} ({format_size(inventory.size_of(log))})")
        if not options.dry_run:
            log.unlink(missing_ok=True)
    if options.caches:
        _clear_caches(current_store, reporter, dry_run=options.dry_run)
    return 0


def _old_logs(current_store: Store) -> list[Path]:
    oldest = time.time() - _LOG_DAYS * 24 * 60 * 60
    return [log for log in sorted(current_store.logs.glob("*.log")) if log.stat().st_mtime < oldest]


def _clear_caches(current_store: Store, reporter: Reporter, *, dry_run: bool) -> None:
    in_use = inventory.in_use(current_store, inventory.NAMES)
    if in_use:
        reporter.warn(
            "A build is running, or one was killed and its scratch folder not yet removed: "
            "the caches it needs are kept."
        )
    for name in inventory.NAMES:
        if name not in in_use:
            inventory.clear(current_store, name, reporter.note, dry_run=dry_run)


def superseded(installed: Iterable[Interpreter]) -> list[Interpreter]:
    """Return the interpreters with a newer one of the same series and variant, or without a file.

    Releases supersede releases, and adopted interpreters adopted ones. Interpreters built from
    folders, archives or git references are kept.
    """
    obsolete: list[Interpreter] = []
    groups: dict[tuple[object, ...], list[Interpreter]] = {}
    for interpreter in installed:
        if not interpreter.executable.exists():
            obsolete.append(interpreter)
        elif interpreter.adopted or interpreter.source_kind == "release":
            series = interpreter.version.split(".")[:2]
            group = (*series, interpreter.variant, interpreter.adopted)
            groups.setdefault(group, []).append(interpreter)
    for members in groups.values():
        obsolete += _older(members)
    return obsolete


def _older(members: list[Interpreter]) -> list[Interpreter]:
    """Return the members that a newer proven one supersedes: of a final release, a final one."""
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
