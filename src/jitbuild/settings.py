"""Read the settings, and report where each of them was set.

A setting is taken from the first place that sets it: the command line, the JITBUILD_* variables,
[tool.jitbuild] in the nearest pyproject.toml, and the user's own settings file. `jitbuild which`,
which must start fast, reads settings, so this module imports nothing that is slow to import.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.errors import SettingsError
from jitbuild.system.list_text import split_list
from jitbuild.system.parsing import parse_toml
from jitbuild.system.paths import absolute_path, expanded_path
from jitbuild.system.small_file import is_accessible_file, read_small
from jitbuild.system.suggestions import did_you_mean
from jitbuild.system.urls import Address
from jitbuild.system.user_folders import settings_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

# Maps every setting to its meaning.
KNOWN: dict[str, str] = {
    "home": "the folder of the store",
    "mirror": "the origin of CPython's sources: a URL, a folder, or distro",
    "recipes": "a folder of recipes to use in addition to the shipped ones",
    "llvm": "auto, system, managed, or a path",
    "ccache": "auto, managed or off",
    "ccache-storage": "a remote storage to share compiled objects, in ccache's syntax:"
    " redis://HOST, http://HOST/PATH",
    "registry": "a repository in an OCI registry, HOST/NAME, that has interpreters and stencils",
    "signed-by": "the identity that must have signed what comes from the registry",
    "signed-by-issuer": "the URL of the issuer that confirms the identity in `signed-by`",
    "min-speed": "the lowest accepted speed of a download in bytes per second, measured over a"
    " minute; 0 accepts every speed",
    "jobs": "the number of jobs that run at once",
    "jit": "the value of --jit for builds that do not state one",
    "profile": "the value of --profile for builds that do not state one",
    "provider": "the value of --provider for installs that do not state one: source, prebuilt or"
    " auto",
    "pythons": "the Pythons of nox sessions and CI matrices",
    "shared-store": "yes to use a store to which every user of this machine can write",
    "modes": "the modes in which nox sessions and CI matrices run each Python",
}
# Settings that are lists: a list of strings in a file, and words separated by commas or spaces
# elsewhere.
_LISTS = frozenset({"pythons", "modes"})
# Settings that a pyproject.toml cannot set: other people may have written it, so it must not decide
# which files this machine trusts, or where the store is.
_NOT_FROM_A_PROJECT = frozenset(
    {"home", "recipes", "ccache-storage", "registry", "signed-by", "signed-by-issuer"}
    | {"shared-store"}
)
_EXAMPLES = {"pythons": '"3.14", "3.15"', "modes": '"off", "on"'}
# Settings whose values may contain a password or a token.
_ADDRESSES = frozenset({"mirror", "ccache-storage", "registry"})
SHARED_STORE = ("no", "yes")
# Any other value of `llvm` is the path of a folder whose programs are run.
_LLVM_WORDS = frozenset({"auto", "system", "managed"})
_MAX_DIGITS = 15


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a setting and its origin: the command line, a variable or a file.

    `listed` are the items of a setting that is a list in a file.
    """

    name: str
    value: str
    origin: str
    listed: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The value as it is printed: without the secrets in an address."""
        return str(Address(self.value)) if self.name in _ADDRESSES else self.value

    def __repr__(self) -> str:
        return f"Setting(name={self.name!r}, value={self.shown!r}, origin={self.origin!r})"

    @property
    def items(self) -> list[str]:
        """The items of a setting that is a list."""
        texts = self.listed or (self.value,)
        return [item for text in texts for item in split_list(text)]


def variable_of(name: str) -> str:
    """Return the name of the environment variable for the setting `name`."""
    return f"JITBUILD_{name.upper().replace('-', '_')}"


def user_file() -> Path | None:
    """Return the path of the user's own settings file, which need not exist.

    Return None if the user has no home folder (no HOME, and no entry for the user's id), as in many
    containers.
    """
    try:
        path = settings_folder("jitbuild") / "config.toml"
    except RuntimeError:
        return None
    return path if path.is_absolute() else None


def get(
    name: str,
    flag: object = None,
    *,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Setting | None:
    """Return the setting `name`, or None if it is not set.

    `flag` is the value on the command line, or None if it is not given there. `cwd` is the folder
    where the search for a pyproject.toml begins; None stands for the current folder. Raises
    SettingsError if a settings file cannot be read or is invalid.
    """
    variable = variable_of(name)
    if flag is not None:
        return Setting(name=name, value=str(flag), origin="the command line")
    if environ.get(variable):
        return Setting(name=name, value=environ[variable], origin=variable)
    for origin, table in _files(name, cwd):
        if name in table:
            listed = tuple(table[name]) if name in _LISTS else ()
            text = " ".join(listed) if listed else str(table[name])
            return Setting(name=name, value=text, origin=origin, listed=listed)
    return None


def value(name: str, flag: object = None) -> str | None:
    """Return the value of the setting `name`, or None if it is not set."""
    setting = get(name, flag)
    return setting.value if setting else None


def address(name: str, flag: Address | str | None = None) -> Address | None:
    """Return the setting `name`, which is an address, or None if it is not set."""
    text = value(name, Address(flag).reveal() if flag is not None else None)
    return Address(text) if text is not None else None


def folder(name: str, flag: object = None) -> Path | None:
    """Return the setting `name`, which is a folder, as an absolute path; None if it is not set.

    Raises SettingsError if it begins with the home folder of a user who is unknown.
    """
    setting = get(name, flag)
    if setting is None or not setting.value:
        return None
    if setting.value.startswith("~") and not expanded_path(setting.value).is_absolute():
        raise SettingsError(
            f"{setting.origin}: {setting.value} begins with a home folder that is unknown.",
            remedy="Write the absolute path of the folder.",
        )
    return absolute_path(setting.value)


def choice(name: str, choices: Collection[str], flag: object = None) -> str | None:
    """Return the setting `name`, which must be one of `choices`, or None if it is not set.

    Raises SettingsError for any other value.
    """
    setting = get(name, flag)
    if setting is None or setting.value in choices:
        return setting.value if setting else None
    raise SettingsError(
        f"{setting.origin}: {setting.value!r} is not a value of `{name}`.",
        remedy=f"{did_you_mean(setting.value, choices)}Choose from: {', '.join(choices)}.",
    )


def number(name: str, flag: object = None, *, least: int = 1) -> int | None:
    """Return the setting `name`, which must be an integer, or None if it is not set.

    Raises SettingsError for any other value, for an integer below `least` (0 or 1), and for one of
    more than 15 digits.
    """
    setting = get(name, flag)
    if setting is None:
        return None
    text = setting.value
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    if is_number and int(text) >= least:
        return int(text)
    expected = "a positive integer" if least else "0 or a positive integer"
    excess = f" of at most {_MAX_DIGITS} digits" if len(text) > _MAX_DIGITS else ""
    raise SettingsError(
        f"{setting.origin}: `{name}` must be {expected}{excess}, not {text!r}.",
        remedy=f"It sets {KNOWN[name]}.",
    )


def _files(name: str, cwd: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the origin and the settings of each file that may set `name`.

    The project's file comes first, then the user's own. Raises SettingsError if a file is invalid.
    """
    project = None if name in _NOT_FROM_A_PROJECT else project_file(cwd)
    if project is not None:
        origin = f"{project} [tool.jitbuild]"
        tool = _read(project).get("tool", {})
        table = tool.get("jitbuild", {}) if isinstance(tool, dict) else tool
        if not isinstance(table, dict):
            raise SettingsError(
                f"{origin} is not a table.",
                remedy=f"Make it a table with any of these keys: {', '.join(KNOWN)}.",
            )
        _check_trust(table, project)
        yield origin, _checked(table, project)
    own = user_file()
    if own is not None and is_accessible_file(own):
        yield str(own), _checked(_read(own), own)


def project_file(cwd: Path | None) -> Path | None:
    """Return the pyproject.toml in the current folder or in the nearest folder above it."""
    try:
        start = cwd or Path.cwd()
    except FileNotFoundError:  # the current folder was deleted
        return None
    candidates = (folder / "pyproject.toml" for folder in (start, *start.parents))
    return next(filter(is_accessible_file, candidates), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parsed(read_small(path))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.", remedy="Correct the file."
        ) from error


@functools.lru_cache(maxsize=4)
def _parsed(content: bytes) -> dict[str, Any]:
    """Return the content of a settings file, which must not be changed."""
    return parse_toml(content.decode())


def _check_trust(table: dict[str, Any], project: Path) -> None:
    """Raise SettingsError if a project sets what it must not set, such as the path of an LLVM."""
    refused = [key for key in table if key in _NOT_FROM_A_PROJECT]
    if isinstance(table.get("llvm"), str) and table["llvm"] not in _LLVM_WORDS:
        refused.append("llvm")
    for key in refused:
        subject = f"a path as `{key}`" if key == "llvm" else f"`{key}`"
        raise SettingsError(
            f"{project}: {subject} cannot be set by a project.",
            remedy=f"Set {variable_of(key)}, or set `{key}` in "
            f"{user_file() or 'your config.toml'}.",
        )


def _checked(table: dict[str, Any], path: Path) -> dict[str, Any]:
    for key, content in table.items():
        if key not in KNOWN:
            raise SettingsError(
                f"{path}: jitbuild has no setting `{key}`.",
                remedy=f"{did_you_mean(key, KNOWN)}The settings are: {', '.join(KNOWN)}.",
            )
        if key in _LISTS:
            _check_list(key, content, path)
        elif not isinstance(content, str | int) or isinstance(content, bool):
            raise SettingsError(
                f"{path}: `{key}` must be a string or an integer.", remedy=f"It sets {KNOWN[key]}."
            )
    return table


def _check_list(key: str, content: Any, path: Path) -> None:
    words = content if isinstance(content, list) else []
    if not words or not all(isinstance(word, str) and _is_listable(word) for word in words):
        raise SettingsError(
            f"{path}: `{key}` must be a non-empty list of strings, with one string for each item.",
            remedy=f"It sets {KNOWN[key]}, for example: {key} = [{_EXAMPLES[key]}].",
        )


def _is_listable(text: str) -> bool:
    """Return True if `text` has at least one item, and no items that only a space separates."""
    items = split_list(text)
    return bool(items) and len(items) == len(split_list(text, spaces=False))
