"""Reject commands that cannot show a difference, before they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import UsageError
from jitbuild.running.command import check_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.modes import Mode


def check_command(command: Sequence[str]) -> None:
    """Raise UsageError if `command` is empty, or has an option that makes all modes equal."""
    if not command:
        raise UsageError(
            "There is no command to compare.",
            remedy="Write it after `--`: jitbuild diff 3.15 -- -m pytest",
        )
    check_options(command, "all modes would be the same")


def check_modes(modes: Sequence[Mode]) -> None:
    """Raise UsageError unless `modes` has at least two modes and no duplicates."""
    different = list(dict.fromkeys(modes))
    if len(different) < 2:
        raise UsageError(
            f"--modes {','.join(modes)}: at least two different modes are required.",
            remedy=f"Use --modes {_with_another(different)}.",
        )
    if len(different) < len(modes):
        raise UsageError(
            f"--modes {','.join(modes)}: a mode is named more than once.",
            remedy=f"Use --modes {','.join(different)}.",
        )


def _with_another(modes: Sequence[Mode]) -> str:
    """Return the stated mode with a mode to compare it with, as the value of --modes."""
    if not modes or modes[0] in {"off", "on"}:
        return "off,on"
    return f"off,{modes[0]}"
