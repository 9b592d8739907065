"""`jitbuild run`: run a command with an interpreter of the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild.cli.arguments import add_axes, add_examples, add_spec, stated_axes
from jitbuild.cli.output import reporter_for
from jitbuild.errors import UsageError
from jitbuild.modes import MODES
from jitbuild.running.command import command_line
from jitbuild.running.environment import check_mode, command_environment
from jitbuild.running.lookup import find_interpreter
from jitbuild.system import process

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild run`."""
    parser.description = (
        "Run a command with an interpreter of the store. After --, a first word that begins with - "
        "or ends in .py is passed to the interpreter, `python` is the interpreter, and anything "
        "else is a program on PATH, where the interpreter's own folder comes first."
    )
    parser.usage = "jitbuild run SPEC [options] [-- COMMAND ...]"
    add_spec(parser)
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="off: PYTHON_JIT=0; on: PYTHON_JIT=1; stress (3.15+): also PYTHON_JIT_STRESS; "
        "default: remove the variables of the JIT (without --mode they stay as they are)",
    )
    add_axes(parser, lookup=True)
    add_examples(
        parser,
        "jitbuild run 3.15",
        "jitbuild run 3.15 --mode on -- -m pytest -x",
        "jitbuild run 3.15 --mode off -- script.py",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command: on POSIX it replaces this process, on Windows its exit code is returned."""
    needs_jit = options.mode in {"on", "stress"}
    interpreter = find_interpreter(
        options.spec,
        stated_axes(options),
        machine_code=needs_jit,
        reporter=lambda: reporter_for(options),
    )
    if options.mode is not None:
        check_mode(interpreter, options.mode)
    argv = command_line(interpreter, options.command or [])
    env = command_environment(interpreter, options.mode, os.environ)
    try:
        return process.replace_process(argv, env=env)
    except OSError as error:
        raise UsageError(
            f"{argv[0]} cannot be run: {error.strerror}.",
            remedy="After --, give a program on PATH, `python`, a .py file, or an option of "
            f"{interpreter.executable.name}.",
        ) from error
