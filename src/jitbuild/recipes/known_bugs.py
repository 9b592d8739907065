"""Find the known JIT bugs of a build, and the newest release that is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from jitbuild.recipes.bugs import has_jit
from jitbuild.system.formatting import count_noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jitbuild.recipes.bugs import KnownBug
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.series import SeriesRecipe
    from jitbuild.request import Request, Variant
    from jitbuild.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownBugs:
    """The known JIT bugs of a build of `version`.

    `better` is the newest later release with a pin that has none of the bugs or, if there is none,
    the newest with only bugs that no release fixes; "" if there is neither. `remaining` are the
    known bugs of that release. `fix_is_pinned` is True if a release that has all fixes has a pin.
    """

    version: str
    bugs: tuple[KnownBug, ...] = ()
    better: str = ""
    remaining: tuple[KnownBug, ...] = ()
    fix_is_pinned: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line that names the bugs and the better release; no line if there are no bugs.

        Bugs that change no program (`warn = false`) are not named.
        """
        bugs = [bug for bug in self.bugs if bug.warn]
        if not bugs:
            return ()
        them = "it" if len(bugs) == 1 else "them"
        line = (
            f"{self.version} has {count_noun(len(bugs), 'known JIT bug')} ({_issues(bugs)}). "
            f"{self._advice(bugs, them)} `jitbuild bugs {self.version}` describes {them}."
        )
        return (line,)

    def _advice(self, bugs: Iterable[KnownBug], them: str) -> str:
        if self.better and self.remaining:
            has = "has" if len(self.remaining) == 1 else "have"
            return f"{self.better} has only {_issues(self.remaining)}, which {has} no fix yet."
        if self.better:
            return f"The newest release without {them} is {self.better}."
        if fixes := sorted({bug.fixed_in for bug in bugs if bug.fixed_in}, key=Version):
            fixed = f"{fixes[-1]} has the {'fix' if len(fixes) == 1 else 'fixes'}, but"
            if self.fix_is_pinned:
                return f"{fixed} also other known JIT bugs."
            return f"{fixed} no recipe has its sha256, which `jitbuild recipes update` may find."
        return f"No release has a fix for {them} yet."

    def to_json(self) -> list[dict[str, Any]]:
        """Return the bugs as reports have them; docs/design.md documents the shape."""
        return [bug.to_json() for bug in self.bugs]


def known_bugs(catalog: Catalog, version: str, target: Target, variant: Variant) -> KnownBugs:
    """Return the known JIT bugs of a build of `version` for `target` as `variant`."""
    if not has_jit(variant):
        return KnownBugs(version=version)
    number = Version(version)
    recipe = catalog.for_version(number)

    def notable(release: Version) -> dict[str, KnownBug]:
        affecting = (bug for bug in recipe.bug if bug.affects(release, target, variant))
        return {bug.issue: bug for bug in affecting if bug.warn}

    bugs = notable(number)
    without_fix = {issue: bug for issue, bug in bugs.items() if not bug.fixed_in}
    # A bug without a fix is in all later releases, even if the recipe does not list them yet.
    left = {tag: without_fix | notable(Version(tag)) for tag in _later_releases(recipe, number)}
    fix = max((bug.fixed_in for bug in bugs.values() if bug.fixed_in), key=Version, default="")
    better = _newest_better(left) if len(without_fix) < len(bugs) else ""
    return KnownBugs(
        version=version,
        bugs=tuple(bug for bug in recipe.bug if bug.affects(number, target, variant)),
        better=better,
        remaining=tuple(left[better].values()) if better else (),
        fix_is_pinned=any(tag.version == fix for tag in recipe.tag),
    )


def series_with(bug: KnownBug, catalog: Catalog) -> str:
    """Return the series whose recipe lists `bug`, an entry of `catalog`."""
    recipes = catalog.series.values()
    return next(recipe.series for recipe in recipes if any(each is bug for each in recipe.bug))


def listed_bugs(catalog: Catalog, request: Request | None = None) -> tuple[KnownBug, ...]:
    """Return the bugs of all releases that `request`, a version request, names; None: all bugs.

    A bug is returned even if only some builds of these releases have it. Raises RequestError for
    a version before the JIT.
    """
    recipes = catalog.series.values()
    if request is None:
        return tuple(bug for recipe in recipes for bug in recipe.bug)
    if request.kind in {"tag", "series"}:
        catalog.for_version(Version(request.value))
    if request.free_threaded:
        return ()
    if request.kind == "series":
        return next((recipe.bug for recipe in recipes if recipe.series == request.value), ())
    known = {*catalog.tags(), *catalog.unpinned()}
    versions = known | {request.value} if request.kind == "tag" else known
    named = [Version(version) for version in versions if request.admits(version)]
    return tuple(
        bug
        for recipe in recipes
        for bug in recipe.bug
        if any(catalog.for_version(each) is recipe and bug.when.includes(each) for each in named)
    )


def _later_releases(recipe: SeriesRecipe, version: Version) -> list[str]:
    """Return the releases with a pin that are newer than `version`, the newest first.

    Pre-releases are returned only if there is no newer final release.
    """
    versions = sorted((Version(tag.version) for tag in recipe.tag), reverse=True)
    later = [each for each in versions if each > version]
    finals = [each for each in later if not each.is_prerelease]
    return [str(each) for each in finals or later]


def _newest_better(left: Mapping[str, Mapping[str, KnownBug]]) -> str:
    """Return the first release without bugs, else the first with only those without a fix, or "".

    `left` has the bugs of each release.
    """
    clean = (release for release, bugs in left.items() if not bugs)
    unfixed = (
        release for release, bugs in left.items() if not any(bug.fixed_in for bug in bugs.values())
    )
    return next(clean, "") or next(unfixed, "")


def _issues(bugs: Iterable[KnownBug]) -> str:
    return ", ".join(bug.issue for bug in bugs)
