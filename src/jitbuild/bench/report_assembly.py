"""Assemble the report of a finished measurement, and write its pyperf files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jitbuild.bench import (
    arm_witness,
    caveats,
    machine,
    noise_floors,
    pyperf_files,
    pyperformance,
    report_notes,
    session_results,
    time_to_decide,
    worker_facts,
)
from jitbuild.bench.arm_files import copy_arm_files, write_arm_files
from jitbuild.bench.inspection import Inspector
from jitbuild.bench.report import BenchReport, compare_samples, mean_of
from jitbuild.recipes.known_bugs import KnownBugs
from jitbuild.running import witness_verdict
from jitbuild.running.known_bugs import bugs_of_probed
from jitbuild.system.own_version import own_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.bench.arm_files import ArmFiles
    from jitbuild.bench.bench_request import BenchRequest
    from jitbuild.bench.preparation import PreparedBenchmarks
    from jitbuild.bench.report import JITInspection
    from jitbuild.bench.rounds import MeasurementOutcome
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.probing.verdict import Verdict
    from jitbuild.running.tally import ModeTally
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system import process


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedMeasurement:
    """Everything that `assemble_report` needs.

    `machine_warnings` are the warnings that were collected before the measurement began.
    `anew` is a note that there was nothing to resume, or "". `floors_folder` is the folder of the
    noise floors.
    """

    request: BenchRequest
    interpreter: Interpreter
    verdict: Verdict
    prepared: PreparedBenchmarks
    session: MeasurementSession
    outcome: MeasurementOutcome
    machine_warnings: tuple[str, ...]
    anew: str
    floors_folder: Path


def assemble_report(
    finished: FinishedMeasurement, recorder: process.Recorder, machine_root: Path
) -> BenchReport:
    """Write the pyperf files, inspect the benchmarks with `recorder`, and return the report.

    `machine_root` is the folder of the system's files, usually `/`.
    """
    request, outcome = finished.request, finished.outcome
    session = _without_excluded(finished.session, outcome.left_out)
    tallies = arm_witness.tallies_of_arms(session)
    arms, unwritten = _write_arms(finished, session, tallies)
    facts, inspections = _inspect(finished, session, recorder)
    tallies = arm_witness.with_tracers(tallies, facts)
    floors = noise_floors.read_floors(finished.floors_folder, session)
    rule = session.stopping.comparison
    rows = compare_samples(arms.base, arms.other, rule, floors=floors, inspections=inspections)
    mean = mean_of(rows, rule, floor=floors.get(noise_floors.MEAN, 0.0))
    seconds = time_to_decide.more_seconds(session, rows, mean)
    more = time_to_decide.command_to_decide(request, session, mean, seconds, outcome)
    if request.off_against_off and not outcome.interrupted:
        noise_floors.write_floors(finished.floors_folder, session, rows, mean)
    return BenchReport(
        comparison="again" if request.off_against_off else "modes",
        base=session.arms[0].name,
        other=session.arms[1].name,
        rows=rows,
        mean=mean,
        about=_about(finished, session, arms.period) | machine.describe_machine(machine_root),
        warnings=_warnings(finished, session, facts, inspections, tallies),
        notes=(
            *_notes(finished, session, arms, more),
            *report_notes.floor_notes(floors),
            *report_notes.undecided_notes(rows, mean, seconds, "" if outcome.interrupted else more),
        ),
        files={name: str(path) for name, path in arms.paths.items()},
        again=request.repeat_command(files=False),
        interrupted_by=outcome.interrupted_by,
        rule=rule,
        more_seconds=seconds or None,
        more=more,
        witness=tallies,
        unwritten=unwritten,
        known_bugs=_known_bugs(finished).bugs,
    )


def _write_arms(
    finished: FinishedMeasurement, session: MeasurementSession, tallies: Mapping[str, ModeTally]
) -> tuple[ArmFiles, OSError | None]:
    """Write the pyperf files into the store, and copy them to the requested folder, if any.

    If the copy fails, return the files in the store, and the error: the report must not be lost.
    """
    system = machine.describe_system().get("system", "")
    arms = write_arm_files(session, finished.interpreter, finished.verdict, tallies, system)
    folder = finished.request.output
    try:
        return (arms if folder is None else copy_arm_files(arms, folder)), None
    except OSError as error:
        return arms, error


def _notes(
    finished: FinishedMeasurement, session: MeasurementSession, arms: ArmFiles, more: str
) -> tuple[str, ...]:
    outcome = finished.outcome
    to_continue = more or finished.request.repeat_command(resume=True)
    return (
        *([finished.anew] if finished.anew else []),
        *report_notes.left_out_notes({**finished.prepared.left_out, **outcome.left_out}),
        *report_notes.sample_notes(arms),
        *report_notes.outcome_notes(session, outcome, to_continue),
    )


def _without_excluded(
    session: MeasurementSession, left_out: Mapping[str, str]
) -> MeasurementSession:
    runnable = (bench for bench in session.benchmarks if bench.name not in left_out)
    return replace(session, benchmarks=tuple(runnable))


def _inspect(
    finished: FinishedMeasurement, session: MeasurementSession, recorder: process.Recorder
) -> tuple[dict[str, Mapping[str, Any]], dict[str, JITInspection]]:
    """Return the facts about the JIT by benchmark, and the inspections by benchmark.

    Both are empty for off against off. They are also empty after an interruption, because the user
    then does not want to wait for more programs.
    """
    if finished.request.off_against_off or finished.outcome.interrupted:
        return {}, {}
    inspector = Inspector(session=session, recorder=recorder)
    facts = {
        **worker_facts.facts_of_arm(session, session.arms[1]),
        **inspector.command_facts(),
    }
    return facts, inspector.inspections(facts, profile=finished.request.profile_hot)


def _warnings(
    finished: FinishedMeasurement,
    session: MeasurementSession,
    facts: Mapping[str, Mapping[str, Any]],
    inspections: Mapping[str, JITInspection],
    tallies: Mapping[str, ModeTally],
) -> tuple[str, ...]:
    without_gain = benchmarks_without_gain(session, inspections)
    uncompiled = (
        *caveats.tracer_caveats(facts),
        *caveats.uncompiled_caveats(inspections, without_gain),
    )
    # If no process at all had machine code, the verdict says so, and names the tracers.
    nothing = witness_verdict.nothing_compiled([*tallies.values()])
    # Off against off has no gain that the build could distort.
    build = (
        ()
        if finished.request.off_against_off
        else caveats.build_caveats(finished.interpreter, debug=finished.verdict.debug)
    )
    return (
        *build,
        *_known_bugs(finished).warnings,
        *finished.machine_warnings,
        *(() if nothing else uncompiled),
        *witness_verdict.caveats([*tallies.values()], arm_witness.hiding_facts_of(session)),
    )


def _known_bugs(finished: FinishedMeasurement) -> KnownBugs:
    """Return the known JIT bugs of the interpreter; none for off against off, without the JIT."""
    if finished.request.off_against_off:
        return KnownBugs(version=finished.interpreter.version)
    return bugs_of_probed(finished.verdict)


def benchmarks_without_gain(
    session: MeasurementSession, inspections: Mapping[str, JITInspection]
) -> frozenset[str]:
    """Return the benchmarks that need no warning if the JIT compiled nothing in them.

    These are the benchmarks in which no gain is expected. If functions were compiled in any test of
    a pytest run, all tests of that run are returned, because later tests may use the functions that
    were compiled in earlier tests.
    """
    pytest = session.benchmarks[0].kind == "pytest"
    if pytest and any(inspection.compiled for inspection in inspections.values()):
        return frozenset(inspections)
    return frozenset(bench.name for bench in session.benchmarks if not bench.expects_gain)


def _about(finished: FinishedMeasurement, session: MeasurementSession, date: str) -> dict[str, str]:
    interpreter, first = finished.interpreter, session.benchmarks[0]
    return {
        "kind": first.kind,
        **({"date": date} if date else {}),
        "jitbuild": own_version(),
        "interpreter": interpreter.name,
        "version": interpreter.version,
        "executable": str(interpreter.executable),
        "profile": "debug" if finished.verdict.debug else interpreter.variant.profile,
        "provider": interpreter.provider_text,
        "jit": finished.verdict.built,
        "pyperf": pyperf_files.PYPERF_VERSION,
        **({pyperformance.NAME: first.version} if first.kind == "suite" else {}),
        "rounds": _rounds(session),
        "values": str(session.counts.values),
        **machine.describe_system(),
    }


def _rounds(session: MeasurementSession) -> str:
    """Return the number of rounds as text; `5-37` if the benchmarks have 5 to 37 rounds."""
    if not session.stopping.until_decided:
        return str(session.counts.rounds)
    counts = {
        len(paths) for paths in session_results.measured_files(session, session.arms[0]).values()
    }
    return "-".join(str(count) for count in sorted({min(counts), max(counts)}))
