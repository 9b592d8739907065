"""`jitbuild bench`: how much the JIT gains on this machine, and whether the number can be trusted."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.bench import machine as surroundings
from jitbuild.bench import plan, session
from jitbuild.cli import bench_results, bench_subjects
from jitbuild.cli.arguments import stated_axes
from jitbuild.cli.bench_compare import compare
from jitbuild.cli.bench_shown import check_outputs, show
from jitbuild.cli.output import reporter_for
from jitbuild.errors import ProofError, UsageError
from jitbuild.probing import runner as probes
from jitbuild.running.environment import check_mode, command_environment
from jitbuild.running.lookup import find_interpreter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from jitbuild.bench.session import Session
    from jitbuild.cli.bench_subjects import Subject
    from jitbuild.modes import Mode
    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store

_TIMEOUT = 600.0
# They would switch the JIT off, have another program measured than was installed, or have pytest-benchmark take itself for a worker
# of pytest-xdist's, in which it measures nothing.
_SPOIL = frozenset(
    {"PYTHONPERFSUPPORT", "PYTHONINSPECT", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"}
)
_WAITING = "Waiting: another measurement runs, and both would spoil each other."


def bench(options: argparse.Namespace) -> int:
    """Measure with the JIT off and on, or compare files, and print what came out; 130 when Ctrl-C cut it short."""
    check_outputs(options)
    if options.spec == "compare":
        return compare(options)
    if options.files:
        raise UsageError(
            f"Not understood: {' '.join(options.files)}.",
            remedy="A command stands after `--`: jitbuild bench SPEC -- COMMAND. Files are compared by: jitbuild bench compare",
        )
    return _measure(options)


def _measure(options: argparse.Namespace) -> int:
    asked = bench_subjects.asked(options)
    arms = plan.AA if options.aa else plan.AB
    found = find_interpreter(options.spec, stated_axes(options), machine_code=not options.aa)
    for arm in arms:
        check_mode(found, arm.mode)
    say, kept = reporter_for(options), store()
    with bench_subjects.prepared(options, asked, found, kept, say) as subject:
        verdict = _proven(found, subject.python, needed=not options.aa)
        job = _job(options, found, subject, arms, kept)
        with kept.lock("measurements", on_wait=lambda: say.note(_WAITING)):
            machine = tuple(surroundings.of_machine())
            if not options.resume:
                session.clear(job)
            outcome = session.run(job, reporter=say)
            result = bench_results.report_of(
                options, found, verdict, subject, job, outcome, machine, kept
            )
    show(result, options)
    return 0 if outcome.interrupted is None else 128 + outcome.interrupted


def _job(
    options: argparse.Namespace,
    found: Interpreter,
    subject: Subject,
    arms: tuple[plan.Arm, ...],
    kept: Store,
) -> Session:
    return session.Session(
        benchmarks=subject.benchmarks,
        arms=arms,
        counts=bench_subjects.counts(options, subject.asked[0]),
        python=subject.python,
        env=lambda arm, python: _environment(found.with_executable(python), arm.mode, os.environ),
        folder=kept.cache(bench_results.FOLDER) / _digest(options, found, subject, arms),
        timeout=options.timeout or _TIMEOUT,
        diff=shlex.join(
            [
                "jitbuild",
                "diff",
                options.spec,
                *bench_results.environment(options),
                "--",
                *(options.command or []),
            ]
        ),
    )


def _environment(under_test: Interpreter, mode: Mode, environ: Mapping[str, str]) -> dict[str, str]:
    env = command_environment(under_test, mode, environ)
    return {name: value for name, value in env.items() if name not in _SPOIL}


def _proven(found: Interpreter, python: Path, *, needed: bool) -> Verdict:
    """What the probe sees in the very program that measures. Raises ProofError when its JIT does not run and is needed."""
    verdict = probes.probe(python, expect=found.variant.jit)
    if needed and not verdict.ok:
        raise ProofError(f"{python} does not run its JIT.", remedy=verdict.reason)
    return verdict


def _digest(
    options: argparse.Namespace, found: Interpreter, subject: Subject, arms: tuple[plan.Arm, ...]
) -> str:
    """Names the folder of a measurement: whatever makes it another one is in it, so --resume finds its own and no other."""
    counts = bench_subjects.counts(options, subject.asked[0])
    lists = [Path(file).read_text(encoding="utf-8") for file in options.requirements]
    what = [repr(subject.asked), repr(arms), repr(counts), list(subject.packages), lists]
    return hashlib.sha256(
        json.dumps([found.instance, *what, str(Path.cwd())]).encode()
    ).hexdigest()[:16]
