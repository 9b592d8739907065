"""`jitbuild diff`: one command in several modes on one interpreter, and what differs."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
import time
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jitbuild.api import store
from jitbuild.cli.arguments import stated_axes
from jitbuild.cli.output import print_json, reporter_for
from jitbuild.diff import render as text
from jitbuild.diff import runner
from jitbuild.diff.compare import baseline_of, compare
from jitbuild.diff.report import Report, notes
from jitbuild.errors import ProofError, UsageError
from jitbuild.modes import MODES, Mode
from jitbuild.probing import runner as probes
from jitbuild.request import Axes
from jitbuild.running import command as words
from jitbuild.running import venvs
from jitbuild.running.command import command_line
from jitbuild.running.environment import check_mode, command_environment
from jitbuild.running.lookup import find_interpreter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from jitbuild.diff.runs import Run
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Reporter

_DEFAULT = "off,on"
_LONGEST_SHEBANG = 256


def diff(options: argparse.Namespace) -> int:
    """Print what differs between the modes; returns 1 when something does."""
    command = tuple(options.command or ())
    _check_command(command)
    modes = _modes(options.modes or _DEFAULT)
    found = find_interpreter(options.spec, stated_axes(options))
    for mode in modes:
        check_mode(found, mode)
    say = reporter_for(options)
    with _python(options, found, say) as python:
        report = _compared(options, command, modes, found.with_executable(python), say)
    if options.json:
        print_json(report.to_json())
    else:
        print(text.as_text(report))
    _summarize(report, say, os.environ)
    return 1 if report.different else 0


def _compared(
    options: argparse.Namespace,
    command: tuple[str, ...],
    modes: tuple[Mode, ...],
    found: Interpreter,
    say: Reporter,
) -> Report:
    """Run everything on `found`, whose executable may be that of an environment, and compare."""
    _check_program(
        command_line(found, command)[0], found, command_environment(found, None, os.environ)
    )
    jit, proven = _jit(found, modes)
    with tempfile.TemporaryDirectory(prefix="jitbuild-diff-") as scratch:
        job = runner.Job(
            command=command,
            argv=lambda typed: command_line(found, typed),
            env=lambda mode: _environment(found, mode, os.environ),
            modes=modes,
            repeats=options.repeat,
            timeout=options.timeout,
            scratch=Path(scratch),
            logs=Path(options.keep) if options.keep else store().logs,
            prefix="" if options.keep else f"diff-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-",
            keep_all=bool(options.keep),
            live=options.verbose,
        )
        runs = tuple(runner.run_all(job, reporter=say))
    return _report(options, command, modes, found, runs, jit=jit, proven=proven)


def _report(
    options: argparse.Namespace,
    command: tuple[str, ...],
    modes: tuple[Mode, ...],
    found: Interpreter,
    runs: tuple[Run, ...],
    *,
    jit: str,
    proven: bool,
) -> Report:
    return Report(
        interpreter=found.name,
        version=found.version,
        executable=str(found.executable),
        command=command,
        modes=modes,
        baseline=baseline_of(modes),
        repeats=options.repeat,
        proven=proven,
        jit=jit,
        runs=runs,
        findings=compare(
            runs, modes, lambda mode, test: _repeat(options, found, command, mode, test)
        ),
        notes=notes(runs, options.repeat),
    )


def _check_command(command: Sequence[str]) -> None:
    if not command:
        raise UsageError(
            "There is no command to compare.",
            remedy="It stands after `--`: jitbuild diff 3.15 -- -m pytest",
        )
    option = words.option_without_jit(command)
    if option is not None:
        what = "runs no JIT" if option == "-X perf" else "ignores PYTHON_JIT"
        raise UsageError(
            f"Under {option} the interpreter {what}: every mode would be the same.",
            remedy=f"Leave {option} out.",
        )


def _modes(text_: str) -> tuple[Mode, ...]:
    """The modes of `off,on,stress`. Raises UsageError."""
    named = [word.strip() for word in text_.split(",") if word.strip()]
    for word in named:
        if word not in MODES:
            near = get_close_matches(word, MODES, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"{word!r} is not a mode.", remedy=f"{hint}There are: {', '.join(MODES)}."
            )
    if len(named) < 2 or len(set(named)) < len(named):
        raise UsageError(
            f"--modes {text_} does not name two modes or more, each once.",
            remedy="Use --modes off,on,stress.",
        )
    return cast("tuple[Mode, ...]", tuple(named))


@contextlib.contextmanager
def _python(options: argparse.Namespace, found: Interpreter, say: Reporter) -> Iterator[Path]:
    """The interpreter's own program, or that of an environment with what was asked for."""
    if not options.with_ and not options.requirements:
        yield found.executable
        return
    files = [Path(file) for file in options.requirements]
    with venvs.prepare(
        store(), found, venvs.Requirements(options.with_, files), reporter=say
    ) as python:
        yield python


