"""`jitbuild prune`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.building.caches import inventory
from jitbuild.cli.arguments import add_dry_run, add_examples, add_json
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.cli.uninstall import removal, remove
from jitbuild.store import layout
from jitbuild.store.deletion import delete
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
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
    add_json(parser, "what was removed")
    add_examples(parser, "jitbuild prune --dry-run", "jitbuild prune --caches")


def run(options: argparse.Namespace) -> int:
    """Remove superseded interpreters, old logs and scratch folders; with --caches, clear caches."""
    pruning = _Pruning(store(), reporter_for(options), dry_run=options.dry_run)
    pruning.remove_superseded()
    pruning.remove_scratch()
    pruning.remove_old_logs()
    if options.caches:
        pruning.clear_caches()
    if not pruning.removals:
        pruning.reporter.note("There is nothing to remove.")
    if options.json:
        print_json(pruning.removals)
    return 0


class _Pruning:
    """Removes, or with `dry_run` only lists, what the store no longer needs.

    `removals` lists what was removed, as --json prints it.
    """

    def __init__(self, store: Store, reporter: Reporter, *, dry_run: bool) -> None:
        self.store = store
        self.reporter = reporter
        self.dry_run = dry_run
        self.removals: list[dict[str, object]] = []

    def remove_superseded(self) -> None:
        for interpreter in superseded(self.store.installed()):
            if not self.dry_run:
                remove(self.store, interpreter)
            verb = "unregister" if interpreter.adopted else "remove"
            self._note(verb, interpreter.name)
            self.removals.append(removal(interpreter, dry_run=self.dry_run))

    def remove_scratch(self) -> None:
        """Remove the scratch folders of builds that were killed."""
        swept = self.store.sweep(dry_run=self.dry_run)
        if swept:
            folders = "the scratch folder" if swept == 1 else f"{swept} scratch folders"
            self._note("remove", f"{folders} of killed builds")
            self._add("scratch", self.store.scratches, folders=swept)

    def remove_old_logs(self) -> None:
        for log in _old_logs(self.store):
            size = inventory.size_of(log)
            if not self.dry_run:
                delete(log)
            self._note("remove", f"{log} ({format_size(size)})")
            self._add("log", log, bytes=size)

    def clear_caches(self) -> None:
        in_use = inventory.in_use(self.store, inventory.NAMES)
        if in_use:
            self.reporter.warn(
                "A build is running, or the scratch folder of a killed build still exists. "
                "The caches that a build needs are kept."
            )
        for name in inventory.NAMES:
            folder = self.store.cache(name)
            if name not in in_use and os.path.lexists(folder):
                size = inventory.clear(self.store, name, self.reporter.note, dry_run=self.dry_run)
                self._add("cache", folder, bytes=size)

    def _note(self, verb: str, text: str) -> None:
        done = f"would {verb}" if self.dry_run else f"{verb.removesuffix('e')}ed"
        self.reporter.note(f"{done} {text}")

    def _add(self, kind: str, path: Path, **more: object) -> None:
        removed = {"kind": kind, "name": path.name, "path": str(path), **more}
        self.removals.append(removed | {"removed": not self.dry_run})


def _old_logs(current_store: Store) -> list[Path]:
    oldest = time.time() - _LOG_DAYS * 24 * 60 * 60
    logs = layout.own_entries(current_store.logs, layout.LOG)
    return [log for log in logs if _time_of(log) < oldest]


def _time_of(log: Path) -> float:
    """Return the time of the last change of `log`; if it no longer exists, the present time."""
    try:
        return log.lstat().st_mtime
    except FileNotFoundError:
        return time.time()


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
