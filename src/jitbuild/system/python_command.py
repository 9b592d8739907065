"""Commands that start a Python for jitbuild's own purposes.

With `-m` or `-c`, Python looks for modules in the current folder first: a `json.py` there would be
run instead of the standard module. These commands leave that folder out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The first statement removes the current folder, which `-c` puts first. sys is built in. Python
# 3.11 has the option -P for this, but an environment may have an older Python.
_WITHOUT_FOLDER = "import sys; sys.path[:1] = [] if sys.path[:1] == [''] else sys.path[:1]; "
_RUN_MODULE = "import runpy; runpy.run_module({!r}, run_name='__main__', alter_sys=True)"


def module_command(python: Path | str, module: str) -> list[str]:
    """Return the command `python -m module`, without the current folder on `sys.path`."""
    return code_command(python, _RUN_MODULE.format(module))


def code_command(python: Path | str, code: str) -> list[str]:
    """Return the command `python -c code`, without the current folder on `sys.path`."""
    return [str(python), "-c", _WITHOUT_FOLDER + code]
