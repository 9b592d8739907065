"""Commands that start a Python for jitbuild's own purposes."""

from __future__ import annotations

import re
from pathlib import Path

import jitbuild
from jitbuild.system.python_command import code_command, module_command

_SOURCE = Path(jitbuild.__file__).parent
# The text of a command for the person to type.
_PRINTED = {"cli/missing_packages.py"}


def test_the_current_folder_is_removed_before_anything_is_imported():
    python, option, code = module_command("python", "pip")
    assert (python, option) == ("python", "-c")
    assert code.startswith("import sys; sys.path[:1] = ")
    assert code.endswith("runpy.run_module('pip', run_name='__main__', alter_sys=True)")
    assert code_command("python", "import json")[2].endswith("; import json")


def test_no_module_starts_this_python_without_safe_path():
    unsafe = re.compile(r'sys\.executable, "-[mc]"')
    found = {
        file.relative_to(_SOURCE).as_posix()
        for file in _SOURCE.rglob("*.py")
        if unsafe.search(file.read_text(encoding="utf-8"))
    }
    assert found <= _PRINTED


def test_the_action_starts_python_with_safe_path():
    action = _SOURCE.parents[1] / ".github/actions/setup-jitbuild/action.yml"
    commands = [line for line in action.read_text().splitlines() if " -m " in line]
    assert commands
    assert all(" -P -m " in line for line in commands)
