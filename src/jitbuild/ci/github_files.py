"""Files that pass values to later steps of GitHub Actions: GITHUB_OUTPUT and GITHUB_PATH.

Their formats are documented in GitHub's "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def format_outputs(values: Mapping[str, str]) -> str:
    """Return `values` as lines `name=value` for GITHUB_OUTPUT.

    A value of several lines is enclosed in a random delimiter, so no line of the value can be
    mistaken for another output.
    """
    lines = []
    for name, value in values.items():
        if "\n" in value:
            delimiter = f"end-{secrets.token_hex(16)}"
            lines.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
        else:
            lines.append(f"{name}={value}\n")
    return "".join(lines)


def append_outputs(values: Mapping[str, str], file: Path) -> None:
    """Append `values` to `file` in the format of GITHUB_OUTPUT."""
    _append(file, format_outputs(values))


def append_path(folders: Sequence[str], file: Path) -> None:
    """Append `folders` to `file` in the format of GITHUB_PATH.

    The folders are written in reverse order, because GitHub puts the last line of the file first on
    PATH.
    """
    _append(file, "".join(f"{folder}\n" for folder in reversed(folders)))


def _append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
