"""`jitbuild install`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.arguments import stated_axes
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.system.formatting import format_duration

if TYPE_CHECKING:
    import argparse

    from jitbuild.provision import Outcome
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.manifest import CachesRecord


def install(options: argparse.Namespace) -> int:
    """Provide every requested interpreter in every variant asked for; prints their executables, or with --json all of them.

    The exit code is that of the first that failed.
    """
    say = reporter_for(options)
    outcomes = api.ensure_all(
        options.spec,
        [stated_axes(options)._replace(jit=jit) for jit in options.jit or [None]],
        keep_going=options.keep_going,
        mirror=options.mirror,
        sha256=options.sha256,
        recipes=options.recipes,
        llvm=options.llvm,
        jobs=options.jobs,
        ccache=options.ccache,
        caches=not options.no_caches,
        upgrade=options.upgrade,
        reinstall=options.reinstall,
        install_deps=options.install_deps,
        allow_missing=options.allow_missing,
        reporter=say,
    )
    provided = [outcome.interpreter for outcome in outcomes if outcome.interpreter]
    for found in provided:
        if not options.quiet:
            print(_summary(found), file=sys.stderr)
        if not options.json:
            print(found.executable, flush=True)
    if options.json:
        print_json([found.to_json() for found in provided])
    return _told(outcomes)


def _told(outcomes: list[Outcome]) -> int:
    """Say which failed, of several; the first error is raised, so that it ends the command as any other would."""
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return 0
    if len(outcomes) > 1:
        print(
            f"{len(failed)} of {len(outcomes)} failed: {', '.join(outcome.name for outcome in failed)}.",
            file=sys.stderr,
        )
    assert failed[0].error is not None
    raise failed[0].error


def _summary(found: Interpreter) -> str:
    """One line on what was proven, where the time went, and what the caches spared."""
    verdict = found.manifest.verdict
    proof = {
        "yes-off": "the JIT is in and runs machine code with PYTHON_JIT=1",
        "yes": "the JIT is in and runs machine code unless PYTHON_JIT=0",
        "interpreter": "micro-ops without machine code",
        "no": "no JIT, as asked for",
    }[verdict.jit.built if verdict.jit else found.variant.jit]
    times, caches = found.manifest.times or {}, found.manifest.caches or None
    spent = ", ".join(
        f"{name} {format_duration(value)}{_spared(name, caches)}"
        for name, value in times.items()
        if name != "total"
    )
    return f"{found.name}: {proof}." + (
        f" Built in {format_duration(times['total'])} ({spent})." if times else ""
    )


def _spared(step: str, caches: CachesRecord | None) -> str:
    """What a cache did for a step, in brackets."""
    if caches is None:
        return ""
    if step == "make" and (counts := caches.compiler):
        return f" [{counts.hits} of {counts.hits + counts.misses} files cached]"
    return " [cached]" if getattr(caches, step, None) == "hit" else ""
