"""`jitbuild uninstall` and `prune`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli import cache
from jitbuild.cli.arguments import stated_axes
from jitbuild.cli.output import reporter_for
from jitbuild.errors import NotInstalledError, UsageError
from jitbuild.request import Axes
from jitbuild.running.lookup import local_digest, parse_spec
from jitbuild.system.formatting import format_size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

# The log of a build that runs now, or of one that failed and is being looked into, is nobody's rubbish.
_LOG_DAYS = 7


def uninstall(options: argparse.Namespace) -> int:
    """Remove what is named; what fits several interpreters is refused without --all. All are looked up before one is removed."""
    kept, say, wanted = store(), reporter_for(options), stated_axes(options)
    named = {
        found.name: found
        for spec in options.spec
        for found in _named(kept, spec, wanted, every=options.all)
    }
    for found in named.values():
        _remove(kept, found)
        say.note(f"{'unregistered' if found.adopted else 'removed'} {found.name}")
    return 0


def _named(kept: Store, spec: str, wanted: Axes, *, every: bool) -> list[Interpreter]:
    names = {found.name: found for found in kept.installed()}
    if spec in names:
        return [names[spec]]
    request = parse_spec(spec)
    digest = local_digest(request, kept)
    fitting = kept.fitting(request, wanted, digest=digest)
    if every and wanted == Axes():
        # All means all: with further arguments and patches too, which a request that states none does not fit.
        stated = {
            Axes(
                configure_args=each.variant.configure_args,
                patches=each.variant.patches,
                includes=each.variant.includes,
            )
            for each in names.values()
        }
        fitting = [found for axes in stated for found in kept.fitting(request, axes, digest=digest)]
    if not fitting:
        raise NotInstalledError(
            f"No interpreter in the store fits {spec}.",
            remedy="`jitbuild list` shows what there is.",
        )
    if len(fitting) > 1 and not every:
        raise UsageError(
            f"{spec} fits {len(fitting)} interpreters: {', '.join(found.name for found in fitting)}.",
            remedy="Name one of them, or remove all of them with --all.",
        )
    return fitting


def _remove(kept: Store, found: Interpreter) -> None:
    with kept.lock(found.name):
        # Another process may have removed it, or put a newer one in its place, while we waited.
        now = kept.get(found.name)
        if now is not None and now.instance == found.instance:
            kept.remove(now)


def prune(options: argparse.Namespace) -> int:
    """Remove what is superseded, gone or left over."""
    kept, say = store(), reporter_for(options)
    for found in superseded(kept.installed()):
        say.note(f"{'unregister' if found.adopted else 'remove'} {found.name}")
        if not options.dry_run:
            _remove(kept, found)
    if not options.dry_run:
        kept.sweep()
    for log in _old_logs(kept):
        _discard(log, say, dry_run=options.dry_run)
    if options.caches:
        held = cache.in_use(kept, cache.CACHES)
        if held:
            say.warn(
                "A build is running, or was killed and its scratch not swept yet: the caches that it needs are kept."
            )
        for name in (name for name in cache.CACHES if name not in held):
            cache.discard(kept, name, say.note, dry_run=options.dry_run)
    return 0


def _old_logs(kept: Store) -> list[Path]:
    oldest = time.time() - _LOG_DAYS * 24 * 60 * 60
    return [log for log in sorted(kept.logs.glob("*.log")) if log.stat().st_mtime < oldest]


def _discard(log: Path, say: Reporter, *, dry_run: bool) -> None:
    say.note(f"remove {log} ({format_size(cache.weight(log))})")
    if not dry_run:
        log.unlink(missing_ok=True)


def superseded(installed: Iterable[Interpreter]) -> list[Interpreter]:
    """The interpreters that a newer one of the same series and variant makes needless, and those whose program is gone.

    Only releases supersede each other, and adopted interpreters each other: a build of one's own sources is kept.
    """
    from packaging.version import Version

    needless: list[Interpreter] = []
    groups: dict[tuple[object, ...], list[Interpreter]] = {}
    for found in installed:
        if not found.executable.exists():
            needless.append(found)
        elif found.adopted or found.source_kind == "release":
            series = found.version.split(".")[:2]
            groups.setdefault((*series, found.variant, found.adopted), []).append(found)
    for group in groups.values():
        proven = [Version(found.version) for found in group if found.proven]
        # A final release is not made needless by a newer pre-release.
        finals = [version for version in proven if not version.is_prerelease]
        for found in group:
            version = Version(found.version)
            needless += [found] * any(
                version < newer for newer in (proven if version.is_prerelease else finals)
            )
    return needless
