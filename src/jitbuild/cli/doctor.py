"""`jitbuild doctor`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild import target as targets
from jitbuild.api import catalog, store
from jitbuild.building.runner import clean_environment
from jitbuild.cli.output import print_json
from jitbuild.cli.plan import make
from jitbuild.toolchain.llvm import LLVMFinder
from jitbuild.toolchain.preflight import Preflight

if TYPE_CHECKING:
    import argparse

    from jitbuild.toolchain.requirements import CheckedRequirement, PreflightReport


def doctor(options: argparse.Namespace) -> int:
    """Print the requirements of a build and whether they are met; return 1 if one is missing."""
    plan, host, recipes = make(options), targets.host(), catalog(options.recipes)
    environ, folder = clean_environment(os.environ), store().root
    finder = (
        None
        if plan.llvm is None
        else LLVMFinder(
            want=plan.llvm,
            mode=settings.value("llvm", options.llvm) or "auto",
            host=host,
            catalog=recipes,
            cache=folder,
            environ=environ,
        )
    )
    report = Preflight(
        plan=plan, host=host, catalog=recipes, store=folder, llvm=finder, environ=environ
    ).run()
    if options.json:
        print_json([as_json(requirement) for requirement in report.requirements])
    else:
        print(as_text(report))
    return 1 if report.missing else 0


def as_text(report: PreflightReport) -> str:
    """Return the report as a table, with the command that installs what is missing."""
    width = max(len(requirement.name) for requirement in report.requirements)
    lines = [
        f"{_mark(requirement)}  {requirement.name:<{width}}  {requirement.detail}"
        for requirement in report.requirements
    ]
    if report.missing:
        lines += ["", *(f"{name}: {remedy}" for name, remedy in report.remedies)]
    if report.command:
        lines.append(f"Install what is missing: {report.command}")
    if report.full_command != report.command:
        lines.append(f"Including what is optional: {report.full_command}")
    return "\n".join(lines)


def _mark(requirement: CheckedRequirement) -> str:
    if requirement.ok:
        return "ok  "
    return "MISS" if requirement.required else "miss"


def as_json(requirement: CheckedRequirement) -> dict[str, object]:
    """Return a requirement as plain data."""
    return {
        "name": requirement.name,
        "ok": requirement.ok,
        "required": requirement.required,
        "detail": requirement.detail,
        "modules": list(requirement.modules),
        "packages": list(requirement.packages),
    }
