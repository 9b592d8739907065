"""Compare the sessions of a CI file, which are made from settings, with those of the noxfile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.ci.matrix_sessions import list_sessions, parse_listing
from jitbuild.errors import JitbuildError
from jitbuild.system import process
from jitbuild.system.list_text import joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.ci.matrix_sessions import MatrixSession
    from jitbuild.system.progress import Reporter

_SHOWN = 3


def warn_of_other_sessions(
    sessions: Sequence[MatrixSession],
    noxfile: str,
    reporter: Reporter,
    *,
    selected: bool,
    runner: process.Runner = process.run,
) -> None:
    """Print a warning if `noxfile` does not have all `sessions`, or has other JIT sessions.

    A noxfile that does not mention jitbuild is not examined. If the user has `selected` Pythons or
    modes, JIT sessions that are not among `sessions` are not reported.
    """
    path = Path(noxfile)
    if not path.is_file() or b"jitbuild" not in path.read_bytes():
        return
    try:
        listed = parse_listing(list_sessions(noxfile, runner=runner))
    except JitbuildError as error:
        reporter.warn(str(error))
        return
    ours, theirs = ([each.session for each in group] for group in (sessions, listed))
    if missing := [name for name in ours if name not in theirs]:
        reporter.warn(
            f"{noxfile} has no session {_joined(missing)}, so its jobs would fail. "
            "Read the sessions from the noxfile: --from-nox"
        )
    elif not selected and (other := [name for name in theirs if name not in ours]):
        reporter.warn(
            f"No job runs {_joined(other)}, which {noxfile} also has. "
            "Read the sessions from the noxfile: --from-nox"
        )


def _joined(names: Sequence[str]) -> str:
    """Return the first names as a list that ends in "or"; further names are only counted."""
    shown = [f"`{name}`" for name in names][:_SHOWN]
    more = len(names) - len(shown)
    return joined([*shown, f"{more} more"] if more else shown, "or")
