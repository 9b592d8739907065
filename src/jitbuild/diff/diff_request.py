"""The request of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.running.venvs import Requirements

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.modes import Mode
    from jitbuild.request import Axes


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffRequest:
    """A request to compare `command` in `modes`, on the interpreter that fits `spec` and `axes`.

    `requirements` are installed in a virtual environment of the interpreter. `packages` are the
    names of the packages under test; if there are none, they are found. `timeout` is the limit of
    each run in seconds. The logs of all runs are kept in the folder `keep`; if it is None, only
    the logs of failed runs are kept, in the store. With `live`, the command's output is copied to
    stderr.
    """

    spec: str
    axes: Axes
    command: tuple[str, ...]
    modes: tuple[Mode, ...] = ("off", "on")
    repeats: int = 3
    timeout: float | None = None
    requirements: Requirements = Requirements()  # noqa: RUF009 # it is immutable
    packages: tuple[str, ...] = ()
    keep: Path | None = None
    live: bool = False
