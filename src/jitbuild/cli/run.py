"""`jitbuild run`: become a command under an interpreter of the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild import modes
from jitbuild.cli import brief
from jitbuild.cli.common import axes, interpreter
from jitbuild.errors import UsageError
from jitbuild.system import process

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from jitbuild.modes import Mode
    from jitbuild.store.store import Interpreter


def run(options: argparse.Namespace) -> int:
    """Replace this process by the command (POSIX), or run it and pass on its exit code (Windows)."""
    found = interpreter(options.spec, axes(options), machine_code=options.mode in {"on", "stress"})
    if options.mode is not None:
        check_mode(found, options.mode)
    argv = command_line(found, options.command or [])
    env = command_environment(found, options.mode, os.environ)
    try:
        return process.replace(argv, env=env)
    except OSError as error:
        raise UsageError(
            f"{argv[0]} cannot be run: {error.strerror}.",
            remedy=f"After -- comes a program on PATH, `python`, a .py file, or a flag for {found.executable.name}.",
        ) from error


def command_line(found: Interpreter, command: Sequence[str]) -> list[str]:
    """The words to run, as `brief.command_line` reads `command`."""
    return brief.command_line(str(found.executable), command)


def command_environment(
    found: Interpreter, mode: Mode | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """`environ` with the interpreter's own programs first on PATH, in `mode` (None: with the JIT's variables as they are)."""
    env = brief.command_environment(str(found.executable), environ)
    return env if mode is None else modes.environment(mode, env)


def check_mode(found: Interpreter, mode: Mode) -> None:
    """Refuse a mode that this interpreter would silently ignore. Raises VariantError."""
    major, minor = found.version.split(".")[:2]
    remedy = f"Build one that has: jitbuild install {major}.{minor} --jit yes-off"
    modes.check(
        mode,
        found.name,
        jit=found.variant.jit != "no",
        series=(int(major), int(minor)),
        remedy=remedy,
    )
