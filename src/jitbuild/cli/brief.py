"""`which` and `run` where nothing is left to decide: they are typed so often that importing argparse and tomllib is felt.

    jitbuild which 3.13
    jitbuild run 3.13.5 -- pytest -x

What re, typing, pathlib, argparse and tomllib take to be imported is twice what Python takes to start. So these two commands, in
their plainest form, are answered from the names in the store and one manifest, with nothing but what Python has imported itself.
Whatever is not plain (an axis, a mode, several that fit, a pre-release, settings in a file, an interpreter that has changed since)
is left to the general road. That answers the same, which a test compares over stores of many kinds.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# As jitbuild.store has them, which imports what is not to be imported here.
MANIFEST = "jitbuild.toml"
SCHEMA = "1"
_PREFIX = "cpython-"
_NEEDED = ("name", "key", "instance", "version", "adopted", "executable")
# The best first: how a name begins and what the manifest says (Variant.slug, and what the store prefers).
_JITS = {"jit": "yes-off", "jit-on": "yes", "uops": "interpreter", "nojit": "no"}
_PROFILES = ("release", "fast", "unknown", "debug")
_VARIANTS = {
    f"{slug}-{profile}": (f'"{jit}"', f'"{profile}"')
    for slug, jit in _JITS.items()
    for profile in _PROFILES
}
_RANKS = {slug: -rank for rank, slug in enumerate(_VARIANTS)}
# What a request that states no axis fits; a key of the manifest's table that is not here is not understood here.
_ADMITTED = {
    "tail_call": {"true", "false"},
    "free_threaded": {"false"},
    "configure_args": {"[]"},
    "patches": {"[]"},
    "includes": {"[]"},
}
_SINCE_LATER = {"includes"}


def answer(words: Sequence[str]) -> int | None:
    """Do what `words` say, if they are a plain `which` or `run`; None when the general road has to see to it.

    A `run` that succeeds does not return.
    """
    if (
        len(words) < 2
        or words[0] not in {"which", "run"}
        or os.name != "posix"
        or "_ARGCOMPLETE" in os.environ
    ):
        return None
    name, spec, *rest = words
    if rest and (name == "which" or rest[0] != "--"):
        return None
    program = find(spec, os.environ)
    if program is None:
        return None
    if name == "which":
        print(program)
        # A reader that has gone is found out here, and not when Python exits.
        sys.stdout.flush()
        return 0
    from jitbuild.system.exec import become

    try:
        become(command_line(program, rest[1:]), command_environment(program, os.environ))
    except OSError:  # the general road says what it is
        return None


def find(spec: str, environ: Mapping[str, str]) -> str | None:
    """The program of the one interpreter that a plain `spec` means in the store; None when that is not plain."""
    home, asked = _home(environ), _numbers(spec)
    if home is None or asked is None or len(asked) not in {2, 3} or asked[0] != 3:
        return None
    folder = f"{home}/interpreters"
    try:
        name = _best(os.listdir(folder), spec)  # noqa: PTH208
        if name is None:
            return None
        with open(f"{folder}/{name}/{MANIFEST}", encoding="utf-8") as file:  # noqa: PTH123
            return _program(f"{folder}/{name}", _facts(file.read()))
    except (OSError, ValueError):
        return None


def command_line(program: str, command: Sequence[str]) -> list[str]:
    """The words to run.

    A flag or a .py file goes to the interpreter; `python` is it, and so is `python3`, which beside an adopted interpreter may be
    another one; anything else is a program of its own.
    """
    if not command:
        return [program]
    first = command[0]
    if first in {"python", "python3"}:
        return [program, *command[1:]]
    if first.startswith("-") or first.endswith(".py"):
        return [program, *command]
    return list(command)


def command_environment(program: str, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the interpreter's own programs first on PATH, and nothing that leads it to another standard library."""
    folder = os.path.dirname(program)  # noqa: PTH120
    first = [folder] if os.name == "posix" else [folder, f"{folder}{os.sep}Scripts"]
    env = {**environ, "PATH": os.pathsep.join([*first, environ.get("PATH", os.defpath)])}
    env.pop("PYTHONHOME", None)
    return env


def _home(environ: Mapping[str, str]) -> str | None:
    """The store's folder where JITBUILD_HOME names it, or where on Linux no file of the person's may; None: not plain."""
    home = environ.get("JITBUILD_HOME")
    if not home:
        config, data = (
            _folder("XDG_CONFIG_HOME", ".config", environ),
            _folder("XDG_DATA_HOME", ".local/share", environ),
        )
        # platformdirs looks elsewhere on Android, which calls itself Linux too.
        if (
            sys.platform != "linux"
            or "ANDROID_DATA" in environ
            or os.path.lexists(f"{config}/jitbuild/config.toml")
        ):
            return None
        home = f"{data}/jitbuild"
    return home if _is_plain(home) else None


