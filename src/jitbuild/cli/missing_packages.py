"""Name the packages that jitbuild needs and that are not installed, as after `pip --no-deps`.

This module imports only the standard library.
"""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_NAME = re.compile(r"[\w.-]+")


def missing_packages(
    *,
    requires: Callable[[str], Iterable[str] | None] = importlib.metadata.requires,
    version: Callable[[str], str] = importlib.metadata.version,
) -> list[str]:
    """Return those of jitbuild's requirements whose packages are not installed: `msgspec>=0.19`.

    The list is empty if jitbuild itself was not installed by a package manager, because its
    requirements are then unknown. `requires` and `version` read the metadata of installed packages.
    """
    try:
        requirements = [text for text in requires("jitbuild") or () if ";" not in text]
    except importlib.metadata.PackageNotFoundError:
        return []
    return [text for text in requirements if not _is_installed(text, version)]


def message(error: ModuleNotFoundError, missing: Sequence[str]) -> str | None:
    """Return the message for `error`, with the remedy on its second line.

    `missing` are the requirements that are not installed. Return None if `error` is a bug of
    jitbuild: its module is one of jitbuild, or nothing is known to be missing.
    """
    name = (error.name or "").partition(".")[0]
    names = [_name_of(text) for text in missing] or [name] * (name == "msgspec")
    if name == "jitbuild" or not names:
        return None
    verb = "is" if len(names) == 1 else "are"
    lines = [
        f"jitbuild needs {', '.join(names)}, which {verb} not installed here.",
        (
            "Install jitbuild without the option --no-deps. Only its pytest plugin works without "
            "the other packages."
        ),
    ]
    if missing:
        lines.append(shlex.join([sys.executable, "-m", "pip", "install", *missing]))
    return "\n".join(lines)


def _is_installed(requirement: str, version: Callable[[str], str]) -> bool:
    try:
        version(_name_of(requirement))
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _name_of(requirement: str) -> str:
    match = _NAME.match(requirement)
    return match[0] if match else requirement
