"""What a measurement of `jitbuild bench` comes to: its files, its report, and the noise that it is held against."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.bench import inspection as inspecting
from jitbuild.bench import machine as surroundings
from jitbuild.bench import pyperf_files, report, session, stats
from jitbuild.bench import pyperformance as suite
from jitbuild.bench.plan import IN_TURN, Arm
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.bench.plan import Benchmark
    from jitbuild.bench.report import BenchReport, JITInspection
    from jitbuild.bench.session import MeasurementOutcome, MeasurementSession
    from jitbuild.cli.bench_subjects import Subject
    from jitbuild.modes import Mode
    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store

FOLDER = "measurements"


def report_of(
    options: argparse.Namespace,
    found: Interpreter,
    verdict: Verdict,
    subject: Subject,
    job: MeasurementSession,
    outcome: MeasurementOutcome,
    machine: tuple[str, ...],
    kept: Store,
) -> BenchReport:
    """All that a measurement has to say, with its pyperf files written."""
    job = replace(
        job, benchmarks=tuple(each for each in job.benchmarks if each.name not in outcome.left_out)
    )
    suites, astray = _suites(options, found, verdict, job)
    base, other = (pyperf_files.samples(made) for made, _ in suites)
    # When somebody is in a hurry to end it, no further program is started.
    look = not options.aa and outcome.interrupted is None
    seen = _looked_into(job, session.seen(job, job.arms[1])) if look else {}
    inspections = _inspections(options, job, seen)
    bare = _without_gain(job, inspections)
    floors = {} if options.aa else _floors(kept, job)
    found_rows = report.compare_samples(
        base, other, paired=True, floors=floors, inspections=inspections
    )
    mean = report.mean_of(found_rows, paired=True, floor=floors.get("", 0.0))
    complete = outcome.interrupted is None
    if options.aa and complete:
        _keep_floors(kept, job, found_rows, mean)
    debug = verdict.debug
    return report.BenchReport(
        comparison="again" if options.aa else "modes",
        base=job.arms[0].name,
        other=job.arms[1].name,
        rows=found_rows,
        mean=mean,
        about=_about(found, verdict, job),
        warnings=(
            *surroundings.of_build(found, debug=debug),
            *machine,
            *surroundings.of_tracers(seen),
            *surroundings.of_runs(inspections, bare),
        ),
        notes=(
            *_left_out({**subject.left_out, **outcome.left_out}),
            *_alone(suites),
            *_astray(astray),
            *_notes(options, job, outcome, floors),
        ),
        files={arm.name: str(path) for arm, (_, path) in zip(job.arms, suites, strict=True)},
        again=_again(options),
        complete=complete,
    )


def _without_gain(
    job: MeasurementSession, inspections: Mapping[str, JITInspection]
) -> frozenset[str]:
    """Where no machine code is no news: where none was to be expected, and in a test when one before it had it all compiled."""
    if job.benchmarks[0].kind == "pytest" and any(each.compiled for each in inspections.values()):
        return frozenset(inspections)
    return frozenset(each.name for each in job.benchmarks if not each.gains)


def _alone(suites: Sequence[tuple[Any, Path]]) -> Iterator[str]:
    """What was measured in one mode only, as a test that is skipped in the other is."""
    one, other = ({each.get_name() for each in made.get_benchmarks()} for made, _ in suites)
    if one ^ other:
        yield f"PytestTiming in one mode only, and left out: {', '.join(sorted(one ^ other))}."


def _astray(out: Mapping[str, int]) -> Iterator[str]:
    """What stats.astray left out: nobody is to wonder where a process is."""
    if out:
        each = ", ".join(f"{count} of {name}" for name, count in out.items())
        yield (
            f"Rounds that were left out, {each}, were far from all others, as when something else slows one of two processes down "
            "for as long as it lives."
        )


def _left_out(why: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name} was left out: {reason}." for name, reason in why.items())


def _notes(
    options: argparse.Namespace,
    job: MeasurementSession,
    outcome: MeasurementOutcome,
    floors: Mapping[str, float],
) -> Iterator[str]:
    if outcome.resumed:
        yield f"{outcome.resumed} processes had been measured before, and were not measured again."
    if outcome.interrupted is not None:
        measured = session.measured(job, job.arms[0])
        fewest = min(map(len, measured.values()))
        programs, rounds = len(job.benchmarks), job.counts.rounds
        yield f"It was cut short: {len(measured)} of {programs} programs, {fewest} of {rounds} rounds at least."
        yield f"Go on with: {_again(options, '--resume')}"
    if not options.aa and floors:
        yield f"The noise floor that --aa measured here, {100 * floors.get('', 0.0):.1f}%, is taken into account."


def _suites(
    options: argparse.Namespace, found: Interpreter, verdict: Verdict, job: MeasurementSession
) -> tuple[list[tuple[Any, Path]], dict[str, int]]:
    """Each arm's pyperf suite, and the file that it was written to; and of how many rounds' processes it is without, by name."""
    place = Path(options.output) if options.output else job.folder
    wholes = [_whole(found, verdict, job, arm) for arm in job.arms]
    base, other = map(pyperf_files.samples, wholes)
    # Where whole processes alternate, one may be far from the others by what this machine does all the time.
    names = base if job.benchmarks[0].kind in IN_TURN else ()
    astray = {
        name: out
        for name in names
        if name in other and (out := stats.outliers(base[name], other[name]))
    }
    made = [
        (pyperf_files.without_rounds(whole, astray), place / f"{arm.name}.json")
        for whole, arm in zip(wholes, job.arms, strict=True)
    ]
    for kept, path in made:
        pyperf_files.dump(kept, path)
    return made, {name: len(out) for name, out in astray.items()}


def _whole(found: Interpreter, verdict: Verdict, job: MeasurementSession, arm: Arm) -> Any:
    """All that was measured in an arm."""
    by_name = {each.name: _suite_metadata(each) for each in job.benchmarks}
    own = {
        path: by_name[name] for name, paths in session.measured(job, arm).items() for path in paths
    }
    whole = pyperf_files.join(
        own, {**_metadata(found, verdict, arm), "jitbuild_session": session.identity(job)}, own
    )
    assert whole is not None  # an interruption before anything was measured left as it came
    return whole


def _metadata(found: Interpreter, verdict: Verdict, arm: Arm) -> dict[str, Any]:
    """What pyperf's files say of the interpreter and the mode; it takes words and numbers, no truth values."""
    return {
        "jitbuild_arm": arm.name,
        "jitbuild_mode": arm.mode,
        "jitbuild_interpreter": found.name,
        "jitbuild_profile": found.variant.profile,
        "jitbuild_jit": verdict.built,
        "jitbuild_probe": "ok" if verdict.ok else verdict.reason,
        "jitbuild_machine_code_bytes": verdict.machine_code_bytes,
    }


