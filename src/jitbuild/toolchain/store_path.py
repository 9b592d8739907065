"""Check the path of the store for characters that make, configure or the shell cannot handle."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from jitbuild.errors import PreflightError

if TYPE_CHECKING:
    from pathlib import Path

REMEDY = (
    "Set JITBUILD_HOME to a writable folder whose path has no spaces and none of these characters: "
    "$ # : ; , ' \" ` \\ & | < > ( )"
)
# Each of these characters broke a build of 3.13.15. Builds were also tried with ! % * + = ? @ [ ] ^
# { } ~ and with letters outside ASCII, and succeeded.
_NAMES = {
    " ": "a space",
    "\n": "a newline",
    "\t": "a tab",
    "$": "a dollar sign ($)",
    "#": "a number sign (#)",
    ":": "a colon (:)",
    ";": "a semicolon (;)",
    ",": "a comma (,)",
    "'": "a single quote (')",
    '"': 'a double quote (")',
    "`": "a backquote (`)",
    "\\": "a backslash (\\)",
    "&": "an ampersand (&)",
    "|": "a vertical bar (|)",
    "<": "a less-than sign (<)",
    ">": "a greater-than sign (>)",
    "(": "an opening parenthesis",
    ")": "a closing parenthesis",
}


def path_problem(path: Path) -> str:
    """Return the name of the first character of `path` that breaks a build; "" if there is none."""
    text = str(path)
    with contextlib.suppress(UnicodeError):
        # The encoding of the locale may lack letters that are UTF-8 in the path.
        text = os.fsencode(path).decode("utf-8")
    return next(filter(None, map(_problem, text)), "")


def check_path(path: Path) -> None:
    """Raise PreflightError if the store's path `path` has a character that breaks builds."""
    if problem := path_problem(path):
        raise PreflightError(
            f"The path of the store has {problem}, and make cannot build in it: {_shown(path)}",
            remedy=REMEDY,
        )


def _shown(path: Path) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(path))


def _problem(character: str) -> str:
    if name := _NAMES.get(character, ""):
        return name
    if "\udc80" <= character <= "\udcff":
        return f"a byte that is not UTF-8 (0x{ord(character) - 0xDC00:02x})"
    if character.isspace() or not character.isprintable():
        return f"the character U+{ord(character):04X}"
    return ""
