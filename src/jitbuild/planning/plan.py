"""A plan and its parts: what a build will do, as frozen data that can be printed and hashed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jitbuild.planning.step import Step
    from jitbuild.recipes.rules import Edit
    from jitbuild.request import Variant
    from jitbuild.target import Target

# Part of every key. Raise it when an unchanged plan comes to describe a different interpreter.
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The source code of a build.

    `digest` is the sha256 of a release or archive, the tree hash of a folder or a git commit.
    `location` is the URL, path or repository that it comes from; it is not part of the key.
    `files` are the archive's possible names with their sha256, the preferred name first.
    """

    kind: Literal["release", "archive", "folder", "git"]
    digest: str
    location: str
    files: tuple[tuple[str, str], ...] = ()
    ref: str = ""
    distro_package: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedRequest:
    """A request resolved to one source, with the facts about its tree that planning needs.

    `llvm_major` is the LLVM that the tree's Tools/jit/_llvm.py names; None leaves it to the recipe.
    """

    version: str
    source: Source
    llvm_major: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RequiredLLVM:
    """The LLVM that a plan requires: its major version and the tools that the build calls.

    `bundled`: the build fetches LLVM itself (Windows, 3.14 and later), so none is searched for.
    """

    major: int
    tools: tuple[str, ...]
    bundled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that a build will do.

    The steps hold placeholders, which are filled on the build machine. `leave_out` are patterns of
    files in a release's archive that need not be unpacked. `warnings` are shown to the user and
    are not part of the key.
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
    key: str = ""

    @property
    def name(self) -> str:
        """The interpreter's name, such as `cpython-3.15.2-jit-fast`."""
        threads = "t" if self.variant.free_threaded else ""
        return f"cpython-{self.version}{threads}-{self.variant.slug}"

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


def key_of(plan: Plan) -> str:
    """Return the sha256 of everything in a plan that decides what the interpreter will be.

    The source's location and the warnings are left out, and placeholders are not yet filled, so
    the key is the same on every machine.
    """
    facts = plan.to_json() | {"schema": _SCHEMA, "source": plan.source.digest}
    del facts["warnings"], facts["key"]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
