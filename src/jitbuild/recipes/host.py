"""recipes/host.toml: what a build machine must have, and how its package manager installs it.

The keys are described in docs/recipes.md.
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
    """A check that a library is usable: `code` must compile and link.

    The linker gets the flags that pkg-config prints for `pkg_config`, or the flags `link` if it
    prints none. The folders of the Homebrew formula `brew` are searched as well.
    """

    code: str
    link: tuple[str, ...] = ()
    pkg_config: str = ""
    brew: str = ""


class HostRequirement(toml.Table, frozen=True):
    """A library or a program that the build machine must have.

    A library is present if one of the checks in `ways` succeeds. A program is present if one of
    `programs` is on PATH; it is required only by plans with a step that calls one of `steps` (by
    all plans if `steps` is empty). `why` says what the build needs it for.

    `modules` are the stdlib modules that are missing without the library; if `modules` is empty,
    nothing can be built without it. If `required` is False, an install continues without it.
    `packages` maps each package manager to the names of its packages, separated by spaces. `remedy`
    says what to do if no package helps.
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
    `distro` maps IDs of os-release(5) to package managers. `space` is the peak disk usage of a
    build of each profile, in bytes.
    """

    need: tuple[HostRequirement, ...]
    install: dict[PackageManager, str]
    distro: dict[str, PackageManager]
    space: dict[BuildProfile, int]

    def manager(self, host: Host) -> PackageManager | None:
        """Return the package manager of a machine, or None if it is unknown.

        On Linux it is the one of the distribution or, if that is unknown, of the nearest known
        distribution that it is based on.
        """
        systems: dict[System, PackageManager] = {"macos": "brew", "windows": "winget"}
        known = (self.distro[distro] for distro in host.distro if distro in self.distro)
        return systems.get(host.target.system) or next(known, None)
