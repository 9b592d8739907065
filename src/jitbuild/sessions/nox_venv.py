"""The venv of a nox session: its Python, its environment, and its interpreter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.sessions.venv_notes import is_noted, write_note

if TYPE_CHECKING:
    import nox

    from jitbuild.sessions.shims import SessionInterpreter

_NOTE = "jitbuild.json"


def renew_stale_venv(session: nox.Session, interpreter: SessionInterpreter) -> None:
    """Create a reused venv again if it was created for another interpreter.

    nox itself would reuse such a venv without a warning.
    """
    venv: Any = session.virtualenv
    note = Path(venv.location, _NOTE)
    if getattr(venv, "_reused", True) and not is_noted(note, interpreter):
        session.log(
            f"The existing environment is not that of the current {interpreter.name}, so it is not "
            "reused: creating it again"
        )
        venv.reuse_existing = False
        venv.create()
        # With -R, nox installs nothing into a reused venv. The new venv would stay empty.
        venv._reused = False  # noqa: SLF001
    write_note(note, interpreter)


def python_of(session: nox.Session) -> Path:
    """Return the Python of the session's venv."""
    return Path(session.bin, "python" if os.name == "posix" else "python.exe")


def environment_of(session: nox.Session) -> dict[str, str]:
    """Return the environment of the programs that the session runs."""
    merged = {**os.environ, **session.env}
    return {name: value for name, value in merged.items() if value is not None}
