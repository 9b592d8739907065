"""running/programs.py: programs that cannot start, and programs that run another Python."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cli_fixtures import put

from jitbuild.errors import UsageError
from jitbuild.running.environment import command_environment, program_folders
from jitbuild.running.programs import (
    check_program,
    find_startable,
    other_python,
    script_command,
    script_interpreter,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no shebang lines")


@dataclass
class Machine:
    """An interpreter, a folder `other` with another Python, and the PATH of a command."""

    interpreter: Interpreter
    own: Path
    other: Path

    @property
    def env(self) -> dict[str, str]:
        return command_environment(self.interpreter, None, {"PATH": str(self.other)})

    def find(self, name: str) -> Path:
        return find_startable(name, program_folders(self.interpreter), self.env)

    def other_python(self, path: Path) -> str:
        return other_python(path, self.interpreter, self.env)


def program(path: Path, text: str = "binary", mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture(params=["built", "adopted"])
def machine(request, store, tmp_path) -> Machine:
    """The folder of the adopted interpreter also has another Python as `python3`, like /usr/bin."""
    other = tmp_path / "other"
    for name in ("python3", "python3.11", "python3.15"):
        program(other / name)
    if request.param == "built":
        interpreter = put(store, "x")
        return Machine(interpreter, interpreter.executable.parent, other)
    own = program(tmp_path / "usr/bin/python3.15")
    program(own.with_name("python3"), "another binary")
    return Machine(put(store, "x", program=own), own.parent, other)


def test_a_program_that_does_not_exist_is_refused(machine):
    for name in ("nosuch", "./nosuch"):
        with pytest.raises(UsageError, match=f"{name} cannot be run: no such program"):
            machine.find(name)


@pytest.mark.parametrize("reason", ["first line names /gone/python3.15", "permission", "a link to"])
def test_a_program_of_the_interpreter_that_cannot_start_hides_others_on_path(machine, reason):
    working = program(machine.other / "tool")
    assert machine.find("tool") == working
    if "link" in reason:
        (machine.own / "tool").symlink_to("gone")
    else:
        mode = 0o644 if reason == "permission" else 0o755
        program(machine.own / "tool", "#!/gone/python3.15\n", mode)
    if reason == "permission" and os.geteuid() == 0:
        assert not os.access(machine.own / "tool", os.X_OK)  # not even root may execute it
    with pytest.raises(UsageError, match=reason) as caught:
        check_program("tool", machine.interpreter, machine.env)
    assert f"{machine.own / 'tool'} cannot be run" in caught.value.what
    assert "-m tool" in caught.value.remedy


def test_a_folder_is_not_a_program(machine):
    (machine.own / "tool").mkdir()
    working = program(machine.other / "tool")
    assert machine.find("tool") == working
    with pytest.raises(UsageError, match="it is a folder"):
        machine.find(str(machine.own / "tool"))


def test_a_script_of_another_python_is_refused(machine):
    python = machine.other / "python3.11"
    script = program(machine.other / "pytest", f"#!{python}\n")
    with pytest.raises(UsageError, match=r"another Python, .*/other/python3\.11") as caught:
        check_program("pytest", machine.interpreter, machine.env)
    assert "or add `--with pytest`" in caught.value.remedy
    assert "a script of another Python" in machine.other_python(script)


def test_the_remedy_in_an_environment_does_not_advise_to_create_one(machine, tmp_path):
    script = program(machine.other / "pytest", f"#!{machine.other / 'python3.11'}\n")
    python = program(tmp_path / "venv/bin/python")
    (tmp_path / "venv/pyvenv.cfg").touch()
    environment = machine.interpreter.with_executable(python)
    with pytest.raises(UsageError, match="another Python") as caught:
        check_program(str(script), environment, machine.env)
    assert caught.value.remedy == (
        "Use `-m pytest`; if the environment does not have pytest, add `--with pytest`."
    )


@pytest.mark.parametrize(
    ("manager", "text"),
    [
        (
            "pyenv",
            '#!/usr/bin/env bash\nset -e\nexec "/x/.pyenv/libexec/pyenv" exec "$program" "$@"\n',
        ),
        (
            "asdf",
            '#!/bin/sh\n# asdf-plugin: python 3.11\nexec /opt/asdf/bin/asdf exec "pytest" "$@"\n',
        ),
    ],
)
def test_a_shim_of_a_version_manager_is_refused(machine, manager, text):
    shim = program(machine.other / "pytest", text)
    with pytest.raises(UsageError, match=f"pytest is a shim of {manager}, which") as caught:
        check_program("pytest", machine.interpreter, machine.env)
    assert "`-m pytest`" in caught.value.remedy
    assert f"a shim of {manager}" in machine.other_python(shim)


def test_a_link_to_mise_is_a_shim_but_mise_and_other_scripts_are_not(machine):
    mise = program(machine.other / "mise", "\x7fELF")
    shim = machine.other / "pytest"
    shim.symlink_to(mise)
    assert "a shim of mise" in machine.other_python(shim)
    assert not machine.other_python(mise)
    script = program(machine.other / "check", "#!/bin/sh\n# needs pyenv\nexec python3 -m pytest\n")
    assert not machine.other_python(script)


def test_a_tool_that_starts_other_pythons_is_accepted(machine):
    tox = program(machine.other / "tox", f"#!{machine.other / 'python3.11'}\n")
    assert check_program("tox", machine.interpreter, machine.env) == tox
    assert not machine.other_python(tox)


def test_a_script_beside_an_adopted_interpreter_may_be_of_another_python(machine):
    python3 = machine.own / "python3"
    script = program(machine.own / "pip", f"#!{python3}\n")
    is_other = python3.read_text() == "another binary"
    assert bool(machine.other_python(script)) == is_other


def test_scripts_that_pip_writes_for_long_paths_are_understood(machine):
    python = machine.other / "with space" / "python3.11"
    text = f"""#!/bin/sh\n'''exec' "{python}" "$0" "$@"\n' '''\nimport sys\n"""
    script = program(machine.other / "tool", text)
    assert script_interpreter(script) == [str(python)]
    with pytest.raises(UsageError, match="which does not exist"):
        machine.find("tool")
    program(python)
    with pytest.raises(UsageError, match="a script of another Python"):
        check_program("tool", machine.interpreter, machine.env)


