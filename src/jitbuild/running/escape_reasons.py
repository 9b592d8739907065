"""Find the likely reason why a command does not run the interpreter in the requested mode.

The reasons are guesses, and are given only when it is certain that the interpreter or the mode did
not reach the command. If the command's program is a script, the script is read, but nothing is
executed.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_READ_BYTES = 1 << 16


class EscapeReason(NamedTuple):
    """A likely reason as a sentence, and the remedy."""

    fact: str
    remedy: str


class EscapingCommand(NamedTuple):
    """A command that did not run the interpreter in the mode, and functions to examine it.

    `argv` is the argument list of the command, and `executable` the interpreter's program. `which`
    returns the path of a program, or None. `read` returns the beginning of a text file, or an empty
    string.
    """

    argv: Sequence[str]
    executable: Path
    which: Callable[[str], str | None]
    read: Callable[[str], str]

    @classmethod
    def on_path(cls, argv: Sequence[str], executable: Path, path: str) -> EscapingCommand:
        """Return a command that is examined with the files of this machine; `path` is its PATH."""
        return cls(argv, executable, lambda name: shutil.which(name, path=path), _read_text)

    def is_interpreter(self, program: str) -> bool:
        """Return True if `program` is the interpreter, or a link to it."""
        path = self.which(program)
        return path is not None and os.path.realpath(path) == os.path.realpath(self.executable)


class _Pattern(NamedTuple):
    """Text in a command or script, the reason that it points to, and the remedy.

    In `fact`, `{place}` stands for the command, or the script, in which the text was found. In
    `remedy`, `{python}` stands for the interpreter. If `hides` is True, Pythons on this machine
    cannot be observed because of the text.
    """

    regex: re.Pattern[str]
    fact: str
    remedy: str
    hides: bool


_VARIABLES = "PYTHON_JIT and PYTHONPATH"
_KEEP = f"Keep {_VARIABLES} in the environment of the programs that it starts."
_WORD = r"(?:^|[\s;&|(`/])"
_PATTERNS = tuple(
    _Pattern(re.compile(_WORD + regex, re.MULTILINE), fact, remedy, hides)
    for regex, fact, remedy, hides in (
        (
            r"env\s+(?:-\S+\s+)*(?:-i\b|-\s|--ignore-environment)",
            "{place} clears the environment with `env -i`.",
            f"Omit -i, or set {_VARIABLES} again.",
            True,
        ),
        (
            r"(?:sudo|doas|su|runuser)\s",
            f"{{place}} changes the user with sudo or su, which removes {_VARIABLES}.",
            "Run jitbuild itself as that user.",
            False,
        ),
        (
            r"(?:docker|podman|ssh|chroot|bwrap|flatpak|nix-shell)\s",
            "{place} runs a program on another machine or in a container, without the interpreter.",
            "Run jitbuild itself there.",
            False,
        ),
        (
            r"(?:python|pypy)[\w.]*\s+(?:-[A-Za-z]+\s+)*-[A-Za-z]*[IES]",
            f"{{place}} starts Python with -I, -E or -S, which ignore {_VARIABLES}.",
            "Omit the option.",
            True,
        ),
        (
            r"(?:pyenv|asdf|mise|rtx|conda|micromamba)\s+(?:exec|run|x)\b",
            "{place} is a shim of a version manager, which starts a Python of its own.",
            "Name the program `python` or `-m MODULE` after --, or remove the shims from PATH.",
            False,
        ),
        (
            r"(?:export\s+)?PYTHONPATH=(?!\S*\$\{?PYTHONPATH)",
            "{place} replaces PYTHONPATH, through which the processes are observed.",
            "Extend it: PYTHONPATH=FOLDER:$PYTHONPATH.",
            True,
        ),
        (
            r"(?:unset\s+|-u\s*)(?:\S+\s+)*PYTHON(?:_JIT|PATH)\b",
            f"{{place}} removes {_VARIABLES} from the environment.",
            _KEEP,
            True,
        ),
    )
)

# Programs that choose the Python that they start, or the environment in which they start it.
_PROGRAMS: dict[str, EscapeReason] = {
    "tox": EscapeReason(
        "tox passes only some variables on, and chooses the Python of each environment.",
        "In tox.ini, set `pass_env = PYTHON_JIT*, PYTHONPATH` and `base_python = {python}`.",
    ),
    "nox": EscapeReason(
        "nox chooses the Python of each session.",
        "Use the sessions of jitbuild.nox, or add `--force-python {python}`.",
    ),
    "make": EscapeReason(
        "The Makefile names another Python.",
        "Make it call `python3` or $(PYTHON), and pass PYTHON={python}.",
    ),
    "uv": EscapeReason(
        "uv chooses the Python of each environment.",
        "Set UV_PYTHON={python}, or use --with and `-m MODULE` in place of uv.",
    ),
    "hatch": EscapeReason(
        "hatch, poetry, pdm and pipx choose the Python of their environments.",
        "Use --with or --requirements, and `-m MODULE` after --.",
    ),
}
_ALIASES = {
    "gmake": "make",
    "uvx": "uv",
    "poetry": "hatch",
    "pdm": "hatch",
    "pipx": "hatch",
    "pipenv": "hatch",
    "rye": "hatch",
}
_UNKNOWN = EscapeReason(
    "It may start no Python at all, another Python, or one without the environment of the command.",
    f"Start Python as `python` from PATH, keep {_VARIABLES}, and omit -I, -E and -S.",
)


def escape_reason(command: EscapingCommand) -> EscapeReason:
    """Return the likely reason why `command` did not run the interpreter in the mode."""
    for found in _reasons(command):
        return EscapeReason(found.fact, found.remedy.replace("{python}", str(command.executable)))
    return _UNKNOWN


def hiding_facts(command: EscapingCommand) -> list[str]:
    """Return sentences about Pythons that `command` seems to start, but that cannot be observed.

    The words of the command are read, and the scripts that it names. A script of a Python is not
    read, because this Python itself observes what it starts.
    """
    texts = {"The command": " ".join(command.argv)}
    for word in command.argv:
        path = (command.which(word) or word) if word == command.argv[0] else word
        script = _without_comments(command.read(path))
        if script.startswith("#!") and not re.match(r"#!.*(?:python|pypy)", script):
            texts[path] = script
    return [
        pattern.fact.format(place=place)
        for place, text in texts.items()
        for pattern in _PATTERNS
        if pattern.hides and pattern.regex.search(text)
    ]


def _reasons(command: EscapingCommand) -> Iterator[EscapeReason]:
    program, *arguments = command.argv
    path = command.which(program) or program
    name = PurePath(program).name
    text = command.read(path)
    script = _without_comments(text) if text.startswith("#!") else ""
    yield from _known_programs([name])
    yield from _shebang_reasons(command, path, script)
    yield from _pattern_reasons("The command", " ".join(command.argv))
    yield from _pattern_reasons(path, script)
    yield from _known_programs([*_words(arguments), *_words([script])])
    if re.fullmatch(r"(python|pypy)[\d.]*", name) and not command.is_interpreter(program):
        yield EscapeReason(
            f"{path} is another Python than {command.executable}.",
            "Write `python` after --: it stands for the interpreter.",
        )


def _known_programs(names: Iterable[str]) -> Iterator[EscapeReason]:
    for name in names:
        if (known := _PROGRAMS.get(_ALIASES.get(name, name))) is not None:
            yield known


def _shebang_reasons(command: EscapingCommand, path: str, text: str) -> Iterator[EscapeReason]:
    """Yield the reasons that the first line of a script gives."""
    match = re.match(r"#!\s*(?P<words>.*)", text)
    words = match["words"].split() if match else []
    # In `#!/usr/bin/env -S python3 -I`, the words after env and its options are the command.
    if words and PurePath(words[0]).name == "env":
        words = [word for word in words[1:] if word not in {"-S", "--split-string"}]
    if not words or not PurePath(words[0]).name.startswith(("python", "pypy")):
        return
    if any(re.fullmatch(r"-[A-Za-z]*[IES][A-Za-z]*", word) for word in words[1:]):
        yield EscapeReason(
            f"The first line of {path} starts Python with {' '.join(words[1:])}, which ignores "
            f"{_VARIABLES}.",
            f"Remove the option there, or run the script as: python {path}",
        )
    if not command.is_interpreter(words[0]):
        yield EscapeReason(
            f"The first line of {path} starts {words[0]}.",
            "Run its module with `-m MODULE`, or install it with --with into an environment of the "
            "interpreter.",
        )


def _pattern_reasons(place: str, text: str) -> Iterator[EscapeReason]:
    for pattern in _PATTERNS:
        if pattern.regex.search(text):
            yield EscapeReason(pattern.fact.format(place=place), pattern.remedy)


def _without_comments(script: str) -> str:
    """Return `script` with its first line, but without lines that are comments."""
    first, *lines = script.splitlines() or [""]
    return "\n".join([first, *(line for line in lines if not line.lstrip().startswith("#"))])


def _words(texts: Iterable[str]) -> Iterator[str]:
    """Yield the words of texts; of a path, yield only the last component."""
    for text in texts:
        yield from (PurePath(word).name for word in text.split())


def _read_text(path: str) -> str:
    """Return the beginning of a file, up to its first NUL byte; "" if the file cannot be read.

    Only regular files are read: opening a pipe or a terminal would block.
    A zip file of Python modules may begin with a line of text, such as `#!/usr/bin/python3`, before
    its binary data.
    """
    try:
        if not Path(path).is_file():
            return ""
        with Path(path).open("rb") as file:
            data = file.read(_READ_BYTES)
    except OSError:
        return ""
    return data.partition(b"\0")[0].decode("utf-8", "replace")
