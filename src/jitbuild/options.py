"""The options of an install, as one value that is made once and passed whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jitbuild import settings

if TYPE_CHECKING:
    from pathlib import Path

# ccache from PATH, ccache from a pinned wheel, or none.
CCACHE_MODES = ("auto", "managed", "off")


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """Where an install takes things from, and what it may do. None means not stated.

    `home` is the store's folder and `recipes` a folder of recipes on top of the shipped ones.
    `mirror` is the only origin that archives come from, `sha256` the pin of a release's archive
    that no recipe knows. `llvm` is `auto`, `system`, `managed` or a path; `jobs` the number of
    jobs at once, in sum for all builds; `ccache` one of CCACHE_MODES and `ccache_storage` a remote
    storage of ccache. Without `caches`, the stencil, configure and compiler caches are neither read
    nor written.

    `upgrade` looks past the store for the newest release, `reinstall` builds what the store has,
    `allow_missing` accepts missing headers and modules, `install_deps` lets the machine's package
    manager install what is missing.
    """

    home: str | Path | None = None
    recipes: str | Path | None = None
    mirror: str | None = None
    sha256: str | None = None
    llvm: str | None = None
    jobs: int | None = None
    ccache: str | None = None
    ccache_storage: str | None = None
    caches: bool = True
    upgrade: bool = False
    reinstall: bool = False
    allow_missing: bool = False
    install_deps: bool = False

    def with_settings(self) -> BuildOptions:
        """Return these options, with the settings for whatever they do not state.

        Settings are JITBUILD_* variables, pyproject.toml and the user's file. Raises SettingsError.
        """
        return replace(
            self,
            home=settings.folder("home", self.home),
            recipes=settings.folder("recipes", self.recipes),
            mirror=settings.value("mirror", self.mirror),
            llvm=settings.value("llvm", self.llvm),
            jobs=settings.count("jobs", self.jobs),
            ccache=settings.choice("ccache", CCACHE_MODES, self.ccache),
            ccache_storage=settings.value("ccache-storage", self.ccache_storage),
        )
