"""Check this machine's tools, libraries and disks for a build ("preflight"), before it starts.

Without these checks, missing libraries would be noticed only after minutes of make, one at a time.
`jitbuild doctor` prints the same report as a table.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.system import executable_memory, process
from jitbuild.system.environment import with_environment
from jitbuild.toolchain import machine_checks, visual_studio
from jitbuild.toolchain.compiler import build_variables, compiler_command
from jitbuild.toolchain.install_command import as_typed
from jitbuild.toolchain.libraries import LibraryChecker
from jitbuild.toolchain.requirements import LLVM_NAME, CheckedRequirement, PreflightReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.host import HostRequirement, PackageManager
    from jitbuild.system.process import Runner
    from jitbuild.target import Host
    from jitbuild.toolchain.llvm import LLVMFinder


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """The checks of a machine for one plan.

    `store` is the folder of the store. `llvm` finds the LLVM whose presence is checked; it is None
    if the build needs no LLVM, because it has no stencils or they are in the cache. `environ` is
    the clean environment of a build, in which all programs of the checks run. `free` returns the
    free bytes of the disk that contains a folder, and `is_noexec` returns True if no program can be
    started in a folder. `is_memory_denied` returns True if memory that was written cannot be
    executed.
    """

    plan: Plan
    host: Host
    catalog: Catalog
    store: Path
    llvm: LLVMFinder | None
    runner: Runner = process.run
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    is_noexec: Callable[[Path], bool] = machine_checks.is_on_noexec_mount
    is_memory_denied: Callable[[], bool] = executable_memory.is_denied

    def run(self) -> PreflightReport:
        """Run all checks, as many at once as there are processors, and return the report."""
        manager = self.catalog.host.manager(self.host)
        with (
            tempfile.TemporaryDirectory(prefix="jitbuild-") as folder,
            ThreadPoolExecutor(max(2, self.host.cpus)) as pool,
        ):
            checker = self._checker(Path(folder))
            # A check runs in a copy of this context, so that its processes belong to the task
            # group of this thread.
            llvm = pool.submit(copy_context().run, self._llvm)
            checks = [
                pool.submit(copy_context().run, _check, checker, requirement, manager)
                for requirement in self._needed()
            ]
            checked = [check.result() for check in checks]
            rest = [*self._machine(), *llvm.result(), *self._disks()]
        install = self.catalog.host.install.get(manager, "") if manager else ""
        return PreflightReport(
            requirements=(*rest, *checked), install=as_typed(install, root=self.host.root)
        )

    def _checker(self, folder: Path) -> LibraryChecker:
        """Return a checker for `folder`, with the compiler that configure will choose."""
        variables = build_variables(self.plan)
        environ = {**self.environ, **variables}
        return LibraryChecker(
            folder=folder,
            host=self.host,
            compiler=tuple(compiler_command(self.plan, None, environ.get("PATH"))),
            runner=with_environment(self.runner, environ),
            environ=environ,
        )

    def _needed(self) -> Iterator[HostRequirement]:
        """Yield the recipe's requirements that apply to the plan.

        They depend on its version, target and variant, and on the programs that its steps run. For
        a prebuilt interpreter, no step runs a program, and nothing is needed.
        """
        plan = self.plan
        version, programs = (
            Version(plan.version),
            {step.argv[0] for step in plan.steps if step.argv},
        )
        for requirement in self.catalog.host.need if programs else ():
            called = not requirement.steps or not programs.isdisjoint(requirement.steps)
            if called and requirement.when.holds(version, plan.target, plan.variant):
                yield requirement

    def _machine(self) -> Iterator[CheckedRequirement]:
        target = self.host.target
        if target.system == "windows":
            runner = with_environment(self.runner, self.environ)
            yield visual_studio.check(target, self.environ, runner)
            return
        if target.system == "linux":
            yield machine_checks.check_libc(self.plan.variant, self.host)
        yield from machine_checks.check_memory(self.plan.variant, self.is_memory_denied)
        yield machine_checks.check_store(self.store, is_noexec=self.is_noexec)

    def _llvm(self) -> list[CheckedRequirement]:
        if self.llvm is None:
            return []
        ok, detail, remedy = self.llvm.outlook()
        why = "compiles the JIT's stencils"
        return [CheckedRequirement(name=LLVM_NAME, ok=ok, detail=detail, why=why, remedy=remedy)]

    def _disks(self) -> list[CheckedRequirement]:
        profile = self.plan.variant.profile
        needed = self.catalog.host.space.get(profile, 0) if profile != "unknown" else 0
        return machine_checks.check_disks(self.store, profile, needed, self.free)


def _check(
    checker: LibraryChecker, requirement: HostRequirement, manager: PackageManager | None
) -> CheckedRequirement:
    if requirement.programs:
        ok, detail = checker.check_programs(requirement.programs)
    else:
        ok, detail = checker.check_library(requirement)
    return CheckedRequirement(
        name=requirement.name,
        ok=ok,
        required=requirement.required,
        detail=detail,
        why=requirement.why,
        modules=requirement.modules,
        packages=tuple(requirement.packages.get(manager, "").split()) if manager else (),
        remedy=requirement.remedy,
    )
