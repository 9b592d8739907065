"""The user's settings of pip, reduced to those that cannot change where packages are installed.

A setting such as `target`, `prefix`, `user` or `dry-run` would leave an environment empty. No
option of pip undoes such a setting, and an empty variable does not override a file. Therefore
jitbuild reads pip's files with `pip config list`, passes the harmless settings to pip as variables,
and makes pip ignore its files with PIP_CONFIG_FILE=os.devnull (pip's documentation,
"Configuration").
"""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING, Literal

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
_LINE = re.compile(r"(?P<section>[\w-]+)\.(?P<name>[\w-]+)=(?P<value>['\"].*)")


def listing_command(pip: Sequence[str]) -> list[str]:
    """Return the command that prints the settings in pip's files; `pip` is the command of pip.

    With -vvv, pip prints them even if a file sets `quiet`.
    """
    return [*pip, "-vvv", "config", "list"]


def listing_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for `listing_command`: `environ` without pip's own variables.

    PIP_CONFIG_FILE is kept, because it names one of pip's files.
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("PIP_") or name == "PIP_CONFIG_FILE"
    }


def kept_environment(
    environ: Mapping[str, str], listing: str, command: PipCommand
) -> dict[str, str]:
    """Return an environment in which pip's `command` has only the harmless settings of the user.

    It is derived from `environ`. The settings come from `listing`, the output of `listing_command`,
    and from the variables in `environ`; as in pip, variables override files.
    """
    kept = {
        name: value
        for name, value in {**_in_files(listing, command), **_in_variables(environ)}.items()
        if name in _KEPT[command] and value
    }
    others = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    variables = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in kept.items()}
    return {**others, **variables, "PIP_CONFIG_FILE": os.devnull}


def _in_files(listing: str, command: PipCommand) -> dict[str, str]:
    """Return the settings in pip's files. Settings for `command` override global settings."""
    sections: dict[str, dict[str, str]] = {"global": {}, command: {}}
    for line in listing.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match and match["section"] in sections:
            sections[match["section"]][match["name"]] = _text(match["value"])
    return {**sections["global"], **sections[command]}


def _in_variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value
    }


def _text(literal: str) -> str:
    """Return the string that `literal` represents in Python's notation, which pip prints."""
    try:
        return str(ast.literal_eval(literal))
    except (ValueError, SyntaxError):
        return ""
