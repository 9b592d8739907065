"""`jitbuild doctor`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild import target as targets
from jitbuild.api import catalog, store
from jitbuild.building.build_environment import clean_environment
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_llvm,
    add_sources,
    add_spec,
    requested_plan,
)
from jitbuild.cli.output import print_json
from jitbuild.system.table import print_table
from jitbuild.toolchain.llvm import LLVMFinder
from jitbuild.toolchain.preflight import Preflight

if TYPE_CHECKING:
    import argparse

    from jitbuild.toolchain.requirements import CheckedRequirement, PreflightReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild doctor`."""
    add_spec(
        parser,
        completer="requests_and_names",
        nargs="?",
        default="3.15",
        help="the Python to build (default: 3.15)",
    )
    add_axes(parser)
    add_sources(parser, mirror=False)
    add_llvm(parser)
    add_json(parser, "the requirements")
    add_examples(parser, "jitbuild doctor", "jitbuild doctor 3.13.15 --profile release")


def run(options: argparse.Namespace) -> int:
    """Print the requirements of a build, and mark those that are missing.

    Return 1 if a required one is missing.
    """
    report = _check(options)
    if options.json:
        print_json([as_json(requirement) for requirement in report.requirements])
    else:
        print_table([_row(requirement) for requirement in report.requirements])
        for line in advice(report):
            print(line)
    return 1 if report.missing else 0


def _check(options: argparse.Namespace) -> PreflightReport:
    plan = requested_plan(options, options.spec)
    host, recipes = targets.host(), catalog(options.recipes)
    folder = store().root
    environ = clean_environment(os.environ, home=folder)
    finder = None
    if plan.llvm is not None:
        finder = LLVMFinder(
            want=plan.llvm,
            mode=settings.value("llvm", options.llvm) or "auto",
            host=host,
            catalog=recipes,
            cache=folder,
            environ=environ,
        )
    preflight = Preflight(
        plan=plan, host=host, catalog=recipes, store=folder, llvm=finder, environ=environ
    )
    return preflight.run()


def _row(requirement: CheckedRequirement) -> tuple[str, str, str]:
    mark = "ok" if requirement.ok else "MISS" if requirement.required else "miss"
    return mark, requirement.name, requirement.detail


def advice(report: PreflightReport) -> list[str]:
    """Return lines that explain how to install what is missing.

    The lines include the command of the package manager that installs it, if there is one.
    """
    lines = []
    if report.missing:
        lines += ["", *(f"{name}: {remedy}" for name, remedy in report.remedies)]
    if report.command:
        lines.append(f"Install what is missing: {report.command}")
    if report.full_command != report.command:
        lines.append(f"Including what is optional: {report.full_command}")
    return lines


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
