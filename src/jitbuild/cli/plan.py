"""`jitbuild plan`: what install would do."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from jitbuild.planning.plan import Plan


def plan(options: argparse.Namespace) -> int:
    """Print the plan, as text or JSON."""
    made = make(options, platform=options.platform)
    if made.variant.free_threaded and options.jit is None and not options.quiet:
        print(
            f"{options.spec}: a free-threaded CPython has no JIT, so this is a plan with --jit no.",
            file=sys.stderr,
        )
    if options.json:
        print_json(made.to_json())
    else:
        print(as_text(made))
    return 0


def make(options: argparse.Namespace, *, platform: str | None = None) -> Plan:
    """The plan that the command line asks for."""
    return api.plan(
        options.spec,
        platform=platform,
        jit=options.jit,
        profile=options.profile,
        tail_call=options.tail_call,
        configure_args=options.configure_arg,
        includes=options.include,
        patches=options.patch,
        sha256=options.sha256,
        recipes=options.recipes,
    )


def as_text(made: Plan) -> str:
    """A plan for people: what is built from what, and every step as a line for a shell."""
    facts = made.to_json()
    lines = [
        f"{made.name}  for {made.target}",
        f"  key     {made.key}",
        f"  source  {facts['source']['url']}",
    ]
    lines.append(
        f"          {'sha256 ' if facts['source']['sha256'] else ''}{facts['source']['digest']}"
    )
    if made.llvm:
        own = " (fetched by the build itself)" if made.llvm.bundled else ""
        lines.append(f"  llvm    {made.llvm.major}: {', '.join(made.llvm.tools)}{own}")
    lines += [
        f"  edit    {edit.file}: {_short(edit.find)} -> {_short(edit.replace)}"
        for edit in made.edits
    ]
    for step in made.steps:
        lines.append(f"  {step.name}")
        lines += [f"      {name}={shlex.quote(value)}" for name, value in step.env]
        lines.append(f"      {shlex.join(step.argv)}")
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in made.warnings)])


def _short(text: str) -> str:
    """A text of an edit on part of a line; `--json` has it whole."""
    first, *rest = text.strip().splitlines() or [""]
    return repr(f"{first[:56]}..." if rest or len(first) > 60 else first)
