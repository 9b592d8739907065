"""Notes in the venvs of sessions, which record the interpreter of each venv."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.sessions.shims import SessionInterpreter


def is_noted(note: Path, interpreter: SessionInterpreter) -> bool:
    """Return whether `note` records that its venv was created for `interpreter`."""
    try:
        return bool(parse_json(note.read_text(encoding="utf-8")) == _content(interpreter))
    except (OSError, ValueError):
        return False


def write_note(note: Path, interpreter: SessionInterpreter) -> None:
    """Record in `note` that its venv was created for `interpreter`."""
    if not is_noted(note, interpreter):
        note.write_text(json.dumps(_content(interpreter)), encoding="utf-8")


def _content(interpreter: SessionInterpreter) -> list[str]:
    return [interpreter.executable, interpreter.instance]
