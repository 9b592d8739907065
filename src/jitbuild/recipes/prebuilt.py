"""recipes/prebuilt.toml: pinned archives with CPythons that others have built with the JIT.

docs/recipes.md describes the keys.
"""

from __future__ import annotations

from urllib.parse import unquote

from packaging.specifiers import SpecifierSet

from jitbuild.recipes import toml
from jitbuild.recipes.wheels import Sha256

# The names of the shipped builders.
STANDALONE = "python-build-standalone"
PYTHON_ORG_BUILDER = "python.org"


class Builder(toml.Table, frozen=True):
    """A project that publishes archives with built CPythons (profile release, jit `yes-off`).

    `about` tells how they are built. `versions` is a PEP 440 specifier for the versions that it
    builds with the JIT. `jit_since` maps each target for which it builds the JIT to the first such
    build; "" stands for all builds.
    """

    name: str
    about: str
    versions: str
    jit_since: dict[str, str]

    def has_jit(self, version: str, target: str, build: str) -> bool:
        """Return True if the CPython `version` of the build `build` has the JIT on `target`."""
        return self.builds_jit(version, target) and build >= self.jit_since[target]

    def builds_jit(self, version: str, target: str) -> bool:
        """Return True if there may be a build with the JIT of a release or a series on `target`."""
        covered = SpecifierSet(self.versions).contains(version, prereleases=True)
        return covered and target in self.jit_since


class PrebuiltArchive(toml.Table, frozen=True):
    """An archive with a built CPython, which is pinned by its sha256.

    `build` tells the builds of the same version apart; it is a date, or "" if there is only one.
    `size` is the size of the archive in bytes (0: unknown). `stated_by` names those who state this
    pin, and `verified` tells how `jitbuild recipes update` has verified it; "" if it has not.
    """

    builder: str
    version: str
    target: str
    url: str
    sha256: Sha256
    build: str = ""
    size: int = 0
    stated_by: tuple[str, ...] = ()
    verified: str = ""

    @property
    def file_name(self) -> str:
        """The name of the file, in which `%2B` of the URL is a plus sign."""
        return unquote(self.url.rpartition("/")[2])


class PrebuiltRecipe(toml.Table, frozen=True):
    """The content of recipes/prebuilt.toml. A folder of own recipes may have such a file, too."""

    builder: tuple[Builder, ...] = ()
    archive: tuple[PrebuiltArchive, ...] = ()

    def find(self, version: str, target: str) -> PrebuiltArchive | None:
        """Return the archive of `version` for the target named `target`; None if there is none."""
        archives = (each for each in self.archive if each.version == version)
        return next((each for each in archives if each.target == target), None)

    def merged(self, own: PrebuiltRecipe) -> PrebuiltRecipe:
        """Return this recipe with the entries of `own`, which replace those for the same thing."""
        builders = {each.name: each for each in (*self.builder, *own.builder)}
        archives = {(each.version, each.target): each for each in (*self.archive, *own.archive)}
        return PrebuiltRecipe(builder=tuple(builders.values()), archive=tuple(archives.values()))
