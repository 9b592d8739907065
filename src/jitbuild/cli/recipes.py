"""`jitbuild recipes`: the releases that the recipes know, and pins from python.org."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jitbuild import api
from jitbuild.cli.arguments import add_examples, add_json, add_recipes, complete_with
from jitbuild.cli.commands import RECIPE_ACTIONS, RECIPE_PREBUILT
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.errors import RecipeError, UsageError
from jitbuild.recipe_folders import has_recipes, own_folder, recipes_folder
from jitbuild.system.formatting import count_noun, format_size
from jitbuild.system.suggestions import did_you_mean
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from jitbuild.pins.listing import KnownRelease
    from jitbuild.pins.pin_source import PinFinding, PinSource
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.prebuilt import PrebuiltArchive

_SHORT_HASH = 12
_USAGE = (
    "jitbuild recipes [-q | -v] [--recipes DIR] [--json] [SPEC ...]\n"
    "       jitbuild recipes update|check [-q | -v] [--recipes DIR] [--json] [--api URL] "
    "[--refresh] [SERIES ...]\n"
    "       jitbuild recipes update prebuilt [-q | -v] [--recipes DIR] [--json]"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild recipes`, `recipes update` and `recipes check`."""
    parser.description = (
        "List the releases that the recipes know: whether they are shipped or your own, who states "
        "their sha256, and how it was verified. `recipes update` asks python.org for each sha256 "
        "that is not known, or that only one publisher states, verifies it, and writes it to your "
        "own recipes. `recipes update prebuilt` does the same for prebuilt archives, whose "
        "builders are asked. `recipes check` verifies every sha256 again, and exits with 1 if one "
        "is different. docs/recipes.md describes the verification."
    )
    parser.usage = _USAGE
    words = parser.add_argument(
        "words",
        nargs="*",
        action=WordsAction,
        metavar="SPEC",
        help="list only releases that fit; after update or check: only these series",
    )
    complete_with(words, "recipe_words")
    add_recipes(parser)
    parser.add_argument(
        "--api", metavar="URL", help="update, check: the release API (default: python.org's)"
    )
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="update, check: ask again, although the last answers are less than a day old",
    )
    add_json(parser, "the releases")
    add_examples(
        parser,
        "jitbuild recipes 3.15",
        "jitbuild recipes update",
        "jitbuild recipes update 3.15 3.16",
        "jitbuild recipes update prebuilt",
        "jitbuild recipes check 3.15",
    )


def run(options: argparse.Namespace) -> int:
    """List the releases, update the recipes, or check the pins.

    Return 1 if a new release cannot be verified (update), or if a pin is different (check).
    """
    action, *series = options.words or [""]
    prebuilt = action == "update" and series == [RECIPE_PREBUILT]
    if (options.api or options.refresh) and (prebuilt or action not in RECIPE_ACTIONS):
        raise UsageError(
            "--api and --refresh apply only to the release API of python.org.",
            remedy="Use them with `jitbuild recipes update` or `jitbuild recipes check`, without "
            f"`{RECIPE_PREBUILT}`.",
        )
    if prebuilt:
        return _update_prebuilt(options)
    if RECIPE_PREBUILT in options.words:
        raise UsageError(
            f"`{RECIPE_PREBUILT}` can only be the single word after `update`.",
            remedy="To update the prebuilt archives of all series: jitbuild recipes update "
            f"{RECIPE_PREBUILT}",
        )
    if action == "update":
        return _update(options, series)
    if action == "check":
        return _check(options, series)
    return _list(options)


def _list(options: argparse.Namespace) -> int:
    from jitbuild.pins.listing import known_releases
    from jitbuild.request import parse

    for word in options.words:
        if word.isalpha() and (hint := did_you_mean(word, RECIPE_ACTIONS)):
            raise UsageError(
                f"{word!r} is neither an action nor a release.",
                remedy=f"{hint}See `jitbuild recipes --help`.",
            )
    folder = recipes_folder(options.recipes)
    releases = known_releases(api.catalog(folder), folder, [*map(parse, options.words)])
    if options.json:
        print_json([release.to_json() for release in releases])
    else:
        headers = ("", "recipe", "size", "stated by", "verified")
        print_table([*map(_row, releases)], headers=headers, right=(2,))
    return 0