def _environment(found: Interpreter, mode: Mode, environ: Mapping[str, str]) -> dict[str, str]:
    env = command_environment(found, mode, environ)
    # It would switch the JIT off.
    env.pop("PYTHONPERFSUPPORT", None)
    return {**env, "PYTHONFAULTHANDLER": "1"}


def _check_program(program: str, found: Interpreter, env: Mapping[str, str]) -> None:
    """Refuse what cannot be started, and a script of another Python: that would run in each mode, and never with this JIT."""
    path = shutil.which(program, path=env["PATH"])
    if path is None:
        raise runner.cannot_run(program, "there is no such program")
    other = _other_python(Path(path), found)
    if other is not None:
        name = Path(program).name
        raise UsageError(
            f"{path} is a script of another Python, {other}.",
            remedy=f"Add `--with {name}` for an environment of {found.name} that has it, or use `-m {name}`.",
        )


def _other_python(script: Path, found: Interpreter) -> str | None:
    """The Python that a script's first line names, when that is not in the folder of ours."""
    try:
        with script.open("rb") as file:
            first = file.readline(_LONGEST_SHEBANG).decode("utf-8", "replace")
    except OSError:
        return None
    named = first.removeprefix("#!").split()
    if (
        not first.startswith("#!")
        or not named
        or not Path(named[0]).name.startswith(("python", "pypy"))
    ):
        return None
    same = Path(named[0]).parent == found.executable.parent or _same_file(
        Path(named[0]), found.executable
    )
    return None if same else named[0]


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _jit(found: Interpreter, modes: Sequence[Mode]) -> tuple[str, bool]:
    """What the probe sees of the JIT in the program that will run, and whether it is machine code.

    Raises ProofError when a mode needs the JIT and the interpreter does not show it.
    """
    verdict = probes.probe(found.executable, expect=found.variant.jit)
    if not verdict.ok and {"on", "stress"} & set(modes):
        raise ProofError(f"{found.executable} does not run its JIT.", remedy=verdict.reason)
    seen = [check.detail for check in verdict.checks if check.name in {"machine-code", "executors"}]
    return " ".join(seen) or "It has no JIT.", verdict.machine_code_bytes > 0


def _repeat(
    options: argparse.Namespace,
    found: Interpreter,
    command: Sequence[str],
    mode: Mode,
    test: str | None,
) -> str:
    """The line to type to run the command, or one test of it, in `mode` again."""
    begin = words.pytest_arguments_index(command)
    again = list(command)
    if test is not None and begin is not None and Path(test.partition("::")[0]).is_file():
        again = words.with_only_test(command, begin, test, exists=lambda path: Path(path).exists())
    if options.with_ or options.requirements:
        again = command_line(found, again)
        again[0] = (
            shutil.which(again[0], path=command_environment(found, None, os.environ)["PATH"])
            or again[0]
        )
    # With axes the words alone may fit another one.
    spec = options.spec if stated_axes(options) == Axes() else found.name
    return shlex.join(["jitbuild", "run", spec, "--mode", mode, "--", *again])


def _summarize(report: Report, say: Reporter, environ: Mapping[str, str]) -> None:
    """Append the report to GitHub's summary of the step, where there is one."""
    place = environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{text.as_markdown(report)}\n")
    except OSError as error:
        say.warn(f"The step summary {place} cannot be written: {error.strerror}.")
