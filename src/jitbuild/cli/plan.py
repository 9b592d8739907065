"""`jitbuild plan`: show the steps of an installation."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_json,
    add_sources,
    add_spec,
    complete_with,
    requested_plan,
    stated_axes,
)
from jitbuild.cli.list_options import WordsAction
from jitbuild.cli.output import print_json
from jitbuild.cli.store_answers import note_on_plan
from jitbuild.errors import UsageError
from jitbuild.request import parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from jitbuild.planning.plan import Plan

_SHOWN_COLUMNS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild plan`."""
    parser.description = (
        "Show how install would build an interpreter, or download a prebuilt one (--prebuilt), for "
        "any platform, without network access. A note says if the store has an interpreter that "
        "install would use instead."
    )
    add_spec(parser, completer="requests_and_names", nargs="+", action=WordsAction)
    add_axes(parser)
    add_sources(parser, mirror=False)
    platform = parser.add_argument(
        "--platform",
        metavar="TARGET",
        help="x86_64-linux-gnu, aarch64-macos, x86_64-windows, ... (default: this machine)",
    )
    complete_with(platform, "platforms")
    add_json(parser, "the plan, or a list of several plans,")
    add_examples(
        parser,
        "jitbuild plan 3.15",
        "jitbuild plan 3.14,3.15",
        "jitbuild plan 3.15 --prebuilt --platform aarch64-macos",
        "jitbuild plan 3.15.2 --platform aarch64-macos --profile release --json",
    )


def run(options: argparse.Namespace) -> int:
    """Print the plan of each request as text or JSON."""
    if options.sha256 is not None and len(options.spec) > 1:
        raise UsageError(
            "--sha256 belongs to one release.", remedy="Plan the releases one at a time."
        )
    plans = [requested_plan(options, spec, platform=options.platform) for spec in options.spec]
    for spec, plan in zip(options.spec, plans, strict=True):
        for note in [] if options.quiet else _notes(spec, plan, options):
            print(note, file=sys.stderr)
    if options.json:
        data = [plan.to_json() for plan in plans]
        print_json(data[0] if len(data) == 1 else data)
    else:
        print("\n\n".join(map(as_text, plans)))
    return 0


def _notes(spec: str, plan: Plan, options: argparse.Namespace) -> Iterator[str]:
    if plan.variant.free_threaded and options.jit is None:
        yield f"{spec}: a free-threaded CPython has no JIT, so the plan uses --jit no."
    if plan.source.unpinned:
        catalog = api.catalog(options.recipes)
        error = catalog.unpinned_release(plan.version, plan.source.unpinned)
        yield str(error).replace("\n", " ")
    if not options.sha256 and (note := note_on_plan(parse(spec), stated_axes(options), plan)):
        yield note


def as_text(plan: Plan) -> str:
    """Return a plan as text: the source, the LLVM, and every step as a shell command."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    source = plan.to_json()["source"]
    digest = source["digest"] or "not known"
    yield f"{plan.name}  for {plan.target}"
    yield f"  key     {plan.key or 'not known: it depends on the sha256 of the source'}"
    if plan.prebuilt:
        yield f"  built   by {plan.prebuilt.builder} {plan.prebuilt.build}".rstrip()
    yield f"  source  {source['url']}"
    yield f"          {'' if source['kind'] in {'folder', 'git'} else 'sha256 '}{digest}"
    if plan.llvm:
        bundled = " (fetched by the build itself)" if plan.llvm.bundled else ""
        yield f"  llvm    {plan.llvm.major}: {', '.join(plan.llvm.tools)}{bundled}"
    for edit in plan.edits:
        yield f"  edit    {edit.file}: {_shortened(edit.find)} -> {_shortened(edit.replace)}"
    for step in plan.steps:
        yield f"  {step.name}"
        for name, value in step.env:
            yield f"      {name}={shlex.quote(value)}"
        if step.argv:
            yield f"      {shlex.join(step.argv)}"
    reasons = [plan.provider_reason] if plan.provider_reason else []
    yield from (f"  note: compiled (--provider auto). {reason}" for reason in reasons)
    yield from (f"  warning: {warning}" for warning in plan.warnings)


def _shortened(text: str) -> str:
    """Return the beginning of an edit's text, on one line; --json shows the whole text."""
    first, *rest = text.strip().splitlines() or [""]
    is_long = bool(rest) or len(first) > _SHOWN_COLUMNS
    return repr(f"{first[: _SHOWN_COLUMNS - 4]}..." if is_long else first)
