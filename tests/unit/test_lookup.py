"""running/lookup.py: programs by path or name."""

from pathlib import Path

from jitbuild.running.lookup import find_program


def test_a_program_is_a_path_or_a_name_on_path(tmp_path, monkeypatch):
    tool = tmp_path / "bin" / "python3.15"
    tool.parent.mkdir()
    tool.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    assert find_program("python3.15") == tool
    assert find_program(str(tool)) == tool
    assert find_program("no/such/python") == Path("no/such/python")
    assert find_program("nosuch") is None
