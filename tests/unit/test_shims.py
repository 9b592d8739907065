"""Shims, and the notes in venvs."""

import os
from pathlib import Path

import pytest
from session_samples import INTERPRETER

from jitbuild.sessions.shims import read_shim, write_shim
from jitbuild.sessions.venv_notes import is_noted, write_note


def test_a_shim_records_its_interpreter_and_is_rewritten_only_for_another(tmp_path: Path):
    shim = tmp_path / "3.15" / "python"
    assert read_shim(shim) is None
    write_shim(shim, INTERPRETER)
    assert read_shim(shim) == INTERPRETER
    assert os.access(shim, os.X_OK)
    os.utime(shim, (1, 1))
    write_shim(shim, INTERPRETER)
    assert shim.stat().st_mtime == 1
    write_shim(shim, INTERPRETER._replace(instance="2" * 32))
    assert shim.stat().st_mtime > 1
    assert [path.name for path in shim.parent.iterdir()] == ["python"]


@pytest.mark.parametrize("text", ["", "#!/bin/sh\n", "# {\n", "# {}\n", "# []\n"])
def test_a_file_that_is_not_a_shim_has_no_interpreter(tmp_path: Path, text: str):
    (tmp_path / "python").write_text(text)
    assert read_shim(tmp_path / "python") is None


def test_a_note_names_the_interpreter_of_a_venv(tmp_path: Path):
    note = tmp_path / "note"
    assert not is_noted(note, INTERPRETER)
    write_note(note, INTERPRETER)
    assert is_noted(note, INTERPRETER)
    assert note.read_text() == '["/it\'s here/python3.15", "11111111111111111111111111111111"]'
    assert not is_noted(note, INTERPRETER._replace(instance="2"))
    note.write_text("{")
    assert not is_noted(note, INTERPRETER)
