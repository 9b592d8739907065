"""Find out which Pythons ran in each arm, and refuse to measure any but the interpreter.

A command is observed in its trial, which does not count: nothing of the witness runs while the
command is measured. The workers of all other benchmarks report facts about themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.bench import plan, scripts, session_results, worker_facts
from jitbuild.errors import MeasurementError
from jitbuild.running.escape_reasons import EscapingCommand, escape_reason, hiding_facts
from jitbuild.running.tally import ModeTally, tally
from jitbuild.running.witness_hook import WitnessHook
from jitbuild.running.witness_verdict import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jitbuild.bench.plan import Arm, Benchmark, BenchStep
    from jitbuild.bench.session import MeasurementSession
    from jitbuild.running.testimony import Testimony
    from jitbuild.system.process import Recorder

# pyperf starts a command with this script (pyperf/_command.py).
_PYPERF_SCRIPT = "_process_time.py"


def record_trial(session: MeasurementSession, step: BenchStep, recorder: Recorder) -> Recorder:
    """Return a recorder that also observes the processes of a command's trial.

    For all steps except the trials of commands, return `recorder` itself.
    """
    identity = session.identity
    if step.benchmark.kind != "command" or step.round > 0 or identity is None:
        return recorder

    def observe(argv: Any, /, *, env: Any, **options: Any) -> Any:
        folder = session.steps_folder / f"{step.name}.hook"
        with WitnessHook.temporary(folder) as hook:
            completed = recorder(argv, env=hook.environment(env), **options)
            counts = tally(step.arm.mode, [*_of_command(hook.collect())], identity)
            counts = msgspec.structs.replace(counts, left_out=hook.left_out)
        session.witness_file(step).write_bytes(msgspec.json.encode(counts))
        return completed

    return observe


def check_trials(session: MeasurementSession) -> None:
    """Raise MeasurementError if a command did not run the interpreter in the mode of each arm."""
    for benchmark in session.benchmarks:
        if benchmark.kind != "command":
            continue
        for step in plan.trial_steps((benchmark,), session.arms):
            counts = _read(session, step)
            refused = counts and refusal(
                counts, escape_reason(_command(session, step.arm, benchmark))
            )
            if refused:
                raise MeasurementError(refused.what, remedy=refused.remedy)


def hiding_facts_of(session: MeasurementSession) -> list[str]:
    """Return sentences about Pythons that commands seem to start, but that cannot be observed."""
    return [
        fact
        for benchmark in session.benchmarks
        if benchmark.kind == "command"
        for fact in hiding_facts(_command(session, session.arms[0], benchmark))
    ]


def tallies_of_arms(session: MeasurementSession) -> dict[str, ModeTally]:
    """Return the counts of the processes that were observed, by the name of the arm."""
    tallies = {}
    for arm in session.arms:
        commands = [bench for bench in session.benchmarks if bench.kind == "command"]
        if commands:
            (step,) = plan.trial_steps(commands, (arm,))
            counts = _read(session, step)
        else:
            counts = _tally_of_workers(session, arm)
        if counts is not None:
            tallies[arm.name] = counts
    return tallies


def with_tracers(
    tallies: Mapping[str, ModeTally], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, ModeTally]:
    """Return `tallies` with the tracers in the facts about the JIT added to the mode `on`.

    `facts` are those of the benchmarks with the JIT on. A command's facts are from the run that
    inspects it, in which a tracer is also seen if it was removed before the end.
    """
    found = {name for each in facts.values() for name in _tracers(each)}
    return {
        arm: msgspec.structs.replace(counts, tracers=tuple(sorted({*counts.tracers, *found})))
        if counts.mode == "on"
        else counts
        for arm, counts in tallies.items()
    }


def _of_command(testimonies: tuple[Testimony, ...]) -> Iterator[Testimony]:
    """Yield the testimonies without those of the processes that measure the command."""
    for testimony in testimonies:
        arguments = testimony.start.arguments[:3]
        paths = [Path(argument) for argument in arguments]
        measuring = any(
            path == scripts.WORKER or (path.name == _PYPERF_SCRIPT and path.parent.name == "pyperf")
            for path in paths
        )
        if not measuring:
            yield testimony


def _read(session: MeasurementSession, step: BenchStep) -> ModeTally | None:
    try:
        return msgspec.json.decode(session.witness_file(step).read_bytes(), type=ModeTally)
    except (OSError, msgspec.DecodeError):
        return None


def _command(session: MeasurementSession, arm: Arm, benchmark: Benchmark) -> EscapingCommand:
    env = session.env(arm, session.python)
    return EscapingCommand.on_path(benchmark.words, session.python, env.get("PATH", ""))


def _tally_of_workers(session: MeasurementSession, arm: Arm) -> ModeTally | None:
    """Count the workers that reported facts. Each worker is one process of the interpreter."""
    if session.identity is None:
        return None
    facts = [*_facts_of_workers(session, arm)]
    enabled = sum(bool(worker.get("enabled")) for worker in facts)
    return ModeTally(
        mode=arm.mode,
        version=session.identity.version,
        processes=len(facts),
        in_mode=len(facts) - enabled if arm.mode == "off" else enabled,
        enabled=enabled,
        compiled=sum(_has_compiled(worker) for worker in facts),
        unknown=0,
        tracers=tuple(sorted({name for worker in facts for name in _tracers(worker)})),
    )


def _facts_of_workers(session: MeasurementSession, arm: Arm) -> Iterator[Mapping[str, Any]]:
    steps = (
        *plan.trial_steps(session.benchmarks, (arm,)),
        *plan.measuring_steps(session.benchmarks, (arm,), session_results.last_round(session)),
    )
    for step in steps:
        if session.is_complete(step):
            result = session.result_file(step)
            yield from worker_facts.facts_by_worker(session, step, result).values()


def _tracers(facts: Mapping[str, Any]) -> list[str]:
    # sys.monitoring does not keep code out of the JIT.
    return [name for name in facts.get("tracers", ()) if "monitoring" not in name]


def _has_compiled(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get("functions")) or any((facts.get("tests") or {}).values())
