"""Find the program of a command; detect one that cannot be started, or runs another Python."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import UsageError
from jitbuild.running.command import PYTHON_NAME
from jitbuild.running.environment import program_folders
from jitbuild.store.launchers import is_virtual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.store.interpreter import Interpreter

# The kernel reads this many bytes of a script's first line (Linux: BINPRM_BUF_SIZE).
_SHEBANG_LENGTH = 256
# The second line of some scripts that pip writes. If the path of the Python is too long for the
# first line, or contains a space, the first line starts /bin/sh, and the second starts the Python.
_SHELL_LINE = re.compile(r"'''exec' (?P<python>.+) \"\$0\" \"\$@\"")
# These programs run in a Python of their own and start other Pythons, so their first line does not
# tell which Python a command uses.
_STARTS_OTHERS = frozenset(
    {"tox", "nox", "uv", "uvx", "hatch", "pdm", "poetry", "pipenv", "pre-commit", "invoke"}
)
_PYTHON_PREFIXES = ("python", "pypy")
# A shim of pyenv or asdf is a shell script that starts `pyenv exec PROGRAM`; a shim of mise is a
# link to the program mise.
_SHIM = re.compile(r"\b(?P<manager>pyenv|asdf|mise|rtx)\"?[ \t]+(?:exec|x)[ \t]")
_SHIM_TARGETS = frozenset({"mise", "rtx", "asdf"})
_SHIM_BYTES = 4096


def cannot_start(program: str, reason: str) -> UsageError:
    """Return the error for the program `program`, which cannot be started because of `reason`."""
    return UsageError(
        f"{program} cannot be run: {reason}.",
        remedy="The command after -- must begin with a program on PATH, `python`, a .py file, or "
        "an option of the interpreter; `--with PKG` installs packages that the interpreter lacks.",
    )


def find_startable(program: str, folders: Sequence[Path], env: Mapping[str, str]) -> Path:
    """Return the path of `program`, which is looked up on the PATH of `env`.

    A program in `folders`, which are the interpreter's folders, hides programs of the same name in
    later folders of PATH, even if the hiding program cannot be started. Raises UsageError if there
    is no such program, or if it cannot be started. A program cannot be started if it is a folder, a
    link to a missing file, a file without permission to execute, or a script whose first line names
    a missing program.
    """
    if os.name != "posix":
        found = shutil.which(program, path=env["PATH"])
    elif "/" in program:
        found = program if os.path.lexists(program) else None
    else:
        own = [folder / program for folder in folders]
        hidden = [str(path) for path in own if os.path.lexists(path) and not path.is_dir()]
        found = hidden[0] if hidden else shutil.which(program, path=env["PATH"])
    if found is None:
        raise cannot_start(program, "no such program")
    path = Path(found)
    reason = _obstacle(path)
    if reason:
        raise UsageError(
            f"{path} cannot be run: {reason}.",
            remedy=f"Install it again or, if it is a command of a Python package, use "
            f"`-m {path.name}`.",
        )
    return path


def check_program(program: str, interpreter: Interpreter, env: Mapping[str, str]) -> Path:
    """Return the path of `program`, as `find_startable` does, if it may run `interpreter`.

    Raises UsageError if it is a script whose first line names another Python, or a shim of a
    version manager. Such a program would run in every mode, but never with the JIT of
    `interpreter`. Tools such as tox are accepted: they run in a Python of their own, and start
    other Pythons.
    """
    path = find_startable(program, program_folders(interpreter), env)
    words = script_interpreter(path)
    if sentence := _foreign_script(path, words[0] if words else None, interpreter):
        raise UsageError(sentence, remedy=_own_program_remedy(path.name, interpreter))
    return path


def _own_program_remedy(name: str, interpreter: Interpreter) -> str:
    """Return how to run the program `name` of `interpreter`, or of its virtual environment."""
    if is_virtual(interpreter.executable):
        return f"Use `-m {name}`; if the environment does not have {name}, add `--with {name}`."
    return (
        f"Use `-m {name}`, or add `--with {name}` for an environment of {interpreter.name} that "
        "has it."
    )


def other_python(path: Path, interpreter: Interpreter, env: Mapping[str, str]) -> str:
    """Return a sentence if the program `path` runs a Python other than `interpreter`; else "".

    In addition to the programs that `check_program` refuses, this function detects a program that
    is itself another Python, and scripts that begin with `#!/usr/bin/env python3`.
    """
    words = script_interpreter(path)
    if not words and _is_other(path, interpreter) and not shim_manager(path):
        return f"{path} is another Python than that of {interpreter.name}."
    python = words[0] if words else None
    if python is not None and Path(python).name == "env":
        name = next(iter(_command_of_env(words[1:])), "")
        python = shutil.which(name, path=env["PATH"])
    return _foreign_script(path, python, interpreter)


def _foreign_script(path: Path, python: str | None, interpreter: Interpreter) -> str:
    """Return a sentence if the program `path` starts a Python other than `interpreter`; else "".

    `python` is the program that runs the script `path`; None if `path` is not a script, or if the
    program is not found.
    """
    if path.name in _STARTS_OTHERS:
        return ""
    if manager := shim_manager(path):
        return f"{path} is a shim of {manager}, which chooses the Python that it starts."
    if python is not None and _is_other(Path(python), interpreter):
        return f"{path} is a script of another Python, {python}."
    return ""


def shim_manager(path: Path) -> str:
    """Return the name of the version manager whose shim the program `path` is; "" if it is none."""
    target = path.resolve().name
    if target in _SHIM_TARGETS and path.name != target:
        return target
    words = script_interpreter(path)
    if not words or Path(words[-1]).name not in {"sh", "bash"}:
        return ""
    try:
        with path.open("rb") as file:
            match = _SHIM.search(os.fsdecode(file.read(_SHIM_BYTES)))
    except OSError:
        return ""
    return match["manager"] if match else ""


def script_interpreter(path: Path) -> list[str]:
    """Return the words of the first line of the script `path`; [] if `path` is not a script.

    The first word is the path of a program, such as a Python or `/usr/bin/env`. If the program is a
    shell that only starts a Python, as in some scripts that pip writes, return the words that start
    the Python.
    """
    try:
        with path.open("rb") as file:
            first = os.fsdecode(file.readline(_SHEBANG_LENGTH))
            second = os.fsdecode(file.readline(_SHEBANG_LENGTH * 16)).strip()
    except OSError:
        return []
    if not first.startswith("#!"):
        return []
    words = first.removeprefix("#!").split()
    match = _SHELL_LINE.fullmatch(second) if words == ["/bin/sh"] else None
    return words if match is None else shlex.split(match["python"])


def script_command(path: Path) -> list[str]:
    """Return the words that start the script `path`; [] if `path` is not a script.

    They are those of `script_interpreter`, without `env` and its options and variables. The first
    word is therefore the path of a program, or the name of a program on PATH.
    """
    words = script_interpreter(path)
    return _command_of_env(words[1:]) if words and Path(words[0]).name == "env" else words


def is_python_script(path: Path) -> bool:
    """Return True if the first line of the script `path` starts a Python."""
    words = script_command(path)
    return bool(words) and PYTHON_NAME.fullmatch(Path(words[0]).name) is not None


def _obstacle(path: Path) -> str:
    """Return the reason why the program `path` cannot be started; "" if no reason is known."""
    if not path.exists():
        return f"it is a link to {path.readlink()}, which does not exist"
    if path.is_dir():
        return "it is a folder"
    if not os.access(path, os.X_OK):
        return "you have no permission to execute it"
    words = script_interpreter(path)
    if words and not Path(words[0]).exists():
        return f"its first line names {words[0]}, which does not exist"
    return ""


def _command_of_env(words: list[str]) -> list[str]:
    """Return the program that `env` runs when it is started with `words`, and its arguments."""
    text = " ".join(words).removeprefix("-S")
    try:
        split = shlex.split(text)
    except ValueError:  # `env` does not start either if a quotation mark is missing
        split = text.split()
    return [*dropwhile(lambda word: word.startswith("-") or "=" in word, split)]


def _is_other(python: Path, interpreter: Interpreter) -> bool:
    """Return True if the program `python` is a Python, but neither `interpreter` nor a venv of it.

    For a script with the name of a Python, such as the shim of a version manager, return False: it
    may start any Python.
    """
    if not python.name.startswith(_PYTHON_PREFIXES) or script_interpreter(python):
        return False
    program = interpreter.executable
    same_venv = is_virtual(program) and python.parent == program.parent
    return not (same_venv or _is_same_file(python, program) or _is_copy(python, program))


def _is_copy(python: Path, program: Path) -> bool:
    """Return True if `python` belongs to a virtual environment that was made with `program`.

    In such an environment, `python` may be a copy of `program` instead of a link.
    """
    try:
        lines = (python.parent.parent / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    real = program.resolve()
    homes = [line.partition("=")[2].strip() for line in lines if line.startswith("home")]
    return any(_is_same_file(Path(home, real.name), real) for home in homes)


def _is_same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False
