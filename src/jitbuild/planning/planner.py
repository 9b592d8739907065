"""Make plans from requests, recipes, targets and variants, with pure functions.

`resolve_version` resolves a version request to a source, using only the recipes. (jitbuild.sources
resolves requests for git references, folders and archives.) `make_plan` makes a plan for the
source. Nothing here depends on the current machine.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import RequestError, VariantError
from jitbuild.planning import posix, windows
from jitbuild.planning.configure_arguments import check_arguments
from jitbuild.planning.plan import Plan, RequiredLLVM, ResolvedRequest, Source, key_of
from jitbuild.recipes.known_bugs import known_bugs
from jitbuild.recipes.series import Tag, archive_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jitbuild.planning.step import Step
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.rules import Rule
    from jitbuild.recipes.series import SeriesLLVM, SeriesRecipe, UnpinnedTag
    from jitbuild.request import Request, Variant
    from jitbuild.target import Target


def resolve_version(
    request: Request, catalog: Catalog, *, sha256: str | None = None, needs_pin: bool = True
) -> ResolvedRequest:
    """Resolve a version request, using only the recipes.

    Returns the newest final release that fits or, if no final release fits, the newest pre-release;
    releases whose sha256 is not known do not count. A tag that no recipe pins is accepted if
    `sha256` is given, as the digest of the release's .tar.xz. Without `needs_pin`, a release whose
    sha256 is not known is accepted, too, if the request is its tag.

    Raises RequestError if no release fits, if its sha256 is not known, or if `sha256` differs from
    the digest in a recipe.
    """
    is_tag = request.kind == "tag"
    pinned = catalog.tags().get(request.value) if is_tag else None
    unpinned = catalog.unpinned().get(request.value) if is_tag else None
    if is_tag and sha256 is not None:
        tag = _tag_with_sha256(request.value, sha256, pinned)
    elif unpinned is not None:
        if needs_pin:
            raise catalog.unpinned_release(unpinned.version, unpinned.reason)
        source = _unpinned_source(unpinned, catalog)
        return ResolvedRequest(version=unpinned.version, source=source)
    else:
        tag = pinned or catalog.newest(request)
    return ResolvedRequest(
        version=tag.version,
        source=_release(tag, catalog),
        llvm_major=tag.llvm_major,
        llvm_tools=tag.llvm_tools,
    )


def _tag_with_sha256(version: str, sha256: str, pinned: Tag | None) -> Tag:
    tag = pinned or Tag(version=version, tar_xz=sha256)
    if sha256 != tag.tar_xz:
        raise RequestError(
            f"The recipes pin {version} to another sha256: {tag.tar_xz}.",
            remedy="Omit --sha256. If python.org has replaced the archive, put the new sha256 into"
            " your own recipe: --recipes DIR.",
        )
    return tag


def _release(tag: Tag, catalog: Catalog) -> Source:
    recipe = catalog.for_version(Version(tag.version))
    return Source(
        kind="release",
        digest=tag.tar_xz,
        location=tag.url,
        files=tag.files,
        size=tag.size,
        distro_package=recipe.distro_package,
        stated_by=tag.stated_by,
        verified=tag.verified,
    )


def _unpinned_source(tag: UnpinnedTag, catalog: Catalog) -> Source:
    recipe = catalog.for_version(Version(tag.version))
    return Source(
        kind="release",
        digest="",
        location=archive_url(tag.version),
        distro_package=recipe.distro_package,
        unpinned=tag.reason,
    )


def check_variant(variant: Variant, target: Target, catalog: Catalog) -> None:
    """Raise VariantError if no version can be built for `target` as `variant`.

    This check needs no source, so it can be made before the source is fetched.
    """
    rules = (rule for rule in catalog.build.rule if not rule.when.versions)
    _check(variant, target, [rule for rule in rules if rule.when.fits(target, variant)], catalog)


def make_plan(
    resolved: ResolvedRequest, variant: Variant, target: Target, catalog: Catalog
) -> Plan:
    """Return the plan that builds the source in `resolved` for `target` as `variant`.

    Raises VariantError if a rule refuses this combination, or if configure would refuse an
    argument.
    """
    version = Version(resolved.version)
    recipe = catalog.for_version(version)
    rules = [
        rule
        for rule in (*catalog.build.rule, *recipe.rule)
        if rule.when.holds(version, target, variant)
    ]
    _check(variant, target, rules, catalog, release=resolved.source.kind == "release")
    llvm = _required_llvm(recipe, resolved, variant, target)
    bugs = known_bugs(catalog, resolved.version, target, variant)
    plan = Plan(
        version=resolved.version,
        target=target,
        variant=variant,
        source=resolved.source,
        llvm=llvm,
        edits=tuple(edit for rule in rules for edit in rule.edits),
        leave_out=tuple(pattern for rule in rules for pattern in rule.leave_out),
        steps=_steps(target, variant, rules, recipe.llvm if llvm and not llvm.bundled else None),
        warnings=(*(rule.warn for rule in rules if rule.warn), *bugs.warnings),
        known_bugs=bugs.bugs,
    )
    return plan if resolved.source.unpinned else replace(plan, key=key_of(plan))


def _steps(
    target: Target, variant: Variant, rules: Sequence[Rule], llvm: SeriesLLVM | None
) -> tuple[Step, ...]:
    if target.system == "windows":
        return windows.steps(target, variant, rules, llvm)
    return posix.steps(variant, rules, llvm)


def _required_llvm(
    recipe: SeriesRecipe, resolved: ResolvedRequest, variant: Variant, target: Target
) -> RequiredLLVM | None:
    """Return the LLVM that the build needs, or None if it needs no LLVM.

    The stencils need LLVM, and so does a tail-calling interpreter, which clang compiles. The values
    that the source tree states take precedence over the recipe's, unless the recipe sets
    `overrides-tree`.
    """
    if recipe.llvm is None or not (variant.has_stencils or variant.tail_call):
        return None
    by_tree = not recipe.llvm.overrides_tree
    tools = (by_tree and _in_order(resolved.llvm_tools, recipe.llvm.tools)) or recipe.llvm.tools
    return RequiredLLVM(
        major=(by_tree and resolved.llvm_major) or recipe.llvm.major,
        tools=tools if variant.has_stencils else ("clang",),
        bundled=any(fnmatchcase(target.name, pattern) for pattern in recipe.llvm.bundled_on),
    )


def _in_order(tools: tuple[str, ...], order: tuple[str, ...]) -> tuple[str, ...]:
    """Return `tools` in the recipe's order, followed by tools that the recipe does not name.

    The order of the tools in a tree thus does not affect the plan's key.
    """
    known = [tool for tool in order if tool in tools]
    return (*known, *(tool for tool in tools if tool not in order))


def _check(
    variant: Variant,
    target: Target,
    rules: Iterable[Rule],
    catalog: Catalog,
    *,
    release: bool = False,
) -> None:
    """Raise VariantError if a rule refuses the variant, or configure would refuse an argument."""
    for rule in rules:
        if rule.refuse:
            arguments = rule.when.matching_arguments(variant)
            subject = f"--configure-arg={arguments[0]}: " if arguments else ""
            raise VariantError(f"{subject}{rule.refuse}", remedy=rule.remedy)
    if target.system != "windows":
        check_arguments(variant.configure_args, catalog.build.configure_flags, release=release)
