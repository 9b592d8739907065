"""recipes/host.toml: the requirements of a build machine, and the commands that install them.

docs/recipes.md describes the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import field

from jitbuild.recipes import toml
from jitbuild.recipes.rules import Condition
from jitbuild.request import BuildProfile

if TYPE_CHECKING:
    from jitbuild.target import Host, System

PackageManager = Literal["apt", "dnf", "zypper", "pacman", "apk", "brew", "winget"]


class LinkCheck(toml.Table, frozen=True):
    """A check that a library is usable: the C program `code` must compile and link.

    The flags are those that pkg-config prints for `pkg_config` or, if it prints none, `link`. On
    macOS, the folders of the Homebrew formula `brew` are searched as well.
    """

    code: str
    link: tuple[str, ...] = ()
    pkg_config: str = ""
    brew: str = ""


class HostRequirement(toml.Table, frozen=True):
    """A library or a program that the build machine must have.

    A library is present if one of the checks in `ways` succeeds. A program is present if one of
    `programs` is on PATH; it is required only by plans with a step that runs one of `steps` (by all
    plans if `steps` is empty). `why` tells what the build needs it for.

    `modules` are the stdlib modules that are missing without the library; if `modules` is empty,
    nothing can be built without it. If `required` is False, an install continues without it.
    `packages` maps each package manager to the names of its packages, separated by spaces. `remedy`
    tells what to do if no package provides it. The requirement applies to builds that meet the
    condition `when`.
    """

    name: str
    why: str
    packages: dict[PackageManager, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    ways: tuple[LinkCheck, ...] = ()
    programs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    required: bool = True
    remedy: str = ""
    when: Condition = field(default_factory=Condition)


class HostRecipe(toml.Table, frozen=True):
    """recipes/host.toml: the requirements of all builds.

    `install` maps each package manager to its install command, with the placeholder `{packages}`.
    `distro` maps IDs of os-release(5) to package managers. `space` maps each profile to the peak
    disk usage of a build, in bytes.
    """

    need: tuple[HostRequirement, ...]
    install: dict[PackageManager, str]
    distro: dict[str, PackageManager]
    space: dict[BuildProfile, int]

    def manager(self, host: Host) -> PackageManager | None:
        """Return the package manager of the machine `host`, or None if it is unknown.

        On Linux, it is the package manager of the distribution. If that is unknown, it is the
        package manager of the nearest known distribution from which this one is derived.
        """
        systems: dict[System, PackageManager] = {"macos": "brew", "windows": "winget"}
        known = (self.distro[distro] for distro in host.distro if distro in self.distro)
        return systems.get(host.target.system) or next(known, None)
