"""Find the releases without a sure pin, or verify every pin again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import IntegrityError, RequestError, SignatureError
from jitbuild.pins.pin_source import PinFinding
from jitbuild.pins.verification import UNSIGNED
from jitbuild.recipes.series import series_of
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from jitbuild.pins.pin_source import PinSource
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.series import Tag
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
_SERIES = re.compile(r"3\.\d{1,3}")
# The first series with the JIT.
_FIRST = Version("3.13")
_FIRST_TAG = Version("3.13.0a1")


def find_updates(
    source: PinSource,
    catalog: Catalog,
    series: Collection[str] = (),
    *,
    reporter: Reporter = _SILENT,
) -> list[PinFinding]:
    """Return a finding for each release of `series` (default: all) whose pin is missing or unsure.

    Raises RequestError if one of `series` is not a series with the JIT, and the errors of
    `PinSource.find`.
    """
    check_series(series)
    known = catalog.tags()
    releases = source.api.releases()
    wanted = [
        version
        for version in _of_series(releases, series)
        if version not in known or is_unsure(known[version], source)
    ]
    return _find_each(
        wanted, lambda version: source.find(version, releases[version], catalog), reporter
    )


def check_pins(
    source: PinSource,
    catalog: Catalog,
    series: Collection[str] = (),
    *,
    reporter: Reporter = _SILENT,
) -> list[PinFinding]:
    """Return a finding for each pin of `series` (default: all), which is verified again.

    A pin that is not confirmed has the status `different`. Raises RequestError if one of `series`
    is not a series with the JIT, and DownloadError if an answer cannot be fetched or used.
    """
    check_series(series)
    releases = source.api.releases()

    def find(version: str) -> PinFinding:
        if version not in releases:
            reason = f"{source.api.host} lists no such release"
            return PinFinding(version=version, status="unverified", reason=reason)
        try:
            return source.find(version, releases[version], catalog)
        except (IntegrityError, SignatureError) as error:
            return PinFinding(version=version, status="different", reason=error.what)

    return _find_each(_of_series(catalog.tags(), series), find, reporter)


def is_unsure(tag: Tag, source: PinSource) -> bool:
    """Return True if `source` can make the pin of `tag` surer.

    That is so if only one publisher states the pin, and that is not `source`, or if the pin was
    verified without its signature, and `source` can verify signatures.
    """
    host = source.api.host
    unsigned = UNSIGNED in tag.verified and source.signature is not None
    return unsigned or (len(tag.stated_by) == 1 and host not in tag.stated_by)


def check_series(series: Iterable[str]) -> None:
    """Raise RequestError if one of `series` is not a series with the JIT, such as 3.15."""
    for name in series:
        if not _SERIES.fullmatch(name) or Version(name) < _FIRST:
            raise RequestError(
                f"{name!r} is not a series of CPython with the JIT.",
                remedy="Name series from 3.13 on, as in: jitbuild recipes update 3.14 3.15",
            )


def _of_series(versions: Iterable[str], series: Collection[str]) -> list[str]:
    """Return those of `versions` that belong to `series` (empty: to any with the JIT), sorted."""
    chosen = [
        version
        for version in versions
        if (series_of(version) in series if series else Version(version) >= _FIRST_TAG)
    ]
    return sorted(chosen, key=Version)


def _find_each(
    versions: Collection[str], find: Callable[[str], PinFinding], reporter: Reporter
) -> list[PinFinding]:
    findings = []
    with reporter.stage("Asking for pins") as stage:
        for count, version in enumerate(versions):
            stage.advance(count, len(versions))
            stage.detail(version)
            findings.append(find(version))
    return findings