def _row(release: KnownRelease) -> tuple[str, str, str, str, str]:
    if release.unpinned:
        reason = f"sha256 not known: {release.unpinned}"
        return release.version, release.origin, "", "nobody", reason
    size = format_size(release.size) if release.size else ""
    return (
        release.version,
        release.origin,
        size,
        ", ".join(release.stated_by),
        release.verified or "no",
    )


def _update(options: argparse.Namespace, series: Sequence[str]) -> int:
    from jitbuild.pins.recipe_writer import write_pins
    from jitbuild.pins.update import find_updates

    folder, reporter = _folder(options), reporter_for(options)
    known, source = _catalog(folder), _source(options)
    findings, tags = find_updates(source, known, series, reporter=reporter), known.tags()
    written = write_pins(findings, tags, folder, source.api.host)
    news = [finding for finding in findings if finding.verified or finding.version not in tags]
    _show(options, news)
    if old := len(findings) - len(news):
        reporter.note(
            f"{count_noun(old, 'release')} with a known sha256 could not be verified, and "
            f"{'is' if old == 1 else 'are'} unchanged: {source.api.host} offers nothing to verify "
            "them by."
        )
    if not news:
        reporter.note(f"The recipes have every release that {source.api.host} lists.")
    for path in written:
        reporter.note(f"Wrote {path}.")
    return 0 if all(finding.verified for finding in news) else 1


def _update_prebuilt(options: argparse.Namespace) -> int:
    """Write the new pins of prebuilt archives; the probe of each install decides about the JIT.

    Return 1 if the pin of an archive cannot be verified.
    """
    from jitbuild.pins import prebuilt_pins
    from jitbuild.pins.pin_source import installed_signature_check

    folder, reporter = _folder(options), reporter_for(options)
    source = prebuilt_pins.PrebuiltPins(
        catalog=_catalog(folder), get=prebuilt_pins.fetch, signature=installed_signature_check()
    )
    with reporter.stage("Asking the builders of prebuilt archives"):
        archives, unverified = source.find()
    if options.json:
        print_json([msgspec.structs.asdict(archive) for archive in archives])
    elif archives:
        print_table([*map(_archive_row, archives)])
    for sentence in unverified:
        reporter.warn(sentence)
    if archives:
        reporter.note(f"Wrote {prebuilt_pins.write_archives(archives, folder)}.")
    elif not unverified:
        reporter.note("The recipes have every archive that the builders publish.")
    return 1 if unverified else 0


def _archive_row(archive: PrebuiltArchive) -> tuple[str, str, str, str]:
    builder = f"{archive.builder} {archive.build}".strip()
    return archive.version, archive.target, builder, archive.verified


def _check(options: argparse.Namespace, series: Sequence[str]) -> int:
    from jitbuild.pins.update import check_pins

    known = _catalog(_folder(options))
    findings = check_pins(_source(options), known, series, reporter=reporter_for(options))
    _show(options, findings)
    return 1 if any(finding.status == "different" for finding in findings) else 0


def _show(options: argparse.Namespace, findings: Sequence[PinFinding]) -> None:
    if options.json:
        print_json([finding.to_json() for finding in findings])
    elif findings:
        print_table(
            [
                (each.version, each.status, each.sha256[:_SHORT_HASH], each.verified or each.reason)
                for each in findings
            ]
        )


def _folder(options: argparse.Namespace) -> Path:
    """Return the folder of the recipes to update or check, which need not exist."""
    folder = recipes_folder(options.recipes) or own_folder()
    if folder is None:
        raise RecipeError(
            "There is no folder for your own recipes, because this user has no home folder.",
            remedy="Name a folder: --recipes DIR, or set JITBUILD_RECIPES.",
        )
    return folder


def _catalog(folder: Path) -> Catalog:
    from jitbuild.recipes.catalog import load_catalog

    return load_catalog(folder if has_recipes(folder) else None)


def _source(options: argparse.Namespace) -> PinSource:
    from jitbuild.pins.answers import FRESH_SECONDS, CachedAnswers
    from jitbuild.pins.pin_source import PinSource, installed_signature_check
    from jitbuild.pins.release_api import API, ReleaseAPI
    from jitbuild.system.http.documents import fetch
    from jitbuild.system.urls import Address

    store = api.store()
    store.prepared()
    fresh = 0 if options.refresh else FRESH_SECONDS
    answers = CachedAnswers(folder=store.cache("python-org"), fresh=fresh)
    base = Address(options.api.rstrip("/")) if options.api else API
    check = installed_signature_check()
    return PinSource(api=ReleaseAPI(get=answers, base=base), get=fetch, signature=check)
