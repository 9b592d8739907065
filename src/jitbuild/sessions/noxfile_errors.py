"""Make an error in a noxfile end nox with one line, not with a traceback; reasons for nox."""

from __future__ import annotations

import contextlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import JitbuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

_INNER_PACKAGES = frozenset({"jitbuild", "contextlib"})


@contextlib.contextmanager
def noxfile_errors() -> Iterator[None]:
    """Make a JitbuildError in the block end nox with one line, unless the noxfile catches it.

    nox catches no exception of a noxfile, and Python prints the traceback of every exception but
    SystemExit. The error is therefore raised as an instance of a class that derives from its own
    class and from SystemExit, whose `code` is the line that Python prints: the place in the
    noxfile, the message and the remedy. The exit code is 1.
    """
    try:
        yield
    except SystemExit:  # an inner block has already changed the error
        raise
    except JitbuildError as error:
        kind = type(error)
        ending = type(kind.__name__, (kind, SystemExit), {})(error.what, remedy=error.remedy)
        ending.code = f"nox > {_place()}{error.what} {error.remedy}".replace("\n", " ")
        raise ending from error


def reason_of(error: JitbuildError) -> str:
    """Return the reason for session.error: the message and the remedy. nox adds a full stop."""
    return f"{error.what} {error.remedy}".removesuffix(".")


def _place() -> str:
    """Return the line of the noxfile that runs now, as `noxfile.py, line 7: `; "" if unknown."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _INNER_PACKAGES:
            return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}: "
        frame = frame.f_back
    return ""
