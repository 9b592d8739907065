"""What the person has set, and where: flag, then JITBUILD_*, then [tool.jitbuild] in pyproject.toml, then the user's own file.

`jitbuild which` reads settings too: nothing heavy is imported here, and only files that exist are read.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jitbuild.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# Every setting, with what it is for. Those that a project may not set decide what a person's machine trusts or where it
# keeps things, and a checkout is somebody else's text.
KNOWN: dict[str, str] = {
    "home": "the store's folder",
    "mirror": "where CPython's sources come from: a URL, a folder, or distro",
    "recipes": "a folder of recipes on top of the shipped ones",
    "llvm": "auto, system, managed, or a path",
    "ccache": "auto, managed or off",
    "ccache-storage": "a remote storage that the compiler cache shares, as ccache writes it: redis://HOST, http://HOST/PATH",
    "jobs": "how many jobs a build runs at once",
    "jit": "the jit axis of a build that does not state one",
    "profile": "the profile of a build that does not state one",
    "pythons": "the requests that nox sessions and CI matrices are made of",
    "modes": "the modes that they run each of them in",
}
# In a file a list of strings; in a variable or a flag, words with spaces between them.
_LISTS = frozenset({"pythons", "modes"})
_NOT_FROM_A_PROJECT = frozenset({"home", "recipes", "ccache-storage"})
_EXAMPLES = {"pythons": '"3.14", "3.15"', "modes": '"off", "on"'}
# Anything else is the path of programs to run.
_LLVM_WORDS = frozenset({"auto", "system", "managed"})


class Setting(NamedTuple):
    """A value and the place that it comes from."""

    name: str
    value: str
    origin: str


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"JITBUILD_{name.upper().replace('-', '_')}"


def user_file() -> Path:
    """The person's own settings file."""
    from platformdirs import user_config_path

    return user_config_path("jitbuild", appauthor=False) / "config.toml"


def get(
    name: str,
    flag: object = None,
    *,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Setting | None:
    """The setting called `name`, or None when nobody has set it. `flag` is the command line's value.

    Raises SettingsError, naming the file and the key, for a file that cannot be used.
    """
    variable = variable_of(name)
    if flag is not None:
        return Setting(name=name, value=str(flag), origin="the command line")
    if environ.get(variable):
        return Setting(name=name, value=environ[variable], origin=variable)
    for origin, table in _files(name, cwd):
        if name in table:
            given = table[name]
            return Setting(
                name=name, value=" ".join(given) if name in _LISTS else str(given), origin=origin
            )
    return None


def value(name: str, flag: object = None) -> str | None:
    """The value of a setting, or None when nobody has set it."""
    found = get(name, flag)
    return found.value if found else None


def folder(name: str, flag: object = None) -> Path | None:
    """A setting that is a folder, as an absolute path; None when nobody has set it."""
    found = value(name, flag)
    return Path(found).expanduser().absolute() if found else None


def choice(name: str, choices: Collection[str], flag: object = None) -> str | None:
    """A setting that is one of `choices`. Raises SettingsError for anything else."""
    found = get(name, flag)
    if found is None or found.value in choices:
        return found.value if found else None
    raise SettingsError(
        f"{found.origin}: {found.value!r} is not a {name}.",
        remedy=f"The choices are: {', '.join(choices)}.",
    )


def count(name: str, flag: object = None) -> int | None:
    """A setting that is a number from 1 on. Raises SettingsError for anything else."""
    found = get(name, flag)
    if found is None:
        return None
    if not found.value.isdecimal() or int(found.value) < 1:
        raise SettingsError(
            f"{found.origin}: {found.value!r} is not a number of {name}.",
            remedy="Give a number from 1 on.",
        )
    return int(found.value)


def many(name: str, flag: object = None, *, cwd: Path | None = None) -> list[str] | None:
    """A setting that is a list of words; None when nobody has set it."""
    found = get(name, flag, cwd=cwd)
    return found.value.split() if found else None


def _files(name: str, cwd: Path | None) -> Iterable[tuple[str, dict[str, Any]]]:
    project = None if name in _NOT_FROM_A_PROJECT else _project(cwd)
    if project is not None:
        tool = _read(project).get("tool", {})
        table = _table(
            tool.get("jitbuild", {}) if isinstance(tool, dict) else tool,
            f"{project} [tool.jitbuild]",
        )
        _check_trust(table, project)
        yield f"{project} [tool.jitbuild]", _checked(table, project)
    own = user_file()
    if _is_file(own):
        yield str(own), _checked(_read(own), own)


def _project(cwd: Path | None) -> Path | None:
    """The pyproject.toml of the folder we are in or the nearest one above."""
    try:
        here = cwd or Path.cwd()
    except FileNotFoundError:  # the folder that we are in was removed
        return None
    return next(
        (path for each in (here, *here.parents) if _is_file(path := each / "pyproject.toml")), None
    )


def _is_file(path: Path) -> bool:
    """Whether it can be seen: above a folder that we are in there may be some that we may not look into."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", remedy="Correct the file."
        ) from error


def _table(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise SettingsError(f"{where} is not a table.", remedy=f"It may hold: {', '.join(KNOWN)}.")
    return given


def _check_trust(table: dict[str, Any], project: Path) -> None:
    """Refuse what a project may not decide: folders of ours, and which programs run."""
    refused = [key for key in table if key in _NOT_FROM_A_PROJECT]
    if isinstance(table.get("llvm"), str) and table["llvm"] not in _LLVM_WORDS:
        refused.append("llvm")
    for key in refused:
        what = f"a path as `{key}`" if key == "llvm" else f"`{key}`"
        raise SettingsError(
            f"{project}: {what} cannot be set by a project.",
            remedy=f"Set {variable_of(key)}, or write it into {user_file()}.",
        )


def _checked(table: dict[str, Any], path: Path) -> dict[str, Any]:
    for key, given in table.items():
        if key not in KNOWN:
            raise SettingsError(f"{path}: jitbuild has no setting `{key}`.", remedy=_near(key))
        if key in _LISTS:
            _check_list(key, given, path)
        elif not isinstance(given, str | int) or isinstance(given, bool):
            raise SettingsError(f"{path}: `{key}` must be a string.", remedy=f"It is {KNOWN[key]}.")
    return table


def _check_list(key: str, given: Any, path: Path) -> None:
    if (
        not isinstance(given, list)
        or not given
        or not all(isinstance(word, str) and word and " " not in word for word in given)
    ):
        raise SettingsError(
            f"{path}: `{key}` must be a list of strings without spaces.",
            remedy=f"It is {KNOWN[key]}: {key} = [{_EXAMPLES[key]}].",
        )


def _near(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, KNOWN, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"The settings are: {', '.join(KNOWN)}."
