"""Check the path of the store for what make, configure, the shell or the system cannot handle."""

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
LENGTH_REMEDY = "Set JITBUILD_HOME to a folder with a shorter path."
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
# The longest path of a build without that of the store: its folder in scratch/, the interpreter's
# name, and the path of the deepest module, in which a version has 40 bytes at most.
_REST_OF_LONGEST_PATH = 400
_WINDOWS_LIMIT = 32_767


def path_problem(path: Path) -> str:
    """Return the name of the first character of `path` that breaks a build; "" if there is none."""
    text = str(path)
    with contextlib.suppress(UnicodeError):
        # The encoding of the locale may lack letters that are UTF-8 in the path.
        text = os.fsencode(path).decode("utf-8")
    return next(filter(None, map(_problem, text)), "")


def check_path(path: Path, *, limit: int | None = None) -> None:
    """Raise PreflightError if no build can succeed in a store with the path `path`.

    `limit` is the length of the longest path, in bytes; None stands for that of this system.
    """
    if problem := path_problem(path):
        raise PreflightError(
            f"The path of the store has {problem}, and make cannot build in it: {_shown(path)}",
            remedy=REMEDY,
        )
    if excess := length_problem(path, limit=limit):
        raise PreflightError(f"The path of the store is too long: {excess}.", remedy=LENGTH_REMEDY)


def length_problem(path: Path, *, limit: int | None = None) -> str:
    """Return the length of a store's path and the longest one, if it is too long; else ""."""
    length, longest = len(os.fsencode(path)), longest_store_path(limit)
    if length <= longest:
        return ""
    return f"it has {length} bytes, and a build can have at most {longest}"


def longest_store_path(limit: int | None = None) -> int:
    """Return the length of the longest path of a store in which a build can succeed, in bytes.

    An interpreter is staged in a folder below the store whose path ends with the path of the
    interpreter in the store, so the longest path of a build contains that of the store twice.
    """
    if limit is None:
        limit = os.pathconf("/", "PC_PATH_MAX") if hasattr(os, "pathconf") else _WINDOWS_LIMIT
    return (limit - _REST_OF_LONGEST_PATH) // 2


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
