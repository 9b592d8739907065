"""recipes/cpython-*.toml: the releases of a series, the LLVM that it needs, its own
rules and its known JIT bugs.

docs/recipes.md describes the keys.
"""

from __future__ import annotations

from typing import Literal

from packaging.version import Version

from jitbuild.recipes import toml
from jitbuild.recipes.bugs import KnownBug
from jitbuild.recipes.rules import Rule
from jitbuild.recipes.wheels import Sha256

PYTHON_ORG = "https://www.python.org/ftp/python"


class Tag(toml.Table, frozen=True):
    """A release: the sha256 of its archives, and the size of the .tar.xz in bytes (0: unknown).

    `stated_by` are the names of those who state the sha256 of the .tar.xz (docs/recipes.md lists
    them). `verified` tells how `jitbuild recipes update` has verified the archive's sha256. It is
    empty for pins that were copied from others, as most shipped pins are.

    `llvm_major` and `llvm_tools` are given if the release's own Tools/jit needs another LLVM than
    the series, as early pre-releases do.
    """

    version: str
    tar_xz: Sha256
    tgz: Sha256 | None = None
    size: int = 0
    stated_by: tuple[str, ...] = ()
    verified: str = ""
    llvm_major: int | None = None
    llvm_tools: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The (name, sha256) of each archive, the preferred archive first."""
        pins = {"tar.xz": self.tar_xz, "tgz": self.tgz}
        return tuple(
            (archive_name(self.version, suffix), pin) for suffix, pin in pins.items() if pin
        )

    @property
    def url(self) -> str:
        """The URL of the preferred archive."""
        return archive_url(self.version)


class UnpinnedTag(toml.Table, frozen=True):
    """A release that exists, but whose sha256 is not known. `reason` is a sentence."""

    version: str
    reason: str


def series_of(version: str) -> str:
    """Return the series of a version: 3.15 for 3.15.0b2."""
    return ".".join(version.split(".")[:2])


def archive_name(version: str, suffix: str = "tar.xz") -> str:
    """Return the name of the archive of the release `version`."""
    return f"Python-{version}.{suffix}"


def archive_url(version: str) -> str:
    """Return the URL of the .tar.xz of the release `version` on python.org.

    A pre-release is in the folder of its final version.
    """
    return f"{PYTHON_ORG}/{Version(version).base_version}/{archive_name(version)}"


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


class ReleaseManager(toml.Table, frozen=True):
    """The Sigstore identity that signs the archives of a series, and the issuer of the identity.

    PEP 761 describes these signatures; https://www.python.org/downloads/metadata/sigstore/ lists
    the identities.
    """

    identity: str
    issuer: str


class SeriesRecipe(toml.Table, frozen=True):
    """The content of one file recipes/cpython-*.toml.

    In a folder given with --recipes, every key except `series` may be omitted; its value is then
    taken from the shipped recipe.
    """

    series: str
    repository: str = ""
    distro_package: str = ""
    release_manager: ReleaseManager | None = None
    llvm: SeriesLLVM | None = None
    tag: tuple[Tag, ...] = ()
    unpinned: tuple[UnpinnedTag, ...] = ()
    rule: tuple[Rule, ...] = ()
    bug: tuple[KnownBug, ...] = ()
