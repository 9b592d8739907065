"""Compare a command in several modes on one interpreter.

This module puts the steps in order: checks, environment, probe, runs, and comparison.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.diff.advice import Given
from jitbuild.diff.command_check import check_command, check_modes
from jitbuild.diff.compare_runs import baseline_of, compare_runs
from jitbuild.diff.diff_report import DiffReport, caveats
from jitbuild.diff.package_usage import package_usage, usage_notes
from jitbuild.diff.recorder_folder import RecorderFolder
from jitbuild.diff.repeat_command import repeat_command
from jitbuild.diff.run_modes import run_modes
from jitbuild.diff.run_once import DiffJob, RunEffects
from jitbuild.diff.run_witness import RunWitness
from jitbuild.diff.standard_input import copy_of_stdin
from jitbuild.errors import ProofError
from jitbuild.modes import JIT_MODES
from jitbuild.probing.run_probe import probe
from jitbuild.running import venvs
from jitbuild.running.command import command_line, plain_command, pytest_arguments_index
from jitbuild.running.dependency_groups import extra_names, group_names
from jitbuild.running.environment import (
    PERF_VARIABLES,
    check_mode,
    check_requested_modes,
    command_environment,
)
from jitbuild.running.escape_reasons import EscapingCommand
from jitbuild.running.known_bugs import bugs_of_probed
from jitbuild.running.lookup import find_interpreter
from jitbuild.running.programs import check_program
from jitbuild.running.tally import InterpreterIdentity
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jitbuild.diff.command_run import CommandRun
    from jitbuild.diff.diff_request import DiffRequest
    from jitbuild.diff.package_usage import ModeUsage
    from jitbuild.modes import Mode
    from jitbuild.probing.verdict import Verdict
    from jitbuild.running.tally import ModeTally
    from jitbuild.running.venvs import Requirements
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter


class DiffEffects(NamedTuple):
    """The effects of a comparison.

    `find` looks up the interpreter, `probe` probes it, `installer` runs virtualenv and pip, and
    `recorder` runs the compared command. `environ` is the environment of this process.
    """

    find: Callable[..., Interpreter] = find_interpreter
    probe: Callable[..., Verdict] = probe
    installer: process.Runner = process.run
    recorder: process.Recorder = process.record
    environ: Mapping[str, str] = os.environ


_EFFECTS = DiffEffects()


def compare_modes(
    request: DiffRequest, store: Store, reporter: Reporter, effects: DiffEffects = _EFFECTS
) -> DiffReport:
    """Run the command in every mode and return what differs.

    Raise UsageError when the command or the modes cannot be compared, NotInstalledError when the
    store has no such interpreter, and VariantError when the interpreter would ignore a mode. Raise
    BuildError when the requirements cannot be installed, and ProofError when a mode needs the JIT
    of the interpreter and the JIT does not run. Raise ComparisonError when no run did anything that
    could be compared, or when, in a mode, no process of the command was of the interpreter and in
    that mode.
    """
    check_command(request.command)
    check_modes(request.modes)
    check_requested_modes(request.spec, request.axes, request.modes)
    interpreter = effects.find(
        request.spec,
        request.axes,
        machine_code=not JIT_MODES.isdisjoint(request.modes),
        reporter=lambda: reporter,
    )
    for mode in request.modes:
        check_mode(interpreter, mode)
    with _environment_of(request, interpreter, store, reporter, effects) as environment:
        _check_program(request, environment, effects.environ)
        verdict = _probe(environment, request.modes, effects.probe)
        runs, tallies, usage, notes = _run(request, environment, verdict, store, reporter, effects)
    bugs = bugs_of_probed(verdict)
    return DiffReport(
        interpreter=interpreter.name,
        version=interpreter.version,
        executable=str(environment.executable),
        command=request.command,
        modes=request.modes,
        baseline=baseline_of(request.modes),
        repeats=request.repeats,
        proven=verdict.machine_code_bytes > 0,
        jit=_describe_jit(verdict),
        runs=tuple(runs),
        witness=tallies,
        findings=compare_runs(
            runs,
            request.modes,
            lambda mode, test: repeat_command(request, interpreter, mode, test),
        ),
        usage=usage,
        notes=(*notes, *bugs.warnings),
        known_bugs=bugs.bugs,
    )


def _check_program(
    request: DiffRequest, interpreter: Interpreter, environ: Mapping[str, str]
) -> None:
    program = command_line(interpreter, request.command)[0]
    check_program(program, interpreter, command_environment(interpreter, None, environ))


@contextlib.contextmanager
def _environment_of(
    request: DiffRequest,
    interpreter: Interpreter,
    store: Store,
    reporter: Reporter,
    effects: DiffEffects,
) -> Iterator[Interpreter]:
    """Yield the interpreter.

    If there are requirements, the executable of the yielded interpreter is that of a virtual
    environment that contains them.
    """
    if not request.requirements:
        yield interpreter
        return
    with venvs.prepare(
        store, interpreter, request.requirements, reporter=reporter, runner=effects.installer
    ) as python:
        yield interpreter.with_executable(python)


def _probe(
    interpreter: Interpreter, modes: Sequence[Mode], probe: Callable[..., Verdict]
) -> Verdict:
    """Return the verdict on the interpreter.

    Raise ProofError when a mode needs the JIT and the probe fails.
    """
    verdict = probe(interpreter.executable, expect=interpreter.variant.jit)
    if not verdict.ok and JIT_MODES & set(modes):
        raise ProofError(
            f"The JIT of {interpreter.executable} does not run.", remedy=verdict.reason
        )
    return verdict


def _describe_jit(verdict: Verdict) -> str:
    details = [
        check.detail for check in verdict.checks if check.name in {"machine-code", "executors"}
    ]
    return " ".join(details) or "It has no JIT."


def _run(
    request: DiffRequest,
    interpreter: Interpreter,
    verdict: Verdict,
    store: Store,
    reporter: Reporter,
    effects: DiffEffects,
) -> tuple[list[CommandRun], tuple[ModeTally, ...], tuple[ModeUsage, ...], tuple[str, ...]]:
    """Run the command in every mode.

    Return the runs, the counted processes and the compiled code of each mode, and the caveats about
    these.
    """
    prefix = "" if request.keep else f"diff-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-"
    # If the command leaves files that cannot be deleted, the report must not be lost.
    with tempfile.TemporaryDirectory(
        prefix="jitbuild-diff-", ignore_cleanup_errors=True
    ) as scratch:
        command = tuple(plain_command(interpreter, request.command))
        job = DiffJob(
            command=command,
            argv=lambda command: command_line(interpreter, command),
            env=lambda mode: _mode_environment(interpreter, mode, effects.environ),
            modes=request.modes,
            repeats=request.repeats,
            timeout=request.timeout,
            witness=_witness(request, interpreter, verdict, Path(scratch), effects.environ),
            tests=_recorder(request, command, Path(scratch)),
            stdin=copy_of_stdin(Path(scratch), reporter),
            given=lambda: given_by_user(request.requirements),
            scratch=Path(scratch),
            logs=request.keep or store.logs,
            prefix=prefix,
            keep_all=request.keep is not None,
            live=request.live,
        )
        runs = run_modes(job, reporter=reporter, effects=RunEffects(effects.recorder))
        tallies = job.witness.tallies(runs)
        usage = package_usage(runs, request.modes)
        notes = (
            *caveats(runs, request.repeats),
            *usage_notes(usage, request.modes, pytest=job.runs_pytest),
            *job.witness.caveats(tallies),
        )
        return runs, tallies, usage, notes


def given_by_user(requirements: Requirements) -> Given:
    """Return what the user stated, with the names that the project in the current folder offers."""
    files = [*Path().glob("*"), *Path("src").glob("*")]
    modules = frozenset(file.stem for file in files if file.suffix == ".py" or file.is_dir())
    in_project = any(Path(name).is_file() for name in ("pyproject.toml", "setup.py"))
    return Given(requirements, tuple(group_names()), tuple(extra_names()), modules, in_project)


def _recorder(request: DiffRequest, command: Sequence[str], scratch: Path) -> RecorderFolder | None:
    """Return a recorder of tests if `command` runs pytest."""
    if pytest_arguments_index(command) is None:
        return None
    return RecorderFolder.install(scratch / "recorder", request.packages)


def _witness(
    request: DiffRequest,
    interpreter: Interpreter,
    verdict: Verdict,
    scratch: Path,
    environ: Mapping[str, str],
) -> RunWitness:
    command = EscapingCommand.on_path(
        command_line(interpreter, request.command),
        interpreter.executable,
        command_environment(interpreter, None, environ)["PATH"],
    )
    return RunWitness.install(InterpreterIdentity.of(verdict), command, request.modes, scratch)


def _mode_environment(
    interpreter: Interpreter, mode: Mode, environ: Mapping[str, str]
) -> dict[str, str]:
    env = command_environment(interpreter, mode, environ)
    env = {name: value for name, value in env.items() if name not in PERF_VARIABLES}
    return {**env, "PYTHONFAULTHANDLER": "1"}
