"""Check the machine before a build, and install missing requirements if that is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.system import process
from jitbuild.toolchain.install_command import run_install_command
from jitbuild.toolchain.preflight import Preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jitbuild.providers.provider import ProviderTask
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Host
    from jitbuild.toolchain.llvm import LLVMFinder


def check_machine(  # noqa: PLR0913
    task: ProviderTask,
    reporter: Reporter,
    *,
    host: Host,
    environ: Mapping[str, str],
    llvm: LLVMFinder | None,
    runner: Runner = process.run,
    install: Callable[..., None] = run_install_command,
) -> tuple[str, ...]:
    """Check the machine; return the names of missing headers that the task's options accept.

    `environ` is the clean environment of the build. `llvm` finds the LLVM; it is None if the build
    does not need an LLVM yet. If the options allow it, `install` is called with the command that
    installs missing requirements. Raises PreflightError or LLVMError if this machine still lacks a
    requirement, so that the build does not fail minutes later, in make.
    """
    options = task.options
    preflight = Preflight(
        plan=task.plan,
        host=host,
        catalog=task.catalog,
        store=task.store.root,
        llvm=llvm,
        environ=environ,
        runner=runner,
    )
    with reporter.stage(f"{task.plan.name}: preflight"):
        report = preflight.run()
    if options.install_deps and report.missing:
        # The lock prevents two builds from running the package manager at the same time.
        with task.store.lock("install-deps"):
            install(preflight.run().command, reporter=reporter)
            report = preflight.run()
    report.raise_for_missing(allow_missing=options.allow_missing)
    return tuple(requirement.name for requirement in report.missing)
