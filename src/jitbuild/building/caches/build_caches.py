"""Create the caches of one build from the values that they share."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jitbuild.building.caches.compiler_cache import CompilerCache
from jitbuild.building.caches.configure_answers import AnswerStore
from jitbuild.building.caches.configure_cache import ConfigureCache
from jitbuild.building.caches.managed_tools import ManagedTools
from jitbuild.building.caches.stencil_cache import StencilCache
from jitbuild.system import process
from jitbuild.toolchain.compiler import libc_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.building.caches.stencil_store import StencilStore
    from jitbuild.building.caches.step_cache import StepCache
    from jitbuild.building.placeholders import BuildSite
    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.rules import BuildRecipe
    from jitbuild.system.jobserver import JobBudget
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.system.urls import Address
    from jitbuild.target import Host
    from jitbuild.toolchain.compiler import CCompiler
    from jitbuild.toolchain.llvm import DeferredLLVM


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheContext:
    """The values that the caches of one build share.

    `store` is the folder of the store, and `forecast` the build's `forecast_key`. `ccache` is None
    if the build uses no compiler cache; `renew_ccache` replaces a damaged one, and returns True if
    it did. `ccache_storage` names a remote storage for ccache, or is
    None.
    """

    plan: Plan
    site: BuildSite
    host: Host
    recipe: BuildRecipe
    compiler: CCompiler
    environ: Mapping[str, str]
    store: Path
    stencils: StencilStore
    forecast: str
    llvm: DeferredLLVM
    budget: JobBudget
    reporter: Reporter
    ccache: Ccache | None = None
    renew_ccache: Callable[[], bool] = lambda: False
    ccache_storage: Address | None = None
    runner: Runner = field(default=process.run)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCaches:
    """The caches of one build.

    `all` lists the caches in the order in which they withdraw their help when a step fails.
    `stencils` is the stencil cache in `all`, or None if there is none.
    """

    all: tuple[StepCache, ...]
    stencils: StencilCache | None = None

    def report(self) -> dict[str, Any]:
        """Return the manifest's table `caches`."""
        return {name: outcome for cache in self.all for name, outcome in cache.report().items()}

    @property
    def llvm_version(self) -> str:
        """The version of the LLVM that made the stencils.

        It is "" if the build has no stencils or the version is unknown.
        """
        return self.stencils.llvm_version if self.stencils else ""


def step_caches(context: CacheContext, *, enabled: bool) -> StepCaches:
    """Return the caches of a build.

    If `enabled` is False, return only the managed tools and the compiler cache. The compiler cache
    is always needed, because it also prevents a build from using the user's own ccache.
    """
    renew_llvm = functools.partial(context.llvm.renew, context.reporter)
    tools = ManagedTools(renewals=[renew_llvm, context.renew_ccache])
    always: tuple[StepCache, ...] = (tools, _compiler_cache(context))
    if not enabled:
        return StepCaches(all=always)
    stencils = _stencil_cache(context)
    caches = (*always, _configure_cache(context))
    return StepCaches(all=(*caches, stencils) if stencils else caches, stencils=stencils)


def _compiler_cache(context: CacheContext) -> CompilerCache:
    return CompilerCache(
        ccache=context.ccache,
        compiler=context.compiler.argv,
        stencils=context.plan.llvm is not None,
        store=context.store,
        scratch=context.site.scratch,
        log=context.site.log,
        search_path=context.environ["PATH"],
        storage=context.ccache_storage,
    )


def _configure_cache(context: CacheContext) -> ConfigureCache:
    site = context.site
    return ConfigureCache(
        store=AnswerStore.below(context.store),
        tree=site.source,
        scratch=site.scratch,
        compiler=context.compiler,
        host=context.host,
        build=context.recipe,
        environ=context.environ,
        temporary_paths=[site.scratch, site.python, *([site.llvm] if site.llvm else [])],
        budget=context.budget,
        runner=context.runner,
    )


def _stencil_cache(context: CacheContext) -> StencilCache | None:
    if context.plan.llvm is None:
        return None
    return StencilCache(
        store=context.stencils,
        tree=context.site.source,
        scratch=context.site.scratch,
        llvm_major=context.plan.llvm.major,
        libc=libc_of(context.host),
        forecast=context.forecast,
        llvm=context.llvm,
        reporter=context.reporter,
    )
