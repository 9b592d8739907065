"""The files by which GitHub Actions passes values to later steps: GITHUB_OUTPUT and GITHUB_PATH.

Their formats are documented in GitHub's "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def format_outputs(values: Mapping[str, str]) -> str:
    """Return the lines `name=value` of GITHUB_OUTPUT.

    A value of several lines stands between random delimiters, so that no part of it can be read as
    another output.
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
    """Append `values` to `file`, a GITHUB_OUTPUT."""
    _append(file, format_outputs(values))


def append_path(folders: Sequence[str], file: Path) -> None:
    """Append `folders` to `file`, a GITHUB_PATH, so that the first one comes first on PATH.

    GitHub puts the last line of the file first.
    """
    _append(file, "".join(f"{folder}\n" for folder in reversed(folders)))


def _append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
