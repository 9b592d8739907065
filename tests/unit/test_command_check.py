"""Commands that cannot show a difference are refused before anything runs."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from jitbuild.diff.command_check import check_command, check_modes, check_program
from jitbuild.errors import UsageError


@pytest.mark.parametrize("modes", [(), ("on",), ("on", "on")])
def test_fewer_than_two_different_modes_are_refused(modes):
    with pytest.raises(UsageError, match="at least two different modes") as caught:
        check_modes(modes)
    assert caught.value.remedy == "Use --modes off,on."  # every interpreter has these modes


def test_a_mode_that_is_named_twice_is_refused():
    with pytest.raises(UsageError, match="off,on,off: a mode is named more than once") as caught:
        check_modes(("off", "on", "off"))
    assert caught.value.remedy == "Use --modes off,on."


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "no command"),
        (("-I", "x.py"), "ignores PYTHON_JIT"),
        (("-X", "perf", "x.py"), "does not use the JIT"),
    ],
)
def test_a_command_that_shows_nothing_is_refused(command, reason):
    with pytest.raises(UsageError, match=reason):
        check_command(command)


def test_a_command_that_may_show_a_difference_is_accepted():
    check_modes(("on", "off"))
    check_command(("-X", "dev", "x.py"))


@pytest.fixture
def interpreter(tmp_path):
    executable = tmp_path / "ours" / "bin" / "python3.15"
    executable.parent.mkdir(parents=True)
    executable.touch()
    return SimpleNamespace(name="ours", executable=executable)


@pytest.fixture
def script(tmp_path):
    """Return a function that writes a script, and the environment to find it in."""
    folder = tmp_path / "scripts"
    folder.mkdir()

    def script(name, first_line):
        (folder / name).write_text(f"{first_line}\n")
        (folder / name).chmod(0o755)
        return {"PATH": str(folder)}

    return script


def test_a_script_of_another_python_is_refused(interpreter, script):
    env = script("pytest", "#!/usr/bin/python3.11")
    with pytest.raises(UsageError, match=r"another Python, /usr/bin/python3\.11") as caught:
        check_program("pytest", interpreter, env)
    assert "--with pytest" in caught.value.remedy


@pytest.mark.parametrize(
    "line", ["#!OURS", "#!LINK", "#!/bin/sh", "#!/usr/bin/env python3", "#!", "x"]
)
def test_other_programs_are_accepted(interpreter, script, tmp_path, line):
    link = tmp_path / "python3"
    link.symlink_to(interpreter.executable)
    line = line.replace("OURS", str(interpreter.executable)).replace("LINK", str(link))
    check_program("tool", interpreter, script("tool", line))


def test_a_program_that_does_not_exist_is_refused(interpreter):
    with pytest.raises(UsageError, match="nosuch cannot be run: no such program"):
        check_program("nosuch", interpreter, {"PATH": str(Path("/nowhere"))})
