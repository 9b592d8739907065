"""Reject commands that cannot show a difference, before they run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.diff.run_modes import cannot_start
from jitbuild.errors import UsageError
from jitbuild.running.command import option_without_jit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.modes import Mode
    from jitbuild.store.interpreter import Interpreter

_SHEBANG_LENGTH = 256


def check_command(command: Sequence[str]) -> None:
    """Raise UsageError if `command` is empty, or has an option that makes all modes equal."""
    if not command:
        raise UsageError(
            "There is no command to compare.",
            remedy="Write it after `--`: jitbuild diff 3.15 -- -m pytest",
        )
    option = option_without_jit(command)
    if option is not None:
        effect = "does not use the JIT" if option == "-X perf" else "ignores PYTHON_JIT"
        raise UsageError(
            f"With {option}, the interpreter {effect}, so all modes would be the same.",
            remedy=f"Omit {option}.",
        )


def check_modes(modes: Sequence[Mode]) -> None:
    """Raise UsageError unless `modes` has at least two modes and no duplicates."""
    different = list(dict.fromkeys(modes))
    if len(different) < 2:
        raise UsageError(
            f"--modes {','.join(modes)}: at least two different modes are required.",
            remedy="Use --modes off,on.",
        )
    if len(different) < len(modes):
        raise UsageError(
            f"--modes {','.join(modes)}: a mode is named more than once.",
            remedy=f"Use --modes {','.join(different)}.",
        )


def check_program(program: str, interpreter: Interpreter, env: Mapping[str, str]) -> None:
    """Raise UsageError if `program` is not on the PATH of `env`, or is a script of another Python.

    Such a script would run in every mode, but never with the JIT of `interpreter`.
    """
    path = shutil.which(program, path=env["PATH"])
    if path is None:
        raise cannot_start(program, "no such program")
    other = _other_python(Path(path), interpreter)
    if other is not None:
        name = Path(program).name
        raise UsageError(
            f"{path} is a script of another Python, {other}.",
            remedy=f"Use `-m {name}`, or add `--with {name}` for an environment of "
            f"{interpreter.name} that has it.",
        )


def _other_python(script: Path, interpreter: Interpreter) -> str | None:
    """Return the Python in the script's first line, unless it belongs to `interpreter`."""
    try:
        with script.open("rb") as file:
            line = file.readline(_SHEBANG_LENGTH).decode("utf-8", "replace")
    except OSError:
        return None
    words = line.removeprefix("#!").split()
    if not line.startswith("#!") or not words:
        return None
    python = Path(words[0])
    if not python.name.startswith(("python", "pypy")):
        return None
    same_folder = python.parent == interpreter.executable.parent
    return None if same_folder or _is_same_file(python, interpreter.executable) else words[0]


def _is_same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