def _suite_metadata(benchmark: Benchmark) -> dict[str, Any]:
    """What pyperformance says in its files, and wants to see when it compares them."""
    return (
        {"performance_version": benchmark.version, "tags": list(benchmark.tags)}
        if benchmark.kind == "suite"
        else {}
    )


def _looked_into(
    job: MeasurementSession, seen: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """What the JIT made of each benchmark: as the workers saw it, and of commands as a run apart from what is measured shows it."""
    apart = {
        each.name: inspecting.watched(
            each, job.python, job.steps, _by_mode(job, each), timeout=job.timeout
        )
        for each in job.benchmarks
        if each.kind == "command"
    }
    return {**seen, **apart}


def _inspections(
    options: argparse.Namespace, job: MeasurementSession, facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, JITInspection]:
    found = {}
    for each in (part for benchmark in job.benchmarks for part in session.parts(job, benchmark)):
        made = inspecting.compiled(facts.get(each.name, {}))
        if made is not None and options.inspect:
            made = inspecting.hot(
                each, made, job.python_of(each), job.steps, _by_mode(job, each), timeout=job.timeout
            )
        if made is not None:
            found[each.name] = made
    return found


def _by_mode(job: MeasurementSession, benchmark: Benchmark) -> Callable[[Mode], Mapping[str, str]]:
    return lambda mode: job.env(Arm(name=mode, mode=mode), job.python_of(benchmark))


def _about(found: Interpreter, verdict: Verdict, job: MeasurementSession) -> dict[str, str]:
    return {
        "kind": job.benchmarks[0].kind,
        "interpreter": found.name,
        "version": found.version,
        "executable": str(found.executable),
        "profile": found.variant.profile,
        "jit": verdict.built,
        "pyperf": pyperf_files.PYPERF_VERSION,
        **({suite.NAME: job.benchmarks[0].version} if job.benchmarks[0].kind == "suite" else {}),
        "rounds": str(job.counts.rounds),
        "values": str(job.counts.values),
        **surroundings.machine(),
    }


def _floor_file(kept: Store, job: MeasurementSession) -> Path:
    """Where the noise of this subject on this interpreter is kept; of as many processes and values."""
    what = json.dumps([repr(job.benchmarks), repr(job.counts), str(job.python)])
    return kept.cache(FOLDER) / f"noise-{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"


def _floors(kept: Store, job: MeasurementSession) -> dict[str, float]:
    try:
        found = json.loads(_floor_file(kept, job).read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _keep_floors(
    kept: Store, job: MeasurementSession, found: Sequence[report.BenchRow], mean: stats.Ratio
) -> None:
    ratios = {"": mean, **{row.name: row.ratio for row in found}}
    floors = {
        name: stats.noise_floor(ratio)
        for name, ratio in ratios.items()
        if ratio.result != "not enough data"
    }
    path = _floor_file(kept, job)
    with store_errors(path):
        path.write_text(json.dumps(floors), encoding="utf-8")


def environment(options: argparse.Namespace) -> list[str]:
    """The flags that say in which environment."""
    return [
        *(word for package in options.with_ for word in ("--with", package)),
        *(word for file in options.requirements for word in ("--requirements", file)),
    ]


def _again(options: argparse.Namespace, *more: str) -> str:
    """The line to type."""
    flags = [
        *more,
        *["--aa"] * options.aa,
        *(["--suite", options.suite] if options.suite else []),
        *["--pytest-benchmark"] * options.pytest_benchmark,
        *([f"--benchmarks={options.benchmarks}"] if options.benchmarks else []),
        *(["--stmt", options.stmt] if options.stmt else []),
        *(["--setup", options.setup] if options.setup else []),
        *(["--rounds", str(options.rounds)] if options.rounds else []),
        *(["--values", str(options.values)] if options.values else []),
        *environment(options),
    ]
    return shlex.join(
        [
            "jitbuild",
            "bench",
            options.spec,
            *flags,
            *(["--", *options.command] if options.command else []),
        ]
    )
