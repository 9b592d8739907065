"""Compile CPython: check the machine, obtain the source, build, and finish the installation."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from jitbuild.building import installed_prefix
from jitbuild.building.build_environment import clean_environment
from jitbuild.building.caches import ccache
from jitbuild.building.caches.build_caches import CacheContext, StepCaches, step_caches
from jitbuild.building.caches.stencil_cache import is_hit_expected
from jitbuild.building.caches.stencil_key import forecast_key
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.building.placeholders import BuildSite, Placeholders
from jitbuild.building.source_edits import apply_edits
from jitbuild.building.step_runner import StepRunner
from jitbuild.errors import JitbuildError
from jitbuild.providers.machine_check import check_machine
from jitbuild.providers.manifest_records import llvm_record, source_record, temporary_paths
from jitbuild.providers.provider import ProviderTask, StagedInterpreter
from jitbuild.providers.tree_check import check_llvm
from jitbuild.registry.stencils import shared_stencils
from jitbuild.sources.obtain_tree import SourceTree, obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.store.manifest import CachesRecord, ToolchainRecord
from jitbuild.system import process
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.environment import with_environment
from jitbuild.system.files import make_folders
from jitbuild.system.http.download import downloader
from jitbuild.system.urls import Address
from jitbuild.target import Host, host
from jitbuild.toolchain import pinned_wheels
from jitbuild.toolchain.compiler import CCompiler, compiler_of, libc_of
from jitbuild.toolchain.install_command import as_typed
from jitbuild.toolchain.llvm import DeferredLLVM, LLVMFinder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jitbuild.system.process import Runner, Streamer
    from jitbuild.system.progress import Reporter

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceProvider:
    """Builds interpreters from source. The fields are effects, which tests replace."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    this_host: Callable[[], Host] = host
    obtain: Callable[..., SourceTree] = obtain
    check_machine: Callable[..., tuple[str, ...]] = check_machine
    find_ccache: Callable[..., ccache.Ccache | None] = ccache.find_for_plan
    fetch_wheels: Callable[..., Path] = pinned_wheels.provide
    runner: Runner = process.run
    streamer: Streamer = process.stream
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def stage(self, task: ProviderTask) -> StagedInterpreter:
        """Carry out the task's plan and return the staged interpreter.

        Raises a JitbuildError if the machine, the source or the build fails.
        """
        return _SourceBuild(self, task).run()


