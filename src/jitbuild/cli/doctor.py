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
from jitbuild.toolchain import requirements as preflight

if TYPE_CHECKING:
    import argparse

    from jitbuild.toolchain.requirements import Finding, Findings


def doctor(options: argparse.Namespace) -> int:
    """Print what a build needs and whether it is here; returns 1 when something is missing."""
    findings = preflight.Checkup(
        plan=make(options),
        host=targets.host(),
        catalog=catalog(options.recipes),
        llvm_mode=settings.value("llvm", options.llvm) or "auto",
        store=store().root,
        environ=clean_environment(os.environ),
    ).run()
    if options.json:
        print_json([as_json(finding) for finding in findings.all])
    else:
        print(as_text(findings))
    return 1 if findings.missing else 0


def as_text(findings: Findings) -> str:
    """The findings as a table, and the one command that installs what is missing."""
    width = max(len(finding.name) for finding in findings.all)
    lines = [
        f"{'ok  ' if finding.ok else 'MISS' if finding.required else 'miss'}  {finding.name:<{width}}  {finding.detail}"
        for finding in findings.all
    ]
    if findings.missing:
        # What the command does not install needs its own remedy, also beside the command.
        others = [
            finding
            for finding in findings.missing
            if finding.remedy and not (findings.install and finding.packages)
        ]
        lines += ["", *(f"{finding.name}: {finding.remedy}" for finding in others)]
    if findings.command:
        lines.append(f"Install what is missing: {findings.command}")
    if findings.full_command != findings.command:
        lines.append(f"With what is optional: {findings.full_command}")
    return "\n".join(lines)


def as_json(finding: Finding) -> dict[str, object]:
    """A finding as plain data."""
    return {
        "name": finding.name,
        "ok": finding.ok,
        "required": finding.required,
        "detail": finding.detail,
        "modules": list(finding.modules),
        "packages": list(finding.packages),
    }
