"""The options of an install, as one object, and the options that state a variant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jitbuild import settings
from jitbuild.system.list_text import joined
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from jitbuild.request import Axes, Variant

# auto: the ccache on PATH, if there is one; managed: the ccache in a pinned wheel; off: no ccache.
CCACHE_MODES = ("auto", "managed", "off")


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of an install. None means that an option is not stated.

    `home` is the store's folder. `recipes` is a folder of recipes that are used in addition to the
    shipped ones. `mirror` is the only origin from which archives may come. `sha256` pins the
    archive of a release that no recipe lists. `llvm` is `auto`, `system`, `managed` or a path.
    `jobs` is the number of jobs that run at once, for all builds together. `min_speed` is the
    lowest acceptable speed of a download in bytes per second, measured over a minute; 0 accepts
    every speed. `ccache` is one of CCACHE_MODES, and `ccache_storage` a remote storage for ccache.
    `registry` is a repository in a registry, which is asked for an interpreter before one is built,
    and for stencils. `signed_by` is the identity that must have signed what comes from there, as
    confirmed by `signed_by_issuer` (default: that of GitHub's or GitLab's CI). `mirror` and
    `ccache_storage` may contain secrets, which an Address never shows. If `caches` is False, the
    stencil cache, the configure cache and the compiler cache are neither read nor written.

    If `upgrade` is True, the newest release is installed even if an older release in the store
    fits. If `reinstall` is True, an interpreter is built again even if it is in the store. If
    `allow_missing` is True, missing headers and modules are accepted. If `install_deps` is True,
    the machine's package manager may install missing requirements. If `pull_only` is True, an
    interpreter that is not in the store must come from the registry. If `push` is True, what was
    built is uploaded to the registry afterwards. If `sign` is True, it is also signed with the
    identity of the environment. If `verify` is True, a prebuilt archive must have a build
    attestation, by which GitHub states who built it, or the signature of the release manager.
    """

    home: str | Path | None = None
    recipes: str | Path | None = None
    mirror: Address | str | None = None
    sha256: str | None = None
    llvm: str | None = None
    jobs: int | None = None
    min_speed: int | None = None
    ccache: str | None = None
    ccache_storage: Address | str | None = None
    registry: str | None = None
    signed_by: str | None = None
    signed_by_issuer: str | None = None
    caches: bool = True
    upgrade: bool = False
    reinstall: bool = False
    allow_missing: bool = False
    install_deps: bool = False
    pull_only: bool = False
    push: bool = False
    sign: bool = False
    verify: bool = False

    def with_settings(self) -> BuildOptions:
        """Return these options, with the settings in place of options that are not stated.

        Settings come from JITBUILD_* variables, pyproject.toml and the user's settings file. Raises
        SettingsError if a setting is invalid.
        """
        from jitbuild.recipe_folders import recipes_folder

        return msgspec.structs.replace(
            self,
            home=settings.folder("home", self.home),
            recipes=recipes_folder(self.recipes),
            mirror=settings.address("mirror", self.mirror),
            llvm=settings.value("llvm", self.llvm),
            jobs=settings.number("jobs", self.jobs),
            min_speed=settings.number("min-speed", self.min_speed, least=0),
            ccache=settings.choice("ccache", CCACHE_MODES, self.ccache),
            registry=settings.value("registry", self.registry),
            signed_by=settings.value("signed-by", self.signed_by),
            signed_by_issuer=settings.value("signed-by-issuer", self.signed_by_issuer),
            ccache_storage=settings.address("ccache-storage", self.ccache_storage),
        )


def axis_options(axes: Axes | Variant) -> list[str]:
    """Return the stated axes, or the whole of a variant, as options of a command line.

    An unknown profile is omitted, and so are the patches that `patches_without_path` names. A
    variant states no provider.
    """
    provider = getattr(axes, "provider", None)
    stated = (("jit", axes.jit), ("profile", axes.profile), ("provider", provider))
    return [
        *(f"--{name}={value}" for name, value in stated if value not in {None, "unknown"}),
        *["--tail-call"] * bool(axes.tail_call),
        *(f"--configure-arg={argument}" for argument in axes.configure_args),
        *(f"--patch={patch.path}" for patch in axes.patches if patch.path),
        *(f"--include={part}" for part in axes.includes),
    ]


def patches_without_path(variant: Variant) -> str:
    """Return a phrase that names the patches whose path is unknown; "" if there are none."""
    hashes = [patch.sha256 for patch in variant.patches if not patch.path]
    return joined([f"the patch with the sha256 {each}" for each in hashes])
