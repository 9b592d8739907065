"""recipes/cpython-*.toml: the releases of a series, the LLVM that it needs and its own rules.

docs/recipes.md describes the keys.
"""

from __future__ import annotations

from typing import Literal

from packaging.version import Version

from jitbuild.recipes import toml
from jitbuild.recipes.rules import Rule
from jitbuild.recipes.wheels import Sha256

PYTHON_ORG = "https://www.python.org/ftp/python"


class Tag(toml.Table, frozen=True):
    """A release: the sha256 of its archives, and the size of the .tar.xz in bytes (0: unknown)."""

    version: str
    tar_xz: Sha256
    tgz: Sha256 | None = None
    size: int = 0

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The (name, sha256) of each archive, the preferred archive first."""
        pins = {"tar.xz": self.tar_xz, "tgz": self.tgz}
        return tuple(
            (f"Python-{self.version}.{suffix}", pin) for suffix, pin in pins.items() if pin
        )

    @property
    def url(self) -> str:
        """The URL of the preferred archive.

        A pre-release is in the folder of its final version.
        """
        return f"{PYTHON_ORG}/{Version(self.version).base_version}/{self.files[0][0]}"


class SeriesLLVM(toml.Table, frozen=True):
    """The LLVM that the Tools/jit of a series needs: its major version and all called tools.

    `handover` states how the build finds the tools: `path` (3.13 and 3.14 search only PATH) or
    `configure` (3.15's configure reads LLVM_VERSION and LLVM_TOOLS_INSTALL_DIR). `bundled_on` are
    patterns of the targets on which the build fetches LLVM itself. If `overrides_tree` is True,
    `major` and `tools` also apply to trees whose own Tools/jit states other values.
    """

    major: int
    tools: tuple[str, ...]
    handover: Literal["path", "configure"]
    bundled_on: tuple[str, ...] = ()
    overrides_tree: bool = False


class SeriesRecipe(toml.Table, frozen=True):
    """The content of one file recipes/cpython-*.toml.

    In a folder given with --recipes, every key except `series` may be omitted; its value is then
    taken from the shipped recipe.
    """

    series: str
    repository: str = ""
    distro_package: str = ""
    llvm: SeriesLLVM | None = None
    tag: tuple[Tag, ...] = ()
    rule: tuple[Rule, ...] = ()
