"""`jitbuild bench`: how much the JIT gains on this machine, and whether the number can be trusted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild import modes, probes
from jitbuild.api import store
from jitbuild.bench import _programs, files, inspecting, plan, report, session, stats, surroundings
from jitbuild.cli.common import axes, interpreter, reporter, show_json
from jitbuild.cli.run import check_mode, command_environment, command_line
from jitbuild.diff import environments, words
from jitbuild.disk import guarded
from jitbuild.errors import MeasurementError, ProofError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.bench.plan import Benchmark, Counts
    from jitbuild.bench.report import Inspection, Report
    from jitbuild.bench.session import Session
    from jitbuild.store import Interpreter, Store
    from jitbuild.verdict import Verdict

_FOLDER = "measurements"
_TIMEOUT = 600.0
_WAITING = "Waiting for another measurement: at once they would spoil each other."
_DEFAULTS: dict[str, Counts] = {"quick": plan.QUICK, "stmt": plan.STMT, "command": plan.COMMAND}


def bench(options: argparse.Namespace) -> int:
    """Measure with the JIT off and on, or compare files, and print what came out; 130 when Ctrl-C cut it short."""
    _check_outputs(options)
    if options.spec == "compare":
        return _compare(options)
    if options.files:
        raise UsageError(
            f"Not understood: {' '.join(options.files)}.",
            remedy="A command stands after `--`: jitbuild bench SPEC -- COMMAND. Files are compared by: jitbuild bench compare",
        )
    return _measure(options)


def _measure(options: argparse.Namespace) -> int:
    benchmarks = _benchmarks(options)
    arms = plan.AA if options.aa else plan.AB
    found = interpreter(options.spec, axes(options), machine_code=not options.aa)
    for arm in arms:
        check_mode(found, arm.mode)
    say, kept = reporter(options), store()
    packages = [f"pyperf=={files.VERSION}", *options.with_]
    lists = [Path(file) for file in options.requirements]
    with environments.prepared(kept, found, packages, lists, reporter=say) as python:
        verdict = _proven(found, python, needed=not options.aa)
        under_test = found._replace(executable=python)
        job = session.Session(
            benchmarks=tuple(_located(each, under_test) for each in benchmarks),
            arms=arms,
            counts=_counts(options, benchmarks[0]),
            python=python,
            env=lambda arm: _environment(under_test, arm.mode, os.environ),
            folder=kept.cache(_FOLDER) / _digest(options, found, benchmarks, arms, packages, lists),
            timeout=options.timeout or _TIMEOUT,
        )
        with kept.lock(
            "measurements", on_wait=lambda: say.note("Waiting: another measurement runs, and both would spoil each other.")
        ):
            machine = tuple(surroundings.of_machine())
            if not options.resume:
                session.clear(job)
            outcome = session.run(job, reporter=say)
            result = _report(options, found, verdict, job, outcome, machine, kept)
    _show(result, options)
    return 0 if outcome.interrupted is None else 128 + outcome.interrupted


def _report(
    options: argparse.Namespace,
    found: Interpreter,
    verdict: Verdict,
    job: Session,
    outcome: session.Outcome,
    machine: tuple[str, ...],
    kept: Store,
) -> Report:
    suites = _suites(options, found, verdict, job)
    base, other = (files.samples(suite) for suite, _ in suites)
    # When somebody is in a hurry to end it, no further program is started.
    look = not options.aa and outcome.interrupted is None
    seen = _looked_into(job, session.seen(job, job.arms[1])) if look else {}
    inspections = _inspections(options, job, seen)
    bare = frozenset(each.name for each in job.benchmarks if not each.gains)
    floors = {} if options.aa else _floors(kept, job)
    found_rows = report.rows(base, other, paired=True, floors=floors, without_gain=bare, inspections=inspections)
    mean = report.mean_of(found_rows, paired=True, floor=floors.get("", 0.0))
    complete = outcome.interrupted is None
    if options.aa and complete:
        _keep_floors(kept, job, found_rows, mean)
    debug = verdict.debug
    return report.Report(
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
        notes=tuple(_notes(options, job, outcome, found_rows, floors)),
        files={arm.name: str(path) for arm, (_, path) in zip(job.arms, suites, strict=True)},
        again=_again(options),
        complete=complete,
    )


def _notes(
    options: argparse.Namespace, job: Session, outcome: session.Outcome, found: Sequence[report.Row], floors: Mapping[str, float]
) -> Iterator[str]:
    if outcome.resumed:
        yield f"{outcome.resumed} processes had been measured before, and were not measured again."
    if outcome.interrupted is not None:
        fewest = min(len(row.base.processes) for row in found)
        yield f"It was cut short: {len(found)} of {len(job.benchmarks)} programs, {fewest} of {job.counts.rounds} rounds at least."
        yield f"Go on with: {_again(options)} --resume"
    if not options.aa and floors:
        yield f"The noise floor that --aa measured here, {100 * floors.get('', 0.0):.1f}%, is taken into account."


def _suites(options: argparse.Namespace, found: Interpreter, verdict: Verdict, job: Session) -> list[tuple[Any, Path]]:
    """Each arm's pyperf suite, and the file that it was written to."""
    place = Path(options.output) if options.output else job.folder
    made = []
    for arm in job.arms:
        runs = [path for paths in session.measured(job, arm).values() for path in paths]
        suite = files.joined(runs, {**_metadata(found, verdict, arm), "jitbuild_session": session.identity(job)})
        assert suite is not None  # an interruption before anything was measured left as it came
        files.dump(suite, place / f"{arm.name}.json")
        made.append((suite, place / f"{arm.name}.json"))
    return made


