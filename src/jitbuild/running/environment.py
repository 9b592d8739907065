"""Prepare the environment in which a command runs with an interpreter of the store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild import modes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.modes import Mode
    from jitbuild.store.interpreter import Interpreter


def command_environment(
    interpreter: Interpreter, mode: Mode | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return `environ` with the interpreter's folder first on PATH and the variables of `mode`.

    PYTHONHOME is removed, since it would select another standard library. If `mode` is None, the
    variables of the JIT stay as they are.
    """
    folder = interpreter.executable.parent
    # On Windows, the programs of packages are in the folder Scripts beside python.exe.
    first = [str(folder)] if os.name == "posix" else [str(folder), str(folder / "Scripts")]
    env = {**environ, "PATH": os.pathsep.join([*first, environ.get("PATH", os.defpath)])}
    env.pop("PYTHONHOME", None)
    return env if mode is None else modes.environment(mode, env)


def check_mode(interpreter: Interpreter, mode: Mode) -> None:
    """Raise VariantError if `interpreter` would silently ignore `mode`."""
    major, minor = interpreter.version.split(".")[:2]
    modes.check(
        mode,
        interpreter.name,
        jit=interpreter.variant.jit != "no",
        series=(int(major), int(minor)),
        remedy=f"Build an interpreter with the JIT: jitbuild install {major}.{minor} --jit yes-off",
    )
