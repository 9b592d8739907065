"""The cache of the compiler's output in one build: ccache, or no cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jitbuild.building.caches import ccache_settings
from jitbuild.building.caches.ccache import is_ccache_failure
from jitbuild.building.caches.ccache_settings import DISABLED
from jitbuild.building.caches.ccache_statistics import count_files
from jitbuild.building.caches.step_cache import StepInputs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.errors import BuildError
    from jitbuild.planning.step import Step
    from jitbuild.system.urls import Address

_LOG_TAIL_BYTES = 1 << 16


@dataclass(kw_only=True, slots=True)
class CompilerCache:
    """Makes every step of a build use `ccache` or, if that is None, no ccache at all.

    `compiler` is the command that calls the build's C compiler. `stencils` is True if the build
    makes stencils. `store` is the folder of the store, `storage` a remote storage for ccache, and
    `search_path` the PATH of the build. CC stays the compiler's own name in everything that the
    build records, because the build finds the links to ccache through PATH.
    """

    ccache: Ccache | None
    compiler: tuple[str, ...]
    stencils: bool
    store: Path
    scratch: Path
    log: Path
    search_path: str
    storage: Address | str | None = None
    _links: Path | None = field(default=None, init=False)
    _failed: bool = field(default=False, init=False)

    def prepare(self, step: Step) -> StepInputs:
        """Return ccache's settings and the folder of links to ccache.

        ccache is disabled for configure, whose test programs are not worth caching. Raises
        DiskFullError or StoreError if the links cannot be created, and SettingsError if ccache does
        not support the remote storage.
        """
        if self.ccache is None:
            # On many systems, PATH begins with a folder of links to ccache for all users.
            return StepInputs(environment=DISABLED)
        if self._links is None:
            names = ccache_settings.compiler_names(" ".join(self.compiler), stencils=self.stencils)
            folder = self.scratch / "ccache"
            self._links = ccache_settings.link_compilers(
                self.ccache, folder, names, path=self.search_path
            )
        if self._failed:
            return StepInputs(environment=DISABLED, path=(self._links,))
        settings: Mapping[str, str] = ccache_settings.environment(
            self.ccache, store=self.store, scratch=self.scratch, storage=self.storage
        )
        if step.cached_by == "configure":
            settings = {**settings, **DISABLED}
        return StepInputs(environment=settings, path=(self._links,))

    def withdraw(self, step: Step, error: BuildError) -> StepInputs | None:
        """Disable ccache for the rest of the build if the log reports a failure of ccache itself.

        ccache fails, for example, if its folder is deleted while ccache writes to it. Return None
        if ccache was not in use or the log reports no such failure.
        """
        if self.ccache is None or self._failed or not _ccache_failed(self.log):
            return None
        self._failed = True
        return self.prepare(step)

    def record(self, step: Step) -> None:
        """Do nothing: ccache stores what the compiler writes."""

    def report(self) -> Mapping[str, Any]:
        """Return the numbers of hits and misses under the key `compiler`; {} without a ccache."""
        if self.ccache is None:
            return {}
        counts = count_files(ccache_settings.stats_log(self.scratch))
        return {"compiler": {"hits": counts.hits + counts.preprocessed, "misses": counts.misses}}


def _ccache_failed(log: Path) -> bool:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return any(map(is_ccache_failure, lines))
