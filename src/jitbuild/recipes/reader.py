"""Read the recipe files, and check everything that their types cannot express."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from jitbuild.errors import RecipeError
from jitbuild.recipes import toml
from jitbuild.recipes.host import HostRecipe
from jitbuild.recipes.prebuilt import PrebuiltRecipe
from jitbuild.recipes.rules import BuildRecipe, Condition, Rule
from jitbuild.recipes.series import SeriesRecipe, series_of
from jitbuild.recipes.wheels import CcacheRecipe, LLVMRecipe
from jitbuild.target import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jitbuild.recipes.prebuilt import Builder, PrebuiltArchive

_SERIES = re.compile(r"3\.\d+")
_ISSUE = re.compile(r"gh-[1-9]\d*")
_TAG = re.compile(r"3\.\d+\.\d+((a|b|rc)\d+)?")


def read_series(path: Path) -> SeriesRecipe:
    """Read the file cpython-*.toml at `path`.

    Raises RecipeError, with the file and the place in it, if the content is invalid.
    """
    recipe = toml.load(path, SeriesRecipe)
    if recipe.series != "main" and not _SERIES.fullmatch(recipe.series):
        raise RecipeError(
            f"{path}: {recipe.series!r} is not a series.",
            remedy="Write the series as `3.15`, or `main`.",
        )
    versions = [tag.version for tag in recipe.tag] + [tag.version for tag in recipe.unpinned]
    for version in versions:
        _check_version(path, recipe.series, version)
    _check_unique(path, "tag", versions)
    _check_rules(path, recipe.rule)
    _check_bugs(path, recipe)
    if recipe.llvm is not None:
        _check_targets(path, "llvm", recipe.llvm.bundled_on)
    return recipe


def read_build(path: Path) -> BuildRecipe:
    """Read the file build.toml at `path`. Raises RecipeError if its content is invalid."""
    recipe = toml.load(path, BuildRecipe)
    _check_rules(path, recipe.rule)
    for advice in recipe.advice:
        try:
            re.compile(advice.pattern)
        except re.error as error:
            raise RecipeError(
                f"{path}: the `pattern` {advice.pattern!r} of an `advice` is not a regular "
                f"expression: {error}.",
                remedy="Correct the regular expression.",
            ) from error
    return recipe


def read_llvm(path: Path) -> LLVMRecipe:
    """Read the file llvm.toml at `path`. Raises RecipeError if its content is invalid."""
    recipe = toml.load(path, LLVMRecipe)
    _check_unique(
        path,
        "wheel",
        (f"{wheel.file} of {wheel.target}, LLVM {wheel.major}" for wheel in recipe.wheel),
    )
    for wheel in recipe.wheel:
        _check_targets(path, f"wheel {wheel.file}", (wheel.target,))
    return recipe


def read_ccache(path: Path) -> CcacheRecipe:
    """Read the file ccache.toml at `path`. Raises RecipeError if its content is invalid."""
    recipe = toml.load(path, CcacheRecipe)
    _check_unique(path, "wheel", (f"with ccache for {wheel.target}" for wheel in recipe.wheel))
    for wheel in recipe.wheel:
        _check_targets(path, f"wheel {wheel.file}", (wheel.target,))
        if not any(fnmatchcase(wheel.program, pattern) for pattern in wheel.unpack):
            raise RecipeError(
                f"{path}: no pattern in `unpack` of the wheel {wheel.file} matches its program "
                f"{wheel.program!r}.",
                remedy="Add the program to `unpack`.",
            )
    return recipe


def read_host(path: Path) -> HostRecipe:
    """Read the file host.toml at `path`. Raises RecipeError if its content is invalid."""
    recipe = toml.load(path, HostRecipe)
    _check_unique(path, "need", (need.name for need in recipe.need))
    for need in recipe.need:
        _check_condition(path, f"need {need.name!r}", need.when)
    return recipe


def read_prebuilt(path: Path, shipped: PrebuiltRecipe | None = None) -> PrebuiltRecipe:
    """Read the file prebuilt.toml at `path`, and return it merged into `shipped`, if it is given.

    Raises RecipeError if its content is invalid, or if an archive has no JIT by what its builder
    states: such an archive is never downloaded.
    """
    own = toml.load(path, PrebuiltRecipe)
    _check_unique(path, "builder", (builder.name for builder in own.builder))
    for builder in own.builder:
        _check_versions(path, f"builder {builder.name!r}", builder.versions)
        _check_targets(path, f"builder {builder.name!r}", builder.jit_since)
    _check_unique(path, "archive", (f"{each.version} of {each.target}" for each in own.archive))
    recipe = (shipped or PrebuiltRecipe()).merged(own)
    builders = {builder.name: builder for builder in recipe.builder}
    for archive in own.archive:
        _check_archive(path, archive, builders)
    return recipe


def _check_archive(path: Path, archive: PrebuiltArchive, builders: dict[str, Builder]) -> None:
    subject = f"archive {archive.version} of {archive.target}"
    _check_targets(path, subject, (archive.target,))
    if not _TAG.fullmatch(archive.version):
        raise RecipeError(
            f"{path}: {archive.version!r} is not a version.",
            remedy="Write the version as CPython does: 3.15.0b2.",
        )
    if archive.builder not in builders:
        raise RecipeError(
            f"{path}: no recipe describes the builder {archive.builder!r} of the {subject}.",
            remedy=f"Add it as [[builder]], or choose from: {', '.join(builders)}.",
        )
    if not builders[archive.builder].has_jit(archive.version, archive.target, archive.build):
        build = f" {archive.build}" if archive.build else ""
        raise RecipeError(
            f"{path}: the {subject} is of the build{build} of {archive.builder}, which has no JIT.",
            remedy="Remove the archive, or correct `versions` and `jit-since` of its builder.",
        )


def _check_version(path: Path, series: str, version: str) -> None:
    if not _TAG.fullmatch(version):
        raise RecipeError(
            f"{path}: {version!r} is not a version.",
            remedy="Write the version as CPython does: 3.15.0b2.",
        )
    if series not in {"main", series_of(version)}:
        raise RecipeError(
            f"{path}: the tag {version} does not belong to the series {series}.",
            remedy="Move the tag to the recipe of its own series.",
        )


def _check_rules(path: Path, rules: Iterable[Rule]) -> None:
    rules = list(rules)
    _check_unique(path, "rule", (rule.id for rule in rules))
    for rule in rules:
        _check_condition(path, f"rule {rule.id!r}", rule.when)
        if rule.refuse and not rule.remedy:
            raise RecipeError(
                f"{path}: rule {rule.id!r} has `refuse` without `remedy`.",
                remedy="Add a `remedy` that tells the user what to do instead.",
            )


def _check_bugs(path: Path, recipe: SeriesRecipe) -> None:
    _check_unique(path, "bug", (bug.issue for bug in recipe.bug))
    for bug in recipe.bug:
        if not _ISSUE.fullmatch(bug.issue):
            raise RecipeError(
                f"{path}: {bug.issue!r} is not an issue of CPython.",
                remedy="Write its number as CPython's news do: gh-154701.",
            )
        _check_condition(path, f"bug {bug.issue}", bug.when)
        if not bug.fixed_in:
            continue
        _check_version(path, recipe.series, bug.fixed_in)
        if bug.when.includes(Version(bug.fixed_in)):
            raise RecipeError(
                f"{path}: bug {bug.issue} is fixed in {bug.fixed_in}, but its `versions`, "
                f"{bug.when.versions!r}, include this release.",
                remedy=f"End the specifier before that release: <{bug.fixed_in}.",
            )


def _check_condition(path: Path, subject: str, condition: Condition) -> None:
    _check_versions(path, subject, condition.versions)
    _check_targets(path, subject, condition.targets)


def _check_versions(path: Path, subject: str, versions: str) -> None:
    try:
        SpecifierSet(versions)
    except InvalidSpecifier as error:
        raise RecipeError(
            f"{path}: `versions` of {subject} is not a version specifier: {versions!r}.",
            remedy="Write a specifier as in PEP 440: '>=3.13,<3.13.15'.",
        ) from error


def _check_targets(path: Path, subject: str, patterns: Iterable[str]) -> None:
    """Raise RecipeError for a pattern that matches no target: its entry would never apply."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in TARGETS):
            raise RecipeError(
                f"{path}: {subject} has the target {pattern!r}, which matches no known target.",
                remedy=f"The targets are: {', '.join(TARGETS)}.",
            )


def _check_unique(path: Path, kind: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise RecipeError(
                f"{path}: there are {times} entries for the {kind} {name}.",
                remedy="Keep only one of these entries.",
            )