def _folder(variable: str, default: str, environ: Mapping[str, str]) -> str:
    """A folder of the XDG base directory specification, as platformdirs has it."""
    named = environ.get(variable, "")
    return named if named.strip() else os.path.expanduser(f"~/{default}")  # noqa: PTH111


def _is_plain(path: str) -> bool:
    """Whether `path` is absolute and written as pathlib would print it."""
    return path.startswith("/") and path == os.path.normpath(path)


def _numbers(version: str) -> tuple[int, ...] | None:
    """The numbers of a version that is nothing but numbers."""
    words = version.split(".")
    if not all(word.isascii() and word.isdecimal() and str(int(word)) == word for word in words):
        return None
    return tuple(map(int, words))


def _best(names: Iterable[str], spec: str) -> str | None:
    """The name that fits and is alone the best of them, as the store prefers them; None when the names do not tell."""
    best: tuple[tuple[int, ...], int] = ((), 0)
    fitting: list[str] = []
    for name in names:
        version = name.removeprefix(_PREFIX).partition("-")[0]
        if not name.startswith(_PREFIX):
            return None
        # Free-threaded ones, and those with flags or patches of their own, are for whoever asks for them.
        if (
            version.endswith("t")
            or not (version == spec or version.startswith(f"{spec}."))
            or "-custom-" in name
        ):
            continue
        numbers, rank = _numbers(version), _RANKS.get(_slug(name))
        if numbers is None or rank is None:  # a pre-release: which is the newest is not ours to say
            return None
        if (numbers, rank) >= best:
            fitting = [*fitting, name] if (numbers, rank) == best else [name]
            best = (numbers, rank)
    return fitting[0] if len(fitting) == 1 else None


def _slug(name: str) -> str:
    """`jit-fast` of `cpython-3.15.2-jit-fast-tailcall-0123abcd`."""
    return "-".join(name.split("-")[2:-1]).removesuffix("-tailcall")


def _facts(text: str) -> dict[str, str]:
    """The values of a manifest that stand on one line, as they are written, by their dotted keys.

    It is tomli_w that writes it: a table, or an entry of an array of tables, begins with a bracket in the first column, and the
    lines of a longer array with spaces.
    """
    facts, table = {}, ""
    for line in text.split("\n"):
        if line.startswith("["):
            table = f"{line.strip('[]')}."
        else:
            key, equals, value = line.partition(" = ")
            if equals:
                facts[table + key] = value
    return facts


def _program(folder: str, facts: Mapping[str, str]) -> str | None:
    """The program of the interpreter in `folder`, if it is proven, fits a request without axes, and is what was proven."""
    name = os.path.basename(folder)  # noqa: PTH119
    variant = {
        key.removeprefix("variant."): value
        for key, value in facts.items()
        if key.startswith("variant.")
    }
    plain = (
        facts.get("schema") == SCHEMA
        and all(key in facts for key in _NEEDED)
        and facts.get("verdict.ok") == "true"
        and facts.get("source.kind", '"release"') == '"release"'
        and facts["version"] == f'"{name.split("-")[1]}"'
        and (variant.pop("jit", ""), variant.pop("profile", "")) == _VARIANTS[_slug(name)]
        and _ADMITTED.keys() - _SINCE_LATER <= variant.keys() <= _ADMITTED.keys()
        and all(value in _ADMITTED[key] for key, value in variant.items())
    )
    program = _unquoted(facts["executable"]) if plain else None
    if program is None:
        return None
    program = os.path.join(folder, program)  # noqa: PTH118
    return program if _is_plain(program) and _is_fresh(program, facts) else None


def _unquoted(value: str) -> str | None:
    """A string without escapes."""
    inner = value[1:-1]
    return inner if value == f'"{inner}"' and "\\" not in inner else None


def _is_fresh(program: str, facts: Mapping[str, str]) -> bool:
    """Whether the program is there and, when it was adopted, is still the file that was probed (as Interpreter.fresh)."""
    status = os.stat(program)  # noqa: PTH116
    if facts["adopted"] == "false":
        return True
    now = {
        "real": f'"{os.path.realpath(program)}"',
        "size": str(status.st_size),
        "mtime_ns": str(status.st_mtime_ns),
    }
    return facts["adopted"] == "true" and all(
        facts.get(f"fingerprint.{key}") == value for key, value in now.items()
    )
