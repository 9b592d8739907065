"""The user's settings of pip, reduced to those that cannot change where packages are installed.

A setting such as `target`, `prefix`, `user` or `dry-run` would leave an environment empty. No
option of pip undoes such a setting, and an empty variable does not override a file. Therefore
jitbuild reads pip's files, passes the harmless settings to pip as variables, and makes pip ignore
its files with PIP_CONFIG_FILE=os.devnull (pip's documentation, "Configuration").

Only pip knows which files it reads, so jitbuild takes their names from the output of `pip -vvv
config list`. The settings in that output are not used, because their order is not their
precedence: pip 25.3 and newer print the files in alphabetical order.
"""

from __future__ import annotations

import configparser
import locale
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jitbuild.errors import SettingsError
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PipCommand = Literal["install", "download"]

# Settings that choose an index, and determine how pip accesses it.
_CONNECTION = frozenset(
    {
        *("index-url", "pypi-url", "extra-index-url", "no-index", "find-links"),
        *("proxy", "cert", "client-cert", "trusted-host", "keyring-provider"),
        *("timeout", "default-timeout", "retries", "resume-retries"),
        *("cache-dir", "no-cache-dir", "use-feature", "use-deprecated"),
    }
)
# Settings that determine which of the files on an index pip chooses. For pinned wheels, pip has no
# choice.
_CHOICE = frozenset(
    {
        *("constraint", "build-constraint", "only-binary", "no-binary", "prefer-binary", "pre"),
        *("all-releases", "only-final", "uploaded-prior-to", "require-hashes"),
    }
)
_KEPT: dict[PipCommand, frozenset[str]] = {
    "install": _CONNECTION | _CHOICE,
    "download": _CONNECTION,
}
# The kinds of pip's files. A file of a later kind overrides those of earlier kinds (OVERRIDE_ORDER
# in pip/_internal/configuration.py).
_KINDS = ("global", "user", "site", "env")
# A line of pip's output before it reads a file. Within a kind, a later file overrides earlier ones.
_FILE = re.compile(rf"For variant '(?P<kind>{'|'.join(_KINDS)})', will try loading '(?P<path>.*)'")
# pip subtracts the number `quiet` in a file, which is 3 or less, and prints these lines from 1 on.
_VERBOSE = "-" + "v" * 6


def listing_command(pip: Sequence[str]) -> list[str]:
    """Return the command that prints the names of pip's files; `pip` is the command of pip."""
    return [*pip, _VERBOSE, "config", "list"]


def listing_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for `listing_command`: `environ` without pip's own variables.

    PIP_CONFIG_FILE is kept, because it names one of pip's files. It becomes an absolute path,
    because pip may run in another folder.
    """
    others = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    file = environ.get("PIP_CONFIG_FILE")
    if not file:
        return others
    return {**others, "PIP_CONFIG_FILE": file if file == os.devnull else str(Path(file).absolute())}


def kept_environment(
    environ: Mapping[str, str], listing: str, command: PipCommand
) -> dict[str, str]:
    """Return an environment in which pip's `command` has only the harmless settings of the user.

    It is derived from `environ`. The settings come from the files that `listing`, the output of
    `listing_command`, names, and from the variables in `environ`; as in pip, variables override
    files. Raises SettingsError if a file has no valid format.
    """
    kept = {
        name: value
        for name, value in {**_in_files(listing, command), **_in_variables(environ)}.items()
        if name in _KEPT[command] and value
    }
    others = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    variables = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in kept.items()}
    return {**others, **variables, "PIP_CONFIG_FILE": os.devnull}


def hide_secrets(text: str, environ: Mapping[str, str]) -> str:
    """Return `text`, such as pip's output, without the secrets of the addresses in `environ`.

    pip itself hides passwords, but not the query of a URL, which may be a signature.
    """
    for name, value in environ.items():
        if name.startswith("PIP_") and "://" in value:
            for word in value.split():
                text = Address(word).hide_in(text)
    return text


def _in_files(listing: str, command: PipCommand) -> dict[str, str]:
    """Return the settings in pip's files. Settings for `command` override global settings.

    As in pip, a setting without a value does not override another one.
    """
    sections: dict[str, dict[str, str]] = {"global": {}, command: {}}
    for file in _files(listing):
        parser = _parsed(file)
        for section, settings in sections.items():
            if parser.has_section(section):
                items = parser.items(section)
                settings.update({_normalized(name): value for name, value in items if value})
    return {**sections["global"], **sections[command]}


def _files(listing: str) -> list[Path]:
    """Return pip's files, in the order in which pip reads them: later ones override earlier ones.

    The files need not exist.
    """
    matches = [match for line in listing.splitlines() if (match := _FILE.fullmatch(line.strip()))]
    matches.sort(key=lambda match: _KINDS.index(match["kind"]))
    return [Path(match["path"]) for match in matches]


def _parsed(file: Path) -> configparser.RawConfigParser:
    """Return the sections of one of pip's files; no sections if it cannot be read, as in pip."""
    parser = configparser.RawConfigParser()
    try:
        # pip reads its files in the encoding of the locale.
        encoding = locale.getpreferredencoding(do_setlocale=False)
        text = file.read_text(encoding=encoding, errors="surrogateescape")
    except OSError:
        return parser
    try:
        parser.read_string(text, str(file))
    except configparser.Error as error:
        raise SettingsError(
            f"The settings of pip cannot be read: {' '.join(str(error).split())}",
            remedy=f"Correct {file}; `pip config debug` lists the files of pip.",
        ) from error
    return parser


def _normalized(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _in_variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        _normalized(name.removeprefix("PIP_")): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value
    }