def _metadata(found: Interpreter, verdict: Verdict, arm: plan.Arm) -> dict[str, Any]:
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


def _looked_into(job: Session, seen: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What the JIT made of each benchmark: as the workers saw it, and of commands as a run apart from what is measured shows it."""
    return {
        each.name: inspecting.watched(each, job.python, job.steps, _by_mode(job), timeout=job.timeout)
        if each.kind == "command"
        else seen.get(each.name, {})
        for each in job.benchmarks
    }


def _inspections(options: argparse.Namespace, job: Session, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Inspection]:
    found = {}
    for each in job.benchmarks:
        made = inspecting.compiled(facts.get(each.name, {}))
        if made is not None and options.inspect:
            made = inspecting.hot(each, made, job.python, job.steps, _by_mode(job), timeout=job.timeout)
        if made is not None:
            found[each.name] = made
    return found


def _by_mode(job: Session) -> Callable[[modes.Mode], Mapping[str, str]]:
    return lambda mode: job.env(plan.Arm(name=mode, mode=mode))


def _benchmarks(options: argparse.Namespace) -> tuple[Benchmark, ...]:
    command = tuple(options.command or ())
    if command and options.stmt:
        raise UsageError("--stmt and a command after `--` are both there.", remedy="Measure one at a time.")
    if options.stmt is None and options.setup is not None:
        raise UsageError("--setup stands without --stmt.", remedy="Say what is measured: --stmt CODE.")
    if options.benchmarks and (command or options.stmt):
        raise UsageError("--benchmarks chooses from the quick suite.", remedy="Leave it out, or measure the suite.")
    if options.command is not None and not command:
        raise UsageError("There is no command after `--`.", remedy="Say which: jitbuild bench 3.15 -- script.py")
    if command:
        option = words.ignored_environment(command)
        if option is not None:
            raise UsageError(f"Under {option} no mode reaches the program.", remedy=f"Leave {option} out.")
        return (plan.Benchmark(kind="command", name="command", words=command),)
    if options.stmt is not None:
        return (plan.Benchmark(kind="stmt", name="stmt", stmt=options.stmt, setup=options.setup or "pass"),)
    return tuple(
        plan.Benchmark(kind="quick", name=name, gains=_programs.PROGRAMS[name].gains) for name in _chosen(options.benchmarks or "")
    )


def _chosen(text: str) -> list[str]:
    """Names of the quick suite, all without any. Raises UsageError."""
    named = [word.strip() for word in text.split(",") if word.strip()]
    for word in named:
        if word not in _programs.PROGRAMS:
            names = ", ".join(_programs.PROGRAMS)
            raise UsageError(f"{word!r} is no program of the quick suite.", remedy=f"There are: {names}.")
    return list(dict.fromkeys(named)) or list(_programs.PROGRAMS)


def _located(benchmark: Benchmark, under_test: Interpreter) -> Benchmark:
    """A command with the interpreter, or the program on its PATH, in place of the first word. Raises UsageError."""
    if benchmark.kind != "command":
        return benchmark
    argv = command_line(under_test, benchmark.words)
    path = shutil.which(argv[0], path=command_environment(under_test, None, os.environ)["PATH"])
    if path is None:
        raise UsageError(
            f"{argv[0]} cannot be run: there is no such program.",
            remedy="After -- comes a program on PATH, `python`, a .py file, or a flag for the interpreter; "
            "--with PKG installs what the interpreter lacks.",
        )
    return replace(benchmark, words=(path, *argv[1:]))


def _counts(options: argparse.Namespace, benchmark: Benchmark) -> Counts:
    counts = _DEFAULTS[benchmark.kind]
    return replace(counts, rounds=options.rounds or counts.rounds, values=options.values or counts.values)


def _environment(under_test: Interpreter, mode: modes.Mode, environ: Mapping[str, str]) -> dict[str, str]:
    env = command_environment(under_test, mode, environ)
    # They would switch the JIT off, or have another program measured than was installed.
    return {name: value for name, value in env.items() if name not in {"PYTHONPERFSUPPORT", "PYTHONINSPECT"}}


def _proven(found: Interpreter, python: Path, *, needed: bool) -> Verdict:
    """What the probe sees in the very program that measures. Raises ProofError when its JIT does not run and is needed."""
    verdict = probes.probe(python, expect=found.variant.jit)
    if needed and not verdict.ok:
        raise ProofError(f"{python} does not run its JIT.", remedy=verdict.reason)
    return verdict


def _about(found: Interpreter, verdict: Verdict, job: Session) -> dict[str, str]:
    return {
        "kind": job.benchmarks[0].kind,
        "interpreter": found.name,
        "version": found.version,
        "executable": str(found.executable),
        "profile": found.variant.profile,
        "jit": verdict.built,
        "pyperf": files.VERSION,
        "rounds": str(job.counts.rounds),
        "values": str(job.counts.values),
        **surroundings.machine(),
    }


def _digest(
    options: argparse.Namespace,
    found: Interpreter,
    benchmarks: Sequence[Benchmark],
    arms: Sequence[plan.Arm],
    packages: Sequence[str],
    lists: Sequence[Path],
) -> str:
    """Names the folder of a measurement: whatever makes it another one is in it, so --resume finds its own and no other."""
    counts = _counts(options, benchmarks[0])
    what = [repr(benchmarks), repr(arms), repr(counts), list(packages), [file.read_text(encoding="utf-8") for file in lists]]
    return hashlib.sha256(json.dumps([found.instance, *what, str(Path.cwd())]).encode()).hexdigest()[:16]


def _floor_file(kept: Store, job: Session) -> Path:
    """Where the noise of this subject on this interpreter is kept; of as many processes and values."""
    what = json.dumps([repr(job.benchmarks), repr(job.counts), str(job.python)])
    return kept.cache(_FOLDER) / f"noise-{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"


def _floors(kept: Store, job: Session) -> dict[str, float]:
    try:
        found = json.loads(_floor_file(kept, job).read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _keep_floors(kept: Store, job: Session, found: Sequence[report.Row], mean: stats.Ratio) -> None:
    ratios = {"": mean, **{row.name: row.ratio for row in found}}
    floors = {name: stats.noise_floor(ratio) for name, ratio in ratios.items() if ratio.word != "not enough data"}
    path = _floor_file(kept, job)
    with guarded(path):
        path.write_text(json.dumps(floors), encoding="utf-8")


def _again(options: argparse.Namespace) -> str:
    """The line to type."""
    flags = [
        *["--aa"] * options.aa,
        *(["--benchmarks", options.benchmarks] if options.benchmarks else []),
        *(["--stmt", options.stmt] if options.stmt else []),
        *(["--setup", options.setup] if options.setup else []),
        *(["--rounds", str(options.rounds)] if options.rounds else []),
        *(["--values", str(options.values)] if options.values else []),
        *(word for package in options.with_ for word in ("--with", package)),
        *(word for file in options.requirements for word in ("--requirements", file)),
    ]
    return shlex.join(["jitbuild", "bench", options.spec, *flags, *(["--", *options.command] if options.command else [])])


def _compare(options: argparse.Namespace) -> int:
    """Compare pyperf files with the first of them."""
    if options.command is not None or options.stmt:
        raise UsageError("`bench compare` measures nothing.", remedy="Name files: jitbuild bench compare A.json B.json")
    if len(options.files) < 2:
        raise UsageError("`bench compare` takes two files or more.", remedy="Name them: jitbuild bench compare A.json B.json")
    if len(options.files) > 2 and (options.html or options.svg):
        raise UsageError("--html and --svg show one comparison.", remedy="Name two files, or leave them out.")
    paths = [Path(name) for name in options.files]
    suites = [files.load(path) for path in paths]
    names = _names(paths)
    found = [_compared(names[0], suites[0], name, suite) for name, suite in zip(names[1:], suites[1:], strict=True)]
    if options.json:
        data = [report.to_json(each) for each in found]
        show_json(data[0] if len(data) == 1 else data)
        return 0
    for each in found:
        _show(each, options)
    return 0


def _compared(base: str, one: Any, other: str, two: Any) -> Report:
    left, right = files.samples(one), files.samples(two)
    facts = (files.facts(one), files.facts(two))
    # The arms of one measurement of ours were measured side by side; of others nobody knows.
    beside = len({each.get("jitbuild_session", number) for number, each in enumerate(facts)}) == 1
    rows = report.rows(left, right, paired=beside, floors={})
    if not rows:
        raise MeasurementError(
            f"{base} and {other} have no benchmark in common: {', '.join([*left][:4])} and {', '.join([*right][:4])}.",
            remedy="Compare files of the same benchmarks.",
        )
    alone = sorted({*left} ^ {*right})
    notes = [f"Only in one of the files, and left out: {', '.join(alone)}."] if alone else []
    if not beside:
        notes.append("These were not measured side by side: what the machine did meanwhile is in the ratios.")
    about = {
        f"{name}_{key}": str(each[key]) for name, each in zip(("base", "other"), facts, strict=True) for key in _KEPT if key in each
    }
    return report.Report(
        comparison="files",
        base=base,
        other=other,
        rows=rows,
        mean=report.mean_of(rows, paired=beside),
        about=about,
        notes=tuple(notes),
    )


_KEPT = (
    "python_version",
    "python_executable",
    "jitbuild_mode",
    "jitbuild_interpreter",
    "jitbuild_profile",
    "cpu_model_name",
    "hostname",
)


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest names that tell the files apart."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]


def _check_outputs(options: argparse.Namespace) -> None:
    """Find out before anything is measured that what is asked for cannot be written."""
    for name in filter(None, (options.html, options.svg)):
        if not Path(name).absolute().parent.is_dir():
            raise UsageError(f"{name} cannot be written: its folder is not there.", remedy="Make the folder, or name another.")
    if options.html or options.svg:
        from jitbuild.bench import chart

        chart.check()


def _show(result: Report, options: argparse.Namespace) -> None:
    if options.svg or options.html:
        from jitbuild.bench import chart, page

        drawings = ((options.svg, chart.svg), (options.html, page.html))
        for target, draw in ((Path(name), draw) for name, draw in drawings if name):
            with guarded(target):
                target.write_text(draw(result), encoding="utf-8")
    if options.json:
        show_json(report.to_json(result))
        return
    from rich.console import Console

    from jitbuild.bench import text

    with contextlib.suppress(BrokenPipeError):
        text.show(result, Console(), inspect=options.inspect and result.comparison == "modes")