@pytest.mark.parametrize("line", ["#!OURS", "#!LINK", "#!/bin/sh", "#!", "x", ""])
def test_other_programs_are_accepted(machine, tmp_path, line):
    executable = machine.interpreter.executable
    link = tmp_path / "python3"
    link.symlink_to(executable)
    line = line.replace("OURS", str(executable)).replace("LINK", str(link))
    script = program(machine.other / "tool", f"{line}\n")
    assert check_program("tool", machine.interpreter, machine.env) == script
    assert not machine.other_python(script)


def test_the_first_line_of_a_script_may_search_path_for_a_python(machine):
    """`python3` is the interpreter, also if it was adopted from a folder with another Python."""
    lines = {
        "#!/usr/bin/env python3": False,
        "#!/usr/bin/env -S python3 -X dev": False,
        "#!/usr/bin/env python3.11": True,
        "#!/usr/bin/env -S A=1 python3.11 -B": True,
        "#!/usr/bin/env nosuch": False,
    }
    for line, other in lines.items():
        script = program(machine.other / "tool", f"{line}\n")
        assert bool(machine.other_python(script)) == other, line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#!/usr/bin/env -S python3 -I", ["python3", "-I"]),
        ("#!/usr/bin/env -S -i A=1 python3 -X perf A=2", ["python3", "-X", "perf", "A=2"]),
        ("#!/usr/bin/env python3", ["python3"]),
        ("#!/usr/bin/python3 -Es", ["/usr/bin/python3", "-Es"]),
        ("#!/usr/bin/env", []),
        ("#!/usr/bin/env -S python3 'x", ["python3", "'x"]),
        ("import sys", []),
    ],
)
def test_the_command_of_a_script_begins_after_env(tmp_path, line, words):
    assert script_command(program(tmp_path / "tool", f"{line}\n")) == words


def test_another_python_is_recognized_and_a_venv_of_the_interpreter_is_accepted(machine, tmp_path):
    executable = machine.interpreter.executable
    assert "is another Python" in machine.other_python(machine.other / "python3.11")
    assert not machine.other_python(executable)
    assert not machine.other_python(program(machine.other / "python4", "#!/bin/sh\n"))  # a shim
    copy = tmp_path / "venv/bin/python"
    copy.parent.mkdir(parents=True)
    shutil.copy(executable, copy)
    assert machine.other_python(copy)
    (tmp_path / "venv/pyvenv.cfg").write_text(f"home = {executable.parent}\n")
    assert not machine.other_python(copy)
    environment = machine.interpreter.with_executable(copy)
    assert not other_python(program(copy.with_name("python3")), environment, machine.env)
