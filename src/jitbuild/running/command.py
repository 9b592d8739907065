"""The words of a command, as far as a comparison must understand them. Pure."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PYTHONS = frozenset({"python", "python3"})
_PYTESTS = frozenset({"pytest", "py.test"})
# Options of the interpreter that take the next word (Python/initconfig.c).
_TAKE_WORD = frozenset({"-X", "-W", "--check-hash-based-pycs"})
_CLUSTER = re.compile(r"-(?P<flags>[A-Za-z]*?)(?P<kind>[mc])(?P<rest>.*)", re.DOTALL)
# Options of pytest that take a path, which is not one of the tests to run.
_TAKE_PATH = frozenset(
    {
        "-c",
        "--config-file",
        "--rootdir",
        "--confcutdir",
        "--basetemp",
        "--ignore",
        "--ignore-glob",
        "--deselect",
    }
) | {
    *(
        "-k",
        "-m",
        "-o",
        "-p",
        "-W",
        "--junit-xml",
        "--junitxml",
        "--cov",
        "--cov-config",
        "--cov-report",
        "--log-file",
    )
}


def ignored_environment(command: Sequence[str]) -> str | None:
    """The option by which the interpreter would ignore PYTHON_JIT (-E, -I), or would run no JIT (-X perf); None without one."""
    options, _ = _interpreter_options(command)
    for at, word in enumerate(options):
        if re.fullmatch(r"-[a-zA-VYZ]*[EI][a-zA-VYZ]*", word):
            return word
        if word.startswith("-X") and (word[2:] or "".join(options[at + 1 : at + 2])).startswith(
            "perf"
        ):
            return "-X perf"
    return None


def pytest_arguments(command: Sequence[str]) -> int | None:
    """Where pytest's own arguments begin; None when the command is not pytest."""
    if command and PurePath(command[0]).name in _PYTESTS:
        return 1
    _, at = _interpreter_options(command)
    found = _CLUSTER.fullmatch(command[at]) if at < len(command) else None
    if found is None or found["kind"] != "m" or not _is_interpreter(command):
        return None
    if found["rest"]:
        return at + 1 if found["rest"] == "pytest" else None
    return at + 2 if list(command[at + 1 : at + 2]) == ["pytest"] else None


def recording(command: Sequence[str], begin: int, junit: Path) -> list[str]:
    """The command of pytest that also writes its tests' outcomes to `junit`."""
    end = command.index("--", begin) if "--" in command[begin:] else len(command)
    return [*command[:end], f"--junit-xml={junit}", "-o", "junit_family=xunit2", *command[end:]]


def program(command: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """The interpreter's options, and what it runs: `-c`, `-m` or a file with what follows; None for no Python program."""
    if command and command[0].endswith(".py"):
        return [], list(command)
    options, at = _interpreter_options(command)
    if at >= len(command) or not _is_interpreter(command):
        return None
    found = _CLUSTER.fullmatch(command[at]) if command[at].startswith("-") else None
    if found is None:
        return None if command[at].startswith("-") else (options, list(command[at:]))
    kept = [option for option in options if option != "-"]
    return kept, [f"-{found['kind']}", *[found["rest"]] * bool(found["rest"]), *command[at + 1 :]]


def narrowed(
    command: Sequence[str], begin: int, test: str, *, exists: Callable[[str], bool]
) -> list[str]:
    """The command of pytest that runs `test` alone: in place of whatever files and folders it names."""
    kept = list(command[:begin])
    previous = ""
    for word in command[begin:]:
        names_tests = (
            not word.startswith("-")
            and previous not in _TAKE_PATH
            and exists(word.partition("::")[0])
        )
        if not names_tests and word != "--":
            kept.append(word)
        previous = word
    return [*kept, test]


def _is_interpreter(command: Sequence[str]) -> bool:
    return bool(command) and (command[0] in PYTHONS or command[0].startswith("-"))


def _interpreter_options(command: Sequence[str]) -> tuple[list[str], int]:
    """The interpreter's options before -m, -c or a script, and where that stands."""
    if not _is_interpreter(command):
        return [], 0
    options: list[str] = []
    at = 1 if command[0] in PYTHONS else 0
    while at < len(command) and command[at].startswith("-") and command[at] != "-":
        word = command[at]
        cluster = None if word.startswith(("--", "-X", "-W")) else _CLUSTER.fullmatch(word)
        if cluster is not None:
            return [*options, f"-{cluster['flags']}"], at
        step = 2 if word in _TAKE_WORD else 1
        options += command[at : at + step]
        at += step
    return options, at
