"""Perform a measurement, from the choice of the interpreter to the report."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.bench import machine, session_results
from jitbuild.bench.benchmark_choice import (
    requested_benchmarks,
    requested_counts,
    with_plain_command,
)
from jitbuild.bench.preparation import Preparation
from jitbuild.bench.report_assembly import FinishedMeasurement, assemble_report
from jitbuild.bench.request_check import check_request
from jitbuild.bench.rounds import RoundEffects, measure_rounds
from jitbuild.bench.session import MeasurementSession
from jitbuild.errors import ProofError
from jitbuild.probing.run_probe import probe
from jitbuild.running.environment import (
    PERF_VARIABLES,
    check_mode,
    check_requested_modes,
    command_environment,
)
from jitbuild.running.lookup import find_interpreter
from jitbuild.running.tally import InterpreterIdentity
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jitbuild.bench.bench_request import BenchRequest
    from jitbuild.bench.preparation import PreparedBenchmarks
    from jitbuild.bench.report import BenchReport
    from jitbuild.modes import Mode
    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

# The cache in the store that holds results and noise floors.
RESULTS_CACHE = "measurements"
_TIMEOUT_SECONDS = 600.0
_WAITING = "Waiting for another measurement: two at once would disturb each other."
# With PYTHONINSPECT, a process reads commands from stdin after its program has ended. With the
# variables of pytest-xdist, pytest-benchmark acts as in a worker of pytest-xdist, where it measures
# nothing.
_REMOVED_VARIABLES = frozenset(
    {*PERF_VARIABLES, "PYTHONINSPECT", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"}
)


class BenchEffects(NamedTuple):
    """The functions and files that a measurement needs from the system; tests replace them."""

    find: Callable[..., Interpreter] = find_interpreter
    probe: Callable[..., Verdict] = probe
    runner: process.Runner = process.run
    rounds: RoundEffects = RoundEffects()
    environ: Mapping[str, str] = os.environ
    machine_root: Path = Path("/")


_EFFECTS = BenchEffects()


def measure(
    request: BenchRequest, store: Store, reporter: Reporter, effects: BenchEffects = _EFFECTS
) -> BenchReport:
    """Measure what `request` names and return the report.

    Raises UsageError or VariantError if the request cannot be measured, and NotInstalledError if
    the store has no interpreter that fits the request. Raises BuildError if packages cannot be
    installed, ProofError if the JIT does not run, and MeasurementError if a benchmark fails.
    """
    check_request(request)
    requested = requested_benchmarks(request)
    interpreter = _interpreter(request, reporter, effects)
    benchmarks = tuple(with_plain_command(benchmark, interpreter) for benchmark in requested)
    preparation = Preparation(
        interpreter=interpreter,
        requirements=request.requirements,
        store=store,
        reporter=reporter,
        runner=effects.runner,
        environ=effects.environ,
    )
    with preparation.prepare(benchmarks) as prepared:
        verdict = _probe(request, interpreter, prepared, effects)
        session = replace(
            _session(request, interpreter, prepared, store, effects.environ),
            identity=InterpreterIdentity.of(verdict),
        )
        with store.lock(RESULTS_CACHE, on_wait=lambda: reporter.note(_WAITING)):
            warnings = tuple(machine.machine_warnings(effects.machine_root))
            if not request.resume:
                session_results.clear(session)
            anew = _anew(request, session)
            if anew:
                reporter.note(anew)
            finished = FinishedMeasurement(
                request=request,
                interpreter=interpreter,
                verdict=verdict,
                prepared=prepared,
                session=session,
                outcome=measure_rounds(session, reporter=reporter, effects=effects.rounds),
                machine_warnings=warnings,
                anew=anew,
                floors_folder=store.cache(RESULTS_CACHE),
            )
            return assemble_report(finished, effects.rounds.recorder, effects.machine_root)


def _anew(request: BenchRequest, session: MeasurementSession) -> str:
    """Return a note that there is nothing to resume; "" if there is, or nothing is to be resumed.

    An interval of a fixed number of rounds is valid only if the measurement looks at it once, so
    such a measurement is continued only up to the number with which it began.
    """
    if not request.resume or session_results.has_results(session):
        return ""
    same = "" if request.rounds is None else f" with {request.rounds} rounds"
    return (
        f"--resume found no results of the same measurement{same}, so the measurement begins anew."
    )


def _interpreter(request: BenchRequest, reporter: Reporter, effects: BenchEffects) -> Interpreter:
    """Return the requested interpreter. Raises VariantError if it would ignore one of the modes."""
    machine_code = not request.off_against_off
    check_requested_modes(request.spec, request.axes, [arm.mode for arm in request.arms])
    interpreter = effects.find(
        request.spec, request.axes, machine_code=machine_code, reporter=lambda: reporter
    )
    for arm in request.arms:
        check_mode(interpreter, arm.mode)
    return interpreter


def _probe(
    request: BenchRequest,
    interpreter: Interpreter,
    prepared: PreparedBenchmarks,
    effects: BenchEffects,
) -> Verdict:
    """Probe the interpreter that measures. Raises ProofError if a needed JIT does not run."""
    verdict = effects.probe(prepared.python, expect=interpreter.variant.jit)
    if not verdict.ok and not request.off_against_off:
        raise ProofError(f"The JIT of {prepared.python} does not run.", remedy=verdict.reason)
    return verdict


def _session(
    request: BenchRequest,
    interpreter: Interpreter,
    prepared: PreparedBenchmarks,
    store: Store,
    environ: Mapping[str, str],
) -> MeasurementSession:
    key = _key(request, interpreter, prepared)
    return MeasurementSession(
        benchmarks=prepared.benchmarks,
        arms=request.arms,
        counts=requested_counts(request, prepared.requested[0]),
        python=prepared.python,
        env=lambda arm, python: _environment(
            interpreter.with_executable(python), arm.mode, environ
        ),
        folder=store.cache(RESULTS_CACHE) / key,
        timeout=request.timeout or _TIMEOUT_SECONDS,
        diff_command=request.diff_command(),
        stopping=request.stopping_rule(prepared.requested[0].kind),
    )


def _key(request: BenchRequest, interpreter: Interpreter, prepared: PreparedBenchmarks) -> str:
    """Return the name of the folder of a measurement.

    The name depends on everything that distinguishes measurements, so --resume finds only results
    of the same measurement.
    """
    contents = [
        interpreter.instance,
        repr(prepared.requested),
        repr(request.arms),
        repr(requested_counts(request, prepared.requested[0])),
        # A measurement that continues until its results are decided can be resumed with another
        # limit or margin.
        "until decided" if request.rounds is None else "exact rounds",
        list(prepared.packages),
        [file.read_text(encoding="utf-8") for file in request.requirements.files],
        str(Path.cwd()),
    ]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16]


def _environment(
    interpreter: Interpreter, mode: Mode, environ: Mapping[str, str]
) -> dict[str, str]:
    env = command_environment(interpreter, mode, environ)
    return {name: value for name, value in env.items() if name not in _REMOVED_VARIABLES}
