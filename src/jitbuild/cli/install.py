"""`jitbuild install`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.common import reporter, show_json
from jitbuild.errors import UsageError
from jitbuild.report import seconds
from jitbuild.request import parse

if TYPE_CHECKING:
    import argparse

    from jitbuild.report import Reporter
    from jitbuild.store import Interpreter


def install(options: argparse.Namespace) -> int:
    """Provide every requested interpreter, one after the other; prints their executables, or with --json all of them."""
    for spec in options.spec:
        parse(spec)  # a typo in the last one is said before the first is built
    if options.sha256 and len(options.spec) > 1:
        raise UsageError("--sha256 belongs to one release.", remedy="Install the releases one at a time.")
    say, provided = reporter(options), []
    for spec in options.spec:
        found = _provide(spec, options, say)
        provided.append(found)
        if not options.quiet:
            print(_summary(found), file=sys.stderr)
        if not options.json:
            print(found.executable, flush=True)
    if options.json:
        show_json([found.to_json() for found in provided])
    return 0


def _provide(spec: str, options: argparse.Namespace, say: Reporter) -> Interpreter:
    return api.ensure(
        spec,
        jit=options.jit,
        profile=options.profile,
        tail_call=options.tail_call,
        configure_args=options.configure_arg,
        patches=options.patch,
        mirror=options.mirror,
        sha256=options.sha256,
        recipes=options.recipes,
        llvm=options.llvm,
        jobs=options.jobs,
        upgrade=options.upgrade,
        reinstall=options.reinstall,
        install_deps=options.install_deps,
        allow_missing=options.allow_missing,
        reporter=say,
    )


def _summary(found: Interpreter) -> str:
    """One line on what was proven, and where the time went."""
    verdict = found.manifest["verdict"]
    proof = {
        "yes-off": "the JIT is in and runs machine code with PYTHON_JIT=1",
        "yes": "the JIT is in and runs machine code unless PYTHON_JIT=0",
        "interpreter": "micro-ops without machine code",
        "no": "no JIT, as asked for",
    }[verdict["jit"]["built"]]
    times = found.manifest.get("times", {})
    spent = ", ".join(f"{name} {seconds(value)}" for name, value in times.items() if name != "total")
    return f"{found.name}: {proof}." + (f" Built in {seconds(times['total'])} ({spent})." if times else "")
