"""Check the arguments for configure that users give with --configure-arg.

Rules of the recipes refuse arguments that conflict with jitbuild. This module refuses arguments
that configure does not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jitbuild.errors import VariantError
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_FLAG = re.compile(r"--?(?P<family>enable|disable|with|without)-(?P<stem>[^=]+)")
# Variables of configure that users may set: those of the environment (CC), and cached answers.
# Other variables in lower case, such as `libdir` and `enable_gil`, hold the values of flags.
_VARIABLE = re.compile(r"(?:[A-Z_][A-Z0-9_]*|[a-z]+_cv_\w+)=")
# Options of every configure script (Autoconf) that do not conflict with jitbuild.
_HARMLESS = frozenset({"-q", "--quiet", "--silent", "-v", "--verbose"})
_FAMILIES = {
    "enable": ("enable", "disable"),
    "disable": ("enable", "disable"),
    "with": ("with", "without"),
    "without": ("with", "without"),
}
_SIMILARITY = 0.85


def check_arguments(arguments: Iterable[str], known: Collection[str], *, release: bool) -> None:
    """Raise VariantError for an argument that configure would not know or would misread.

    `known` are the names of configure's flags, such as `with-lto`. Source trees other than releases
    may have more flags, so if `release` is False, only the form of the arguments is checked.
    """
    for argument in arguments:
        match = _FLAG.match(argument)
        if match is None:
            _check_form(argument, known)
        elif release:
            _check_flag(argument, match["family"], match["stem"], known)


def _check_form(argument: str, known: Collection[str]) -> None:
    if argument in _HARMLESS or _VARIABLE.match(argument):
        return
    name = argument.split("=", maxsplit=1)[0]
    flags = [f"--{flag}" for flag in known]
    stems = {flag.partition("-")[2]: f"--{flag}" for flag in known}
    stem = name.lstrip("-")
    flag = f"--{stem.replace('_', '-')}"  # configure stores the value of --with-lto in with_lto
    near = flag if flag in flags else stems.get(stem)
    hint = f"Did you mean {near}? " if near else did_you_mean(name, flags)
    raise VariantError(
        f"--configure-arg={argument} is neither a flag of configure nor a variable.",
        remedy=f"{hint}Write --enable-NAME, --with-NAME=VALUE or NAME=VALUE.",
    )


def _check_flag(argument: str, family: str, stem: str, known: Collection[str]) -> None:
    """Raise VariantError if the flag is unknown, but similar to a known flag.

    A flag that is similar to no known flag may be new. If it is not, configure reports it.
    """
    base = _FAMILIES[family][0]
    if f"{base}-{stem}" in known:
        return
    other = "with" if base == "enable" else "enable"
    if f"{other}-{stem}" in known:
        position = _FAMILIES[family].index(family)
        hint = f"Did you mean --{_FAMILIES[other][position]}-{stem}? "
    else:
        names = [flag.partition("-")[2] for flag in known if flag.startswith(f"{base}-")]
        flags = [f"--{family}-{name}" for name in names]
        hint = did_you_mean(f"--{family}-{stem}", flags, cutoff=_SIMILARITY)
    if hint:
        raise VariantError(
            f"--configure-arg={argument}: CPython's configure has no such flag.",
            remedy=f"{hint}`./configure --help` in a source tree lists the flags.",
        )
