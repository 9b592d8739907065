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

    The linker gets pkg-config's flags for `pkg_config`, or `link` if pkg-config knows none. The
    folders of the Homebrew formula `brew` are searched as well.
    """

    code: str
    link: tuple[str, ...] = ()
    pkg_config: str = ""
    brew: str = ""


class HostRequirement(toml.Table, frozen=True):
    """A library or a program that the build machine must have.

    A library is present if one of the checks in `ways` succeeds. A program is present if one of
    `programs` is on PATH; it is required only by plans with a step that calls one of `steps` (by
    all plans if `steps` is empty). `modules` are the stdlib modules that are missing without the
    library; if there are none, nothing can be built without it. Only a `required` one stops an
    install. `packages` are the names for each package manager, separated by spaces; `remedy`
    says what to do where no package helps.
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

    `install` is the command of each package manager (`{packages}`). `distro` maps IDs of
    os-release(5) to package managers. `space` is the peak disk usage of a build of each profile,
    in bytes.
    """

    need: tuple[HostRequirement, ...]
    install: dict[PackageManager, str]
    distro: dict[str, PackageManager]
    space: dict[BuildProfile, int]

    def manager(self, host: Host) -> PackageManager | None:
        """Return the package manager of a machine, or None if it is unknown.

        On Linux the distribution decides, or the nearest known one that it is based on.
        """
        systems: dict[System, PackageManager] = {"macos": "brew", "windows": "winget"}
        known = (self.distro[distro] for distro in host.distro if distro in self.distro)
        return systems.get(host.target.system) or next(known, None)