class _SourceBuild:
    """One build, from its plan to a staged interpreter."""

    def __init__(self, effects: SourceProvider, task: ProviderTask) -> None:
        self.effects = effects
        self.task = task
        self.plan = task.plan
        self.host = effects.this_host()
        # Tools are also searched for in the clean environment, because the build runs in it.
        self.environ = clean_environment(effects.environ, home=task.store.root)
        self.runner = with_environment(effects.runner, self.environ)
        self.llvm = DeferredLLVM(self._llvm_finder(), task.scratch)
        shared = shared_stencils(task.options, task.reporter)
        self.stencils = StencilStore.below(task.store.root, shared)

    def run(self) -> StagedInterpreter:
        """Prepare the build, run its steps and finish the prefix; return the staged interpreter."""
        begun = self.effects.clock()
        # With --tail-call, the compiler is the clang of the LLVM, which is not provided yet.
        compiler = None if self.plan.variant.tail_call else self._compiler()
        forecast = forecast_key(
            self.plan, compiler=compiler.text if compiler else "", libc=libc_of(self.host)
        )
        tree, missing = self._prepare(forecast)
        prepared = round(self.effects.clock() - begun, 2)
        compiler = compiler or self._compiler()
        site = self._site(tree)
        apply_edits(self.plan, tree.path, self.task.reporter)
        caches = self._caches(site, compiler, forecast)
        times = {"prepare": prepared, **self._runner(site, caches).run(self.plan.steps)}
        program = self._finish(site)
        # Delete the tree before the store syncs the disk, so that the tree is not written to it.
        shutil.rmtree(tree.path, ignore_errors=True)
        toolchain = ToolchainRecord(
            compiler=compiler.version,
            libc=self.host.libc,
            llvm=llvm_record(self.llvm, caches.llvm_version),
        )
        return StagedInterpreter(
            prefix=site.staged_prefix,
            program=program,
            source=source_record(self.plan, tree, self.task.catalog),
            toolchain=toolchain,
            times=times,
            caches=msgspec.convert(caches.report(), CachesRecord),
            missing_headers=missing,
        )

    def _runner(self, site: BuildSite, caches: StepCaches) -> StepRunner:
        return StepRunner(
            name=self.plan.name,
            site=site,
            placeholders=Placeholders(plan=self.plan, site=site, runner=self.runner),
            environ=self.environ,
            budget=self.task.budget,
            reporter=self.task.reporter,
            caches=caches.all,
            advice=[
                msgspec.structs.replace(known, advice=as_typed(known.advice, root=self.host.root))
                for known in self.task.catalog.build.advice
            ],
            addresses=[Address(storage)] if (storage := self.task.options.ccache_storage) else [],
            streamer=self.effects.streamer,
            runner=self.effects.runner,
            clock=self.effects.clock,
        )

    def _prepare(self, forecast: str) -> tuple[SourceTree, tuple[str, ...]]:
        """Obtain the source tree, check the machine and provide the LLVM, all at the same time.

        The LLVM is not provided yet if the stencils are expected to be in the cache. Returns the
        tree, and the names of missing headers that the user has accepted.
        """
        plan, caches = self.plan, self.task.options.caches
        expected = caches and is_hit_expected(plan, self.stencils, forecast)
        needs_llvm = plan.llvm is not None and not plan.llvm.bundled and not expected
        if needs_llvm and self.llvm.finder is not None:
            self.llvm.finder.check_path()  # before anything is downloaded
        # If several of these functions fail, the error of the machine check is raised, even if
        # another error occurred earlier, because it names everything that is missing.
        missing, tree, llvm = run_concurrently(
            functools.partial(self._check_machine, needs_llvm=needs_llvm),
            _holding_errors(self._obtain),
            _holding_errors(self.llvm.provide if needs_llvm else lambda _reporter: None),
            reporter=self.task.reporter,
        )
        for result in (tree, llvm):
            if isinstance(result, JitbuildError):
                raise result
        assert isinstance(tree, SourceTree)
        return tree, missing

    def _obtain(self, reporter: Reporter) -> SourceTree:
        options = self.task.options
        tree = self.effects.obtain(
            self.plan.source,
            self.task.scratch / "source",
            origin=ArchiveOrigin.parse(options.mirror),
            cache=self.task.store.root,
            reporter=reporter,
            downloader=downloader(options.min_speed),
            pinned_by_user=bool(options.sha256),
            leave_out=self.plan.leave_out,
        )
        check_llvm(self.plan, tree, self.task.catalog)
        return tree

    def _check_machine(self, reporter: Reporter, *, needs_llvm: bool) -> tuple[str, ...]:
        return self.effects.check_machine(
            self.task,
            reporter,
            host=self.host,
            environ=self.environ,
            llvm=self.llvm.finder if needs_llvm else None,
            runner=self.effects.runner,
        )

    def _llvm_finder(self) -> LLVMFinder | None:
        if self.plan.llvm is None:
            return None
        return LLVMFinder(
            want=self.plan.llvm,
            mode=self.task.options.llvm or "auto",
            host=self.host,
            catalog=self.task.catalog,
            cache=self.task.store.root,
            environ=self.environ,
            runner=self.effects.runner,
            # pip, which fetches the wheels, is the only program in the user's own environment.
            fetch=functools.partial(self.effects.fetch_wheels, environ=self.effects.environ),
        )

    def _compiler(self) -> CCompiler:
        return compiler_of(self.plan, self.llvm.root, self.environ, runner=self.runner)

    def _site(self, tree: SourceTree) -> BuildSite:
        logs, name = self.task.store.logs, self.plan.prefix_name
        make_folders(logs)
        return BuildSite(
            source=tree.path,
            prefix=self.task.store.interpreters / name,
            stage=self.task.scratch / "stage",
            scratch=self.task.scratch,
            log=logs / f"{name}-{self.effects.now():%Y%m%dT%H%M%S}.log",
            python=Path(sys.executable),
            llvm=self.llvm.root,
        )

    def _caches(self, site: BuildSite, compiler: CCompiler, forecast: str) -> StepCaches:
        task, options = self.task, self.task.options
        enabled = options.caches and os.name == "posix"
        program = self._ccache() if enabled else None
        context = CacheContext(
            plan=self.plan,
            site=site,
            host=self.host,
            recipe=task.catalog.build,
            compiler=compiler,
            environ=self.environ,
            store=task.store.root,
            stencils=self.stencils,
            forecast=forecast,
            llvm=self.llvm,
            budget=task.budget,
            reporter=task.reporter,
            ccache=program,
            renew_ccache=lambda: ccache.renew(program, self._ccache, task.reporter),
            ccache_storage=Address(options.ccache_storage) if options.ccache_storage else None,
            runner=self.runner,
        )
        return step_caches(context, enabled=enabled)

    def _ccache(self) -> ccache.Ccache | None:
        return self.effects.find_ccache(
            self.plan,
            self.task.options.ccache or "auto",
            environ=self.environ,
            pins=self.task.catalog.ccache.wheel,
            store=self.task.store.root,
            runner=self.runner,
            reporter=self.task.reporter,
        )

    def _finish(self, site: BuildSite) -> Path:
        """Add links such as `python` to the installed prefix; replace temporary paths in its files.

        Returns the path of the program.
        """
        staged, variant = site.staged_prefix, self.plan.variant
        program = installed_prefix.executable(
            staged,
            self.plan.version,
            free_threaded=variant.free_threaded,
            debug=variant.profile == "debug",
        )
        installed_prefix.add_links(staged, program)
        changed = installed_prefix.replace_paths(staged, temporary_paths(site, self.llvm))
        modules = [str(path) for path in changed if path.suffix == ".py"]
        if modules:  # without arguments, compileall would compile everything on sys.path
            # With -s and -p, the bytecode contains the final paths of the modules, without `stage`.
            argv = [str(program), "-P", "-m", "compileall", "-q", "-s", str(site.stage), "-p", "/"]
            self.runner([*argv, *modules])
        return program


def _holding_errors(
    function: Callable[[Reporter], _T],
) -> Callable[[Reporter], _T | JitbuildError]:
    """Return a function that calls `function`, and returns a JitbuildError if it raises one."""

    def hold(reporter: Reporter) -> _T | JitbuildError:
        try:
            return function(reporter)
        except JitbuildError as error:
            return error

    return hold
