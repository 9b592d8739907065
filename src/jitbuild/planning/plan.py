"""Plans: complete descriptions of builds, as frozen data that can be printed and hashed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jitbuild.planning.step import Step
    from jitbuild.recipes.bugs import KnownBug
    from jitbuild.recipes.rules import Edit
    from jitbuild.request import Variant
    from jitbuild.target import Target

# Part of every key. Increase it when the same plan would result in a different interpreter.
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The source code of a build, or the archive of a prebuilt interpreter.

    `digest` is the sha256 of an archive, or the tree hash of a folder or a git commit. `location`
    is the URL, the path or the repository of the source; it is not part of the key. `files` are the
    names and sha256 of the archives of a release or of a prebuilt interpreter, the preferred
    archive first, and `size` is the size of the preferred one in bytes (0: unknown). `stated_by`
    and `verified` tell where the sha256 comes from, as in the tag of a recipe. If the sha256 is not
    known, `digest` is empty, and `unpinned` is the reason.
    `ref` is the git reference that was requested.
    """

    kind: Literal["release", "archive", "folder", "git", "prebuilt"]
    digest: str
    location: str
    files: tuple[tuple[str, str], ...] = ()
    size: int = 0
    ref: str = ""
    distro_package: str = ""
    stated_by: tuple[str, ...] = ()
    verified: str = ""
    unpinned: str = ""

    def size_of(self, name: str) -> int:
        """Return the size in bytes of the archive `name` of a release; 0 if it is unknown."""
        return self.size if self.files and name == self.files[0][0] else 0

    @property
    def verification(self) -> str:
        """How the pinned archive was verified, and who states its pin: text for the manifest."""
        if self.verified:
            return f"sha256 pin in a recipe, verified: {self.verified}"
        if self.stated_by:
            return f"sha256 pin in a recipe, stated by {', '.join(self.stated_by)}"
        return "sha256 pin in a recipe"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrebuiltBy:
    """The builder of a prebuilt interpreter, and the name of the build; "" if it has none."""

    builder: str
    build: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedRequest:
    """A request that has been resolved to one source, with the facts about it that planning needs.

    `llvm_major` is the major version of LLVM that the tree's Tools/jit/_llvm.py states, and
    `llvm_tools` are the tools that its Tools/jit calls; for a release, its tag states them. If
    `llvm_major` is None or `llvm_tools` is empty, the value in the recipe is used instead.
    """

    version: str
    source: Source
    llvm_major: int | None = None
    llvm_tools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RequiredLLVM:
    """The LLVM that a plan requires: its major version, and the tools that the build calls.

    If `bundled` is True, the build itself fetches an LLVM (3.14 and later on Windows), and jitbuild
    does not search for one.
    """

    major: int
    tools: tuple[str, ...]
    bundled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A complete description of a build, or of the installation of a prebuilt interpreter.

    The steps contain placeholders, which are replaced on the build machine. `leave_out` are
    patterns of files in a release's archive that are not unpacked. `key` identifies the plan; it is
    empty if the sha256 of the source is not known, and then the plan cannot be carried out.
    `warnings` and `known_bugs`, the known JIT bugs of the interpreter, are for the user and are not
    part of the key. `prebuilt` is None for a build. If the provider `auto` chose a build,
    `provider_reason` is the sentence that says why nothing prebuilt fits; it is not part of the
    key either.
    """

    version: str
    target: Target
    variant: Variant
    source: Source
    llvm: RequiredLLVM | None
    edits: tuple[Edit, ...]
    leave_out: tuple[str, ...]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    prebuilt: PrebuiltBy | None = None
    known_bugs: tuple[KnownBug, ...] = ()
    provider_reason: str = ""
    key: str = ""

    @property
    def provider(self) -> Literal["source", "prebuilt"]:
        """The provider that carries out the plan."""
        return "prebuilt" if self.prebuilt else "source"

    @property
    def name(self) -> str:
        """The interpreter's name, such as `cpython-3.15.2-jit-fast`."""
        threads = "t" if self.variant.free_threaded else ""
        prebuilt = "-prebuilt" if self.prebuilt else ""
        return f"cpython-{self.version}{threads}-{self.variant.slug}{prebuilt}"

    @property
    def prefix_name(self) -> str:
        """The name of the interpreter's folder in the store."""
        return f"{self.name}-{self.key[:8]}"

    def to_json(self) -> dict[str, Any]:
        """Return the plan as `jitbuild plan --json` prints it."""
        return {
            "name": self.name,
            "key": self.key,
            "version": self.version,
            "target": self.target.name,
            "variant": self.variant.to_json(),
            "provider": self.provider,
            "provider_reason": self.provider_reason,
            "prebuilt": self.prebuilt
            and {"builder": self.prebuilt.builder, "build": self.prebuilt.build},
            "source": {
                "kind": self.source.kind,
                "url": self.source.location,
                "sha256": self.source.digest if self.source.kind not in {"folder", "git"} else "",
                "digest": self.source.digest,
                "unpinned": self.source.unpinned,
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
            "known_bugs": [bug.to_json() for bug in self.known_bugs],
        }


def key_of(plan: Plan) -> str:
    """Return the sha256 of everything in the plan that affects the interpreter.

    The key is the same on every machine: it contains neither the location of the source nor the
    values of placeholders. It contains neither the warnings nor the known bugs either.
    """
    facts = plan.to_json() | {"schema": _SCHEMA, "source": plan.source.digest}
    for name in ("warnings", "known_bugs", "provider_reason", "key"):
        del facts[name]
    if plan.prebuilt is None:  # the keys of builds are older than these facts
        del facts["provider"], facts["prebuilt"]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
