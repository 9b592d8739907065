"""The catalog: the shipped recipes, combined with recipes from a folder of the user's."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import RecipeError, RequestError
from jitbuild.recipe_folders import PREBUILT, has_recipes
from jitbuild.recipes import missing_release, reader
from jitbuild.recipes.series import SeriesRecipe, Tag, UnpinnedTag

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.recipes.host import HostRecipe
    from jitbuild.recipes.prebuilt import PrebuiltRecipe
    from jitbuild.recipes.rules import BuildRecipe
    from jitbuild.recipes.wheels import CcacheRecipe, LLVMRecipe
    from jitbuild.request import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """All recipes.

    `series` maps the name of each series to its recipe. `load_prebuilt` reads the pins of prebuilt
    archives, which are half of the recipes and rarely needed. Each other field is the content of
    one file.
    """

    series: dict[str, SeriesRecipe]
    build: BuildRecipe
    llvm: LLVMRecipe
    ccache: CcacheRecipe
    host: HostRecipe
    load_prebuilt: Callable[[], PrebuiltRecipe]

    @property
    def prebuilt(self) -> PrebuiltRecipe:
        """The pins of prebuilt archives. Raises RecipeError if the shipped file is invalid."""
        return self.load_prebuilt()

    def tags(self) -> dict[str, Tag]:
        """Return all releases whose sha256 is known, by version, the oldest first."""
        tags = (tag for series in self.series.values() for tag in series.tag)
        return {tag.version: tag for tag in sorted(tags, key=lambda tag: Version(tag.version))}

    def unpinned(self) -> dict[str, UnpinnedTag]:
        """Return all releases that exist but whose sha256 is not known, the oldest first."""
        tags = (tag for series in self.series.values() for tag in series.unpinned)
        return {tag.version: tag for tag in sorted(tags, key=lambda tag: Version(tag.version))}

    def unpinned_release(self, version: str, reason: str) -> RequestError:
        """Return the error for the release `version`, which no recipe pins, and why (`reason`)."""
        prebuilt = any(archive.version == version for archive in self.prebuilt.archive)
        return missing_release.unpinned_release(version, reason, prebuilt=prebuilt)

    def for_version(self, version: Version) -> SeriesRecipe:
        """Return the recipe of the series to which `version` belongs.

        For a version newer than every known series, return the recipe of main. Raises RequestError
        for a version before 3.13.
        """
        name = f"{version.major}.{version.minor}"
        if name in self.series:
            return self.series[name]
        if version < min(Version(known) for known in self.series if known != "main"):
            raise RequestError(
                f"CPython {version} has no JIT: the JIT came with 3.13.",
                remedy="Request 3.13 or newer.",
            )
        return self.series["main"]

    def newest(self, request: Request) -> Tag:
        """Return the newest final release that fits `request`, else the newest such pre-release.

        Releases without a pin do not count. Raises RequestError, with the nearest known tags, if no
        release fits.
        """
        fitting = [tag for version, tag in self.tags().items() if request.admits(version)]
        finals = [tag for tag in fitting if not Version(tag.version).is_prerelease]
        if not fitting:
            if request.kind in {"tag", "series"}:
                self.for_version(Version(request.value))  # raises for versions before the JIT
            raise missing_release.unknown_release(
                request,
                series=self.series,
                tags=list(self.tags()),
                unpinned=list(self.unpinned()),
            )
        return (finals or fitting)[-1]


def shipped_folder() -> Path:
    """Return the folder of the shipped recipes.

    It is in the installed package or, for a checkout, at the root of the checkout.
    """
    package = Path(__file__).resolve().parents[1]
    packed = package / "_recipes"
    return packed if packed.is_dir() else package.parent.parent / "recipes"


@functools.cache
def load_catalog(extra: Path | None = None, *, shipped: Path | None = None) -> Catalog:
    """Return the shipped recipes, combined with the recipes in the folder `extra` if it is given.

    Where both define the same thing, `extra` takes precedence. The shipped recipes are read from
    the folder `shipped` if it is given. Raises RecipeError for an invalid file, or if `extra`
    contains no recipes.
    """
    folder = shipped or shipped_folder()
    recipes = map(reader.read_series, sorted(folder.glob("cpython-*.toml")))
    series = {recipe.series: recipe for recipe in recipes}
    return Catalog(
        series=series if extra is None else _overlay(series, extra),
        build=reader.read_build(folder / "build.toml"),
        llvm=reader.read_llvm(folder / "llvm.toml"),
        ccache=reader.read_ccache(folder / "ccache.toml"),
        host=reader.read_host(folder / "host.toml"),
        load_prebuilt=_prebuilt_loader(folder, extra),
    )


def _prebuilt_loader(folder: Path, extra: Path | None) -> Callable[[], PrebuiltRecipe]:
    """Return a function that reads the pins of prebuilt archives once.

    If `extra` has pins, they are read at once, so that an error in them is reported.
    """
    load = functools.cache(lambda: reader.read_prebuilt(folder / PREBUILT))
    if extra is None or not (extra / PREBUILT).is_file():
        return load
    own = reader.read_prebuilt(extra / PREBUILT, load())
    return lambda: own


def _overlay(series: dict[str, SeriesRecipe], extra: Path) -> dict[str, SeriesRecipe]:
    files = sorted(extra.glob("cpython-*.toml"))
    if not has_recipes(extra):
        raise RecipeError(
            f"{extra} contains no recipes.",
            remedy=f"Add files named cpython-<series>.toml, or {PREBUILT} (docs/recipes.md).",
        )
    for path in files:
        own = reader.read_series(path)
        # A series that is not shipped is built like main, unless its recipe says otherwise.
        series = {**series, own.series: _merge(series.get(own.series, series["main"]), own)}
    return series


def _merge(shipped: SeriesRecipe, own: SeriesRecipe) -> SeriesRecipe:
    tags = {tag.version: tag for tag in (*shipped.tag, *own.tag)}
    unpinned = {tag.version: tag for tag in (*shipped.unpinned, *own.unpinned)}
    rules = {rule.id: rule for rule in (*shipped.rule, *own.rule)}
    bugs = {bug.issue: bug for bug in (*shipped.bug, *own.bug)}
    return SeriesRecipe(
        series=own.series,
        repository=own.repository or shipped.repository,
        distro_package=own.distro_package or shipped.distro_package,
        release_manager=own.release_manager or shipped.release_manager,
        llvm=own.llvm or shipped.llvm,
        tag=tuple(tags.values()),
        unpinned=tuple(tag for version, tag in unpinned.items() if version not in tags),
        rule=tuple(rules.values()),
        bug=tuple(bugs.values()),
    )
