"""`jitbuild run`: run a command with an interpreter of the store."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from jitbuild.api import store
from jitbuild.cli.arguments import (
    add_axes,
    add_examples,
    add_spec,
    stated_axes,
)
from jitbuild.cli.output import reporter_for
from jitbuild.cli.package_options import add_packages, stated_requirements, states_requirements
from jitbuild.errors import UsageError
from jitbuild.modes import JIT_MODES, MODES
from jitbuild.running.command import (
    PYTHON_NAME,
    check_options,
    command_line,
    option_without_jit,
)
from jitbuild.running.environment import (
    PERF_VARIABLES,
    check_mode,
    check_requested_modes,
    command_environment,
    program_folders,
)
from jitbuild.running.lookup import find_interpreter
from jitbuild.running.programs import (
    cannot_start,
    find_startable,
    is_python_script,
    other_python,
    script_command,
)
from jitbuild.system.list_text import split_list
from jitbuild.system.replacement import replace_process

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jitbuild.modes import Mode
    from jitbuild.store.interpreter import Interpreter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild run`."""
    parser.description = (
        "Run a command with an interpreter of the store. After --, a first word that begins with - "
        "or ends in .py is passed to the interpreter, `python` is the interpreter, and anything "
        "else is a program on PATH, where the interpreter's own folder comes first. The programs "
        "that the command starts also find the interpreter as `python`, `python3` and `pip`. With "
        "--mode, a program that runs another Python is refused."
    )
    parser.usage = "jitbuild run SPEC [options] [-- COMMAND ...]"
    add_spec(parser)
    parser.add_argument(
        "--mode",
        type=_mode,
        choices=MODES,
        help="off: PYTHON_JIT=0; on: PYTHON_JIT=1; stress (3.15+): also PYTHON_JIT_STRESS; "
        "default: remove the variables of the JIT (without --mode they stay as they are)",
    )
    add_packages(parser, "run")
    add_axes(parser, lookup=True)
    add_examples(
        parser,
        "jitbuild run 3.15",
        "jitbuild run 3.15 --mode on --with pytest -- -m pytest -x",
        "jitbuild run 3.15 --mode off -- script.py",
    )


def _mode(text: str) -> str:
    """Return the value of --mode; raise ArgumentTypeError if it is a list."""
    import argparse

    if len(split_list(text)) > 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one mode; `jitbuild diff` runs a command in several modes"
        )
    return text


def run(options: argparse.Namespace) -> int:
    """Run the command: on POSIX it replaces this process, on Windows its exit code is returned."""
    mode, command = options.mode, options.command or []
    if mode not in {None, "default"}:
        _check_mode_applies(mode, command)
    axes, needs_jit = stated_axes(options), mode in JIT_MODES
    if needs_jit:
        check_requested_modes(options.spec, axes, [mode])
    interpreter = find_interpreter(
        options.spec,
        axes,
        machine_code=needs_jit,
        reporter=lambda: reporter_for(options),
    )
    if mode is not None:
        check_mode(interpreter, mode)
    with _environment_of(options, interpreter) as environment:
        return _replace_process(environment, command, options)


@contextlib.contextmanager
def _environment_of(options: argparse.Namespace, interpreter: Interpreter) -> Iterator[Interpreter]:
    """Yield the interpreter of an environment with the stated packages, if there are any."""
    if not states_requirements(options):
        yield interpreter
        return
    from jitbuild.running import venvs
    from jitbuild.system.signals import raise_on_signals

    with contextlib.ExitStack() as stack:
        environment = venvs.share(
            store(), interpreter, stated_requirements(options), reporter=reporter_for(options)
        )
        with raise_on_signals():
            python = stack.enter_context(environment)
        yield interpreter.with_executable(python)


def _replace_process(
    interpreter: Interpreter, command: Sequence[str], options: argparse.Namespace
) -> int:
    """Run `command` with `interpreter` in place of this process, and return its exit code.

    Raises UsageError if the command cannot be started, or if the mode would not reach it.
    """
    mode: Mode | None = options.mode
    argv = command_line(interpreter, command)
    folders = program_folders(interpreter)
    env = command_environment(interpreter, mode, os.environ, folders=folders)
    program = find_startable(argv[0], folders, env)
    if sentence := other_python(program, interpreter, env):
        if mode is not None:
            addition = "" if states_requirements(options) else f", or add `--with {program.name}`"
            raise _other_python_error(argv[0], program, sentence, addition)
        reporter_for(options).note(f"note: {sentence}")
    if mode not in {None, "default"}:
        _check_first_line(program, mode)
    try:
        return replace_process(argv, env=env)
    except OSError as error:
        raise cannot_start(argv[0], str(error.strerror)) from error


def _check_mode_applies(mode: Mode, command: Sequence[str]) -> None:
    """Raise UsageError if an option or a variable makes the interpreter ignore `mode`."""
    check_options(command, f"--mode {mode} would have no effect", off=mode == "off")
    if mode == "off":
        return
    for name in PERF_VARIABLES:
        if os.environ.get(name, "0") not in {"", "0"}:
            raise UsageError(
                f"{name} is set. With it, the interpreter does not use the JIT, so --mode {mode} "
                "would have no effect.",
                remedy=f"Unset {name}.",
            )


def _other_python_error(word: str, program: Path, sentence: str, addition: str) -> UsageError:
    """Return the error for a `program` that runs another Python, which `sentence` states.

    `word` names the program on the command line. `addition` ends the remedy for a program that the
    interpreter may have as a module.
    """
    if PYTHON_NAME.fullmatch(program.name):
        remedy = "Use `python`, which stands for the interpreter."
    elif "/" in word and is_python_script(program):
        remedy = f"Use `python {word}`."
    else:
        remedy = f"Use `-m {program.name}`{addition}."
    return UsageError(f"{sentence} --mode would have no effect.", remedy=remedy)


def _check_first_line(program: Path, mode: Mode) -> None:
    """Raise UsageError if an option in the first line of the script `program` overrides `mode`."""
    option = option_without_jit(script_command(program))
    if option is not None and not (mode == "off" and option == "-X perf"):
        raise UsageError(
            f"The first line of {program} has the option {option}, so --mode would have no effect.",
            remedy=f"Use `python {program}`.",
        )
