"""Interpret the command after `--`: its program, options and pytest arguments. Pure."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from jitbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jitbuild.store.interpreter import Interpreter

# Both names mean the chosen interpreter, even if the folder of an adopted interpreter contains
# another Python under the name `python3`.
PYTHON_NAMES = frozenset({"python", "python3"})
_PYTEST_NAMES = frozenset({"pytest", "py.test"})
# Options of the interpreter whose value is the next word (Python/initconfig.c).
_TAKE_WORD = frozenset({"-X", "-W", "--check-hash-based-pycs"})
_CLUSTER = re.compile(r"-(?P<flags>[A-Za-z]*?)(?P<kind>[mc])(?P<rest>.*)", re.DOTALL)
PYTHON_NAME = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?t?)?(?:\.exe)?")
_IGNORES_ENVIRONMENT = re.compile(r"-[a-zA-VYZ]*[EI][a-zA-VYZ]*")
# Options of pytest that take a value, which may look like the path of a test.
_TAKE_VALUE = frozenset({"-c", "-k", "-m", "-o", "-p", "-W"}) | frozenset(
    [
        "--config-file",
        "--rootdir",
        "--confcutdir",
        "--basetemp",
        "--ignore",
        "--ignore-glob",
        "--deselect",
        "--junit-xml",
        "--junitxml",
        "--cov",
        "--cov-config",
        "--cov-report",
        "--log-file",
    ]
)


def plain_command(interpreter: Interpreter, command: Sequence[str]) -> list[str]:
    """Return `command` with the word `pythonX.Y` of the interpreter's series written as `python`.

    `pytest_arguments_index` and `split_program` know only the words `python` and `python3`.
    """
    series = ".".join(interpreter.version.split(".")[:2])
    stands_for_it = list(command[:1]) == [f"python{series}"]
    return ["python", *command[1:]] if stands_for_it else list(command)


def command_line(interpreter: Interpreter, command: Sequence[str]) -> list[str]:
    """Return the argument list that runs `command` with `interpreter`.

    If the first word begins with `-` or ends in `.py`, the interpreter gets the whole command. The
    words `python`, `python3`, and `python` followed by the interpreter's series (`python3.15`)
    stand for the interpreter. Any other first word is a program on PATH. An empty command starts
    the interpreter without arguments.
    """
    if not command:
        return [str(interpreter.executable)]
    first, *arguments = plain_command(interpreter, command)
    if first in PYTHON_NAMES:
        return [str(interpreter.executable), *arguments]
    if first.startswith("-") or first.endswith(".py"):
        return [str(interpreter.executable), *command]
    return list(command)


def option_without_jit(command: Sequence[str]) -> str | None:
    """Return the interpreter option in `command` that makes all modes equal, or None.

    -E and -I make the interpreter ignore PYTHON_JIT, and -X perf switches the JIT off. A program
    whose file name is that of a Python, such as `/usr/bin/python3.15`, is treated like `python`.
    """
    if command and PYTHON_NAME.fullmatch(PurePath(command[0]).name):
        command = ["python", *command[1:]]
    options, _ = _interpreter_options(command)
    for index, word in enumerate(options):
        if _IGNORES_ENVIRONMENT.fullmatch(word):
            return word
        if word.startswith("-X"):
            value = word[2:] or "".join(options[index + 1 : index + 2])
            if value.startswith("perf"):
                return "-X perf"
    return None


def check_options(command: Sequence[str], consequence: str, *, off: bool = False) -> None:
    """Raise UsageError if an interpreter option in `command` makes all modes equal.

    `consequence` is the clause that ends the message, for example "all modes would be the same". If
    `off` is True, only the mode `off` is wanted, so -X perf is accepted.
    """
    option = option_without_jit(command)
    if option is None or (off and option == "-X perf"):
        return
    effect = "does not use the JIT" if option == "-X perf" else "ignores PYTHON_JIT"
    raise UsageError(
        f"With {option}, the interpreter {effect}, so {consequence}.", remedy=f"Omit {option}."
    )


def pytest_arguments_index(command: Sequence[str]) -> int | None:
    """Return the index of pytest's first argument, or None if the command does not run pytest."""
    if command and PurePath(command[0]).name in _PYTEST_NAMES:
        return 1
    _, index = _interpreter_options(command)
    cluster = _CLUSTER.fullmatch(command[index]) if index < len(command) else None
    if cluster is None or cluster["kind"] != "m" or not _is_interpreter(command):
        return None
    if cluster["rest"]:
        return index + 1 if cluster["rest"] == "pytest" else None
    return index + 2 if list(command[index + 1 : index + 2]) == ["pytest"] else None


def with_only_test(
    command: Sequence[str], begin: int, test: str, *, exists: Callable[[str], bool]
) -> list[str]:
    """Return the pytest command with its files and folders replaced by `test`.

    `begin` is the index of pytest's first argument. `exists` returns True if a path exists.
    """
    words = list(command[:begin])
    previous = ""
    for word in command[begin:]:
        names_tests = (
            not word.startswith("-")
            and previous not in _TAKE_VALUE
            and exists(word.partition("::")[0])
        )
        if not names_tests and word != "--":
            words.append(word)
        previous = word
    return [*words, test]


def split_program(command: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Split a command into the interpreter's options, and the Python program with its arguments.

    The second list begins with `-c`, `-m` or the path of the program. Return None if the command
    runs no Python program.
    """
    if command and command[0].endswith(".py"):
        return [], list(command)
    options, index = _interpreter_options(command)
    if index >= len(command) or not _is_interpreter(command):
        return None
    word, arguments = command[index], command[index + 1 :]
    cluster = _CLUSTER.fullmatch(word) if word.startswith("-") else None
    if cluster is None:
        return None if word.startswith("-") else (options, list(command[index:]))
    options = [option for option in options if option != "-"]
    return options, [f"-{cluster['kind']}", *[cluster["rest"]] * bool(cluster["rest"]), *arguments]


def _is_interpreter(command: Sequence[str]) -> bool:
    return bool(command) and (command[0] in PYTHON_NAMES or command[0].startswith("-"))


def _interpreter_options(command: Sequence[str]) -> tuple[list[str], int]:
    """Return the interpreter's options, and the index of the first word after them.

    That word contains -m or -c, or is a script or `-`. If there is no such word, the index is the
    length of `command`. If `command` does not start the interpreter, the result is ([], 0).
    """
    if not _is_interpreter(command):
        return [], 0
    options: list[str] = []
    index = 1 if command[0] in PYTHON_NAMES else 0
    while index < len(command) and command[index].startswith("-") and command[index] != "-":
        word = command[index]
        cluster = None if word.startswith(("--", "-X", "-W")) else _CLUSTER.fullmatch(word)
        if cluster is not None:
            return [*options, f"-{cluster['flags']}"], index
        step = 2 if word in _TAKE_WORD else 1
        options += command[index : index + step]
        index += step
    return options, index
