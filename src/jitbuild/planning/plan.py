"""(request, recipe, target, variant) -> Plan: what will be done, as frozen data. Nothing here touches the machine.

A plan's steps hold placeholders that are filled on the host; its key is the digest of everything in it that decides what the
interpreter will be, taken before they are filled, so that it is the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from packaging.version import Version

from jitbuild.errors import RequestError, VariantError
from jitbuild.planning.steps import steps_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.planning.step import Step
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.schema import Edit, Rule, Series, Tag
    from jitbuild.request import Request, Variant
    from jitbuild.target import Target

# Part of every key: raised when the same plan comes to mean another interpreter.
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Which bytes are built. `digest` is a release's or archive's sha256, a folder's tree hash or a commit.

    `files` are the archive's possible names with their sha256, the preferred one first; `location` is the URL, path or
    repository it comes from, which does not count for the key.
    """

    kind: Literal["release", "archive", "folder", "git"]
    digest: str
    location: str
    files: tuple[tuple[str, str], ...] = ()
    ref: str = ""
    distro_package: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A source and what must be known of its tree before it can be planned: its version, and its LLVM where it says so."""

    version: str
    source: Source
    llvm_major: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LLVM:
    """The LLVM that a plan wants: its major, and the tools that the build calls.

    `bundled`: the build fetches it itself (Windows from 3.14 on), so nothing is looked for on the host.
    """

    major: int
    tools: tuple[str, ...]
    bundled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What will be done. `key` names the prefix in the store; `warnings` are for the person, and not in the key.

    `leave_out` are patterns of files that need not be unpacked from a release's archive.
    """

    version: str
    target: Target
    variant: Variant
    source: Source
    llvm: LLVM | None
    edits: tuple[Edit, ...]
    leave_out: tuple[str, ...]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    key: str = ""

    @property
    def name(self) -> str:
        threads = "t" if self.variant.free_threaded else ""
        return f"cpython-{self.version}{threads}-{self.variant.slug}"

    @property
    def prefix_name(self) -> str:
        """The folder of the interpreter in the store."""
        return f"{self.name}-{self.key[:8]}"

    def to_json(self) -> dict[str, Any]:
        """The plan as `jitbuild plan --json` prints it."""
        return {
            "name": self.name,
            "key": self.key,
            "version": self.version,
            "target": self.target.name,
            "variant": variant_json(self.variant),
            "source": {
                "kind": self.source.kind,
                "url": self.source.location,
                "sha256": self.source.digest if self.source.kind in {"release", "archive"} else "",
                "digest": self.source.digest,
            },
            "llvm": self.llvm
            and {
                "major": self.llvm.major,
                "tools": list(self.llvm.tools),
                "bundled": self.llvm.bundled,
            },
            "edits": [
                {"file": edit.file, "find": edit.find, "replace": edit.replace}
                for edit in self.edits
            ],
            "leave_out": list(self.leave_out),
            "steps": [
                {"name": step.name, "argv": list(step.argv), "env": dict(step.env), "cwd": step.cwd}
                for step in self.steps
            ],
            "warnings": list(self.warnings),
        }


def variant_json(variant: Variant) -> dict[str, Any]:
    """A variant as plain data: what manifests and `--json` hold. Patches are known by their sha256."""
    return {
        "jit": variant.jit,
        "profile": variant.profile,
        "tail_call": variant.tail_call,
        "free_threaded": variant.free_threaded,
        "configure_args": list(variant.configure_args),
        "patches": [patch.sha256 for patch in variant.patches],
        "includes": list(variant.includes),
    }


def subject_of(request: Request, catalog: Catalog, *, sha256: str | None = None) -> Subject:
    """What a version request means, by the recipes alone: the newest final tag that fits, else the newest pre-release.

    With `sha256` a tag that no recipe knows is taken as released with that archive. Raises RequestError, also for a `sha256`
    that is not the one by which a recipe knows the tag.
    """
    from jitbuild.recipes.schema import Tag

    known = catalog.tags()
    if request.kind == "tag" and sha256 is not None:
        tag = known.get(request.value) or Tag(version=request.value, tar_xz=sha256)
        if sha256 != tag.tar_xz:
            raise RequestError(
                f"{request.value} is known by another sha256: {tag.tar_xz}.",
                remedy="Leave --sha256 out. If python.org replaced the archive, say so in a recipe of your own: --recipes DIR.",
            )
    else:
        tag = known.get(request.value) or catalog.newest(request)
    return Subject(version=tag.version, source=_release(tag, catalog))


def _release(tag: Tag, catalog: Catalog) -> Source:
    recipe = catalog.for_version(Version(tag.version))
    return Source(
        kind="release",
        digest=tag.tar_xz,
        location=tag.url,
        files=tag.files,
        distro_package=recipe.distro_package,
    )


def make(subject: Subject, variant: Variant, target: Target, catalog: Catalog) -> Plan:
    """Plan the build of `subject` as `variant` for `target`. Raises VariantError for a combination that cannot be."""
    version = Version(subject.version)
    recipe = catalog.for_version(version)
    rules = [
        rule
        for rule in (*catalog.builds.rule, *recipe.rule)
        if rule.when.holds(version, target, variant)
    ]
    _refuse(rules)
    llvm = _llvm(recipe, subject, variant, target)
    plan = Plan(
        version=subject.version,
        target=target,
        variant=variant,
        source=subject.source,
        llvm=llvm,
        edits=tuple(edit for rule in rules for edit in rule.edits),
        leave_out=tuple(pattern for rule in rules for pattern in rule.leave_out),
        steps=steps_for(target, variant, rules, recipe.llvm if llvm and not llvm.bundled else None),
        warnings=tuple(rule.warn for rule in rules if rule.warn),
    )
    return replace(plan, key=_key(plan))


def _llvm(recipe: Series, subject: Subject, variant: Variant, target: Target) -> LLVM | None:
    """The LLVM of a variant that has stencils, or that needs clang as its compiler (the tail-calling interpreter)."""
    if recipe.llvm is None or not (variant.jit in {"yes", "yes-off"} or variant.tail_call):
        return None
    return LLVM(
        major=subject.llvm_major or recipe.llvm.major,
        tools=recipe.llvm.tools if variant.jit in {"yes", "yes-off"} else ("clang",),
        bundled=any(fnmatchcase(target.name, pattern) for pattern in recipe.llvm.bundled_on),
    )


def _refuse(rules: Iterable[Rule]) -> None:
    for rule in rules:
        if rule.refuse:
            raise VariantError(rule.refuse, remedy=rule.remedy)


def _key(plan: Plan) -> str:
    """The sha256 over what decides the result: not where the source comes from, nor what is only said."""
    facts = plan.to_json() | {"schema": _SCHEMA, "source": plan.source.digest}
    del facts["warnings"], facts["key"]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
