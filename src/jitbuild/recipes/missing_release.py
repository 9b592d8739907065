"""The errors for releases that cannot be installed: unknown ones, and ones without a pin."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import RequestError
from jitbuild.recipes.series import archive_name, series_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from jitbuild.request import Request

_UPDATE = "`jitbuild recipes update`"


def unpinned_release(version: str, reason: str, *, prebuilt: bool) -> RequestError:
    """Return the error for the release `version`, which exists, but which no recipe pins.

    `reason` is the sentence in the recipe that says why. `prebuilt` is True if the recipes know a
    prebuilt interpreter of this release, for any platform.
    """
    other = " Or take the prebuilt one, if your platform has it: --prebuilt." if prebuilt else ""
    return RequestError(
        f"CPython {version} exists, but the recipes do not have the sha256 of its archive. "
        f"{reason}",
        remedy=f"Get the sha256 from python.org: {_UPDATE}. Or give that of "
        f"{archive_name(version)} with --sha256.{other}",
    )


def unknown_release(
    request: Request,
    *,
    series: Collection[str],
    tags: Sequence[str],
    unpinned: Sequence[str],
) -> RequestError:
    """Return the error for a version request that no pinned release fits.

    `series` are the names of the known series, `tags` the versions of the releases with a pin, and
    `unpinned` those of the releases without one, both oldest first.
    """
    fitting = [version for version in unpinned if request.admits(version)]
    if fitting:
        return RequestError(
            f"The recipes do not have the sha256 of any release for {request.text}: they know only "
            f"{' and '.join(fitting)}.",
            remedy=f"Get the sha256 from python.org: {_UPDATE}. Or request one of these releases, "
            "with the sha256 of its .tar.xz: --sha256 HASH.",
        )
    what = f"No recipe has a release for {request.text}."
    if request.kind == "tag":
        return RequestError(what, remedy=_remedy_for_tag(request.value, tags, unpinned))
    near = get_close_matches(request.value, series, n=4, cutoff=0.7)
    hint = (
        f"The nearest known versions are {', '.join(near)}."
        if near
        else f"The known series are {', '.join(sorted(series))}."
    )
    return RequestError(
        what,
        remedy=f"{hint} {_UPDATE} adds the releases that are newer than the recipes. Your own "
        "recipes can add tags: --recipes DIR.",
    )


def _remedy_for_tag(version: str, tags: Sequence[str], unpinned: Sequence[str]) -> str:
    series = series_of(version)
    same = [known for known in tags if known.startswith(f"{series}.")]
    near = _neighbours(version, same)
    hint = f"The nearest known versions are {', '.join(near)}. " if near else ""
    known = [*same, *(other for other in unpinned if other.startswith(f"{series}."))]
    newest = max(known, key=Version, default=None)
    if newest is None:
        case = f"No recipe has a release of {series}. If {version} has been released"
    elif Version(version) > Version(newest):
        case = f"The newest known release of {series} is {newest}. If {version} has been released"
    else:
        case = f"Check the number: later releases are known, up to {newest}. If {version} exists"
    return (
        f"{hint}{case}, {_UPDATE} adds it. Or give the sha256 of {archive_name(version)} with "
        "--sha256, or add the tag to your own recipes: --recipes DIR."
    )


def _neighbours(version: str, tags: Sequence[str]) -> list[str]:
    """Return the newest of `tags`, and those next to `version`, the newest first.

    The newest is among them because the likeliest mistake is a number that is too high.
    """
    position = sum(Version(tag) < Version(version) for tag in tags)
    near = {*tags[-1:], *tags[position : position + 1], *tags[max(0, position - 2) : position]}
    return sorted(near, key=Version, reverse=True)
