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
from jitbuild.cli.arguments import (
    SPEC_HELP,
    add_axes,
    add_examples,
    add_json,
    add_list,
    add_packages,
    add_spec,
    add_timeout,
    complete_with,
    positive_integer,
    stated_axes,
)
from jitbuild.cli.bench_compare import compare
from jitbuild.cli.bench_shown import check_outputs, show
from jitbuild.cli.output import reporter_for
from jitbuild.errors import ProofError, UsageError
from jitbuild.probing import run_probe as probes
from jitbuild.running.environment import check_mode, command_environment
from jitbuild.running.lookup import find_interpreter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from jitbuild.bench.session import MeasurementSession
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild bench` and `jitbuild bench compare`."""
    parser.description = (
        "Measure programs with the JIT off and on, interleaved, on one interpreter of the store, "
        "and report the ratio off / on: above 1 the JIT is faster. The programs are the quick "
        "suite, pyperformance, --stmt, or a command after --, which is read as by `jitbuild run`. "
        "`bench compare` compares files of pyperf. docs/bench.md describes the method."
    )
    parser.usage = (
        "jitbuild bench SPEC [options] [-- COMMAND ...]\n"
        "       jitbuild bench compare FILE FILE ... [--json]"
    )
    add_spec(parser, help=f"{SPEC_HELP}; or the word compare")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="after compare: files of pyperf; each is compared with the first",
    )
    _add_subject(parser)
    _add_amount(parser)
    add_axes(parser)
    _add_outputs(parser)
    add_examples(
        parser,
        "jitbuild bench 3.15",
        "jitbuild bench 3.15 --suite pyperformance --benchmarks default,-nbody",
        "jitbuild bench 3.15 --stmt 'sum(range(1000))'",
        "jitbuild bench 3.15 --with numpy -- script.py",
        "jitbuild bench compare before.json after.json",
    )


def _add_subject(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--suite",
        choices=("quick", "pyperformance"),
        help="quick (default): 14 small programs; pyperformance: the official suite",
    )
    benchmarks = add_list(
        group,
        "--benchmarks",
        metavar="NAME",
        hyphens=r"-\w\w",
        help="only these of the suite; of pyperformance also groups, and -NAME to exclude one",
    )
    complete_with(benchmarks, "benchmark_names")
    group.add_argument(
        "--pytest-benchmark",
        action="store_true",
        help="each pytest-benchmark test of the pytest command after --; needs --with "
        "pytest-benchmark",
    )
    group.add_argument("--stmt", metavar="CODE", help="a statement, as for timeit")
    group.add_argument("--setup", metavar="CODE", help="code that runs once before --stmt")
    group.add_argument(
        "--aa",
        action="store_true",
        help="off against off: the noise of this machine, which later runs take into account",
    )
    add_packages(group, "measure")


def _add_amount(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is measured")
    group.add_argument(
        "--rounds",
        type=positive_integer,
        metavar="N",
        help="processes in each mode (default: 5; for --stmt and a command 10)",
    )
    group.add_argument(
        "--values",
        type=positive_integer,
        metavar="N",
        help="values per process (default: 12; for --stmt 20, a command 1, pyperformance 3)",
    )
    add_timeout(group, "end a process after S seconds (default: 600)")
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the same measurement after an interruption or a failure",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--inspect",
        action="store_true",
        help="show which functions got machine code, and which hot ones did not",
    )
    group.add_argument(
        "--output",
        metavar="DIR",
        help="write pyperf's off.json and on.json to DIR (default: in the store)",
    )
    group.add_argument(
        "--html",
        metavar="FILE",
        help="write a report with charts as one file",
    )
    group.add_argument("--svg", metavar="FILE", help="write the chart of ratios")
    add_json(group, "the report")


def run(options: argparse.Namespace) -> int:
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
) -> MeasurementSession:
    return session.MeasurementSession(
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
