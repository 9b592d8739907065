"""Run in_target/probe.py in an interpreter with the JIT off, at its default and on.

`jitbuild.probing.reply` reads the facts that a run prints, `jitbuild.probing.verdict` judges them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import InterpreterError
from jitbuild.probing.facts import ProbeRuns
from jitbuild.probing.reply import NAME_ANOTHER, read_facts
from jitbuild.probing.verdict import judge
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.probing.facts import Expect, ProbeFacts, Switch
    from jitbuild.probing.verdict import Verdict

# The host finds the file by its path and never imports it.
_PROBE_FILE = Path(__file__).parents[1] / "in_target/probe.py"
_PYTHON_NAME = re.compile(r"python[\d.]*[td]*(\.exe)?")
_SETTINGS: tuple[tuple[Switch, str], ...] = (("default", "PYTHON_JIT unset"), ("1", "PYTHON_JIT=1"))


def probe(  # noqa: PLR0913
    executable: str | Path,
    *,
    expect: Expect = "jit",
    version: str | None = None,
    free_threaded: bool | None = None,
    modules: bool = False,
    runner: process.Runner = process.run,
    timeout: float = 20.0,
    environ: Mapping[str, str] = os.environ,
) -> Verdict:
    """Run the probe in `executable` three times and judge whether it is what was expected.

    `expect`, `version` and `free_threaded` are as for `jitbuild.probing.verdict.judge`. With
    `modules`, the usual standard modules that are missing are determined too. Each run is ended
    after `timeout` seconds. Nothing is written into the interpreter's tree.

    Raises InterpreterError if the program cannot be run, hangs, or is not a Python 3.8 or later.
    An interpreter that reports facts with its JIT off and fails with it on gets a verdict that
    says so.
    """
    # Not resolved: the python of a venv is a link, and the path of the link identifies the venv.
    path = Path(executable).absolute()

    def facts_with(switch: Switch, *, modules: bool = False) -> ProbeFacts:
        environment = probe_environment(environ, switch)
        return collect_facts(path, environment, modules=modules, runner=runner, timeout=timeout)

    off = facts_with("0", modules=modules)
    facts: dict[Switch, ProbeFacts] = {}
    failures = []
    for switch, setting in _SETTINGS:
        try:
            facts[switch] = facts_with(switch)
        except InterpreterError as error:
            failures.append(f"With {setting}: {error.what}")
    runs = ProbeRuns(
        off=off, default=facts.get("default"), on=facts.get("1"), failures=tuple(failures)
    )
    return judge(path, runs, expect=expect, version=version, free_threaded=free_threaded)


def collect_facts(
    executable: Path,
    environ: Mapping[str, str],
    *,
    modules: bool = False,
    runner: process.Runner = process.run,
    timeout: float = 20.0,
) -> ProbeFacts:
    """Return the facts of one run of the probe in `executable`, in exactly that environment.

    Raises InterpreterError as `probe` does.
    """
    path = executable.absolute()
    argv = [str(path), "-B", "-S", str(_PROBE_FILE), *["modules"] * modules]
    try:
        completed = runner(argv, env=environ, timeout=timeout)
    except OSError as error:
        if path.is_dir():
            raise InterpreterError(f"{path} is a folder.", remedy=_name_python_in(path)) from error
        reason = error.strerror or error
        raise InterpreterError(f"{path} cannot be run: {reason}.", remedy=NAME_ANOTHER) from error
    return read_facts(path, completed, timeout)


def probe_environment(environ: Mapping[str, str], switch: Switch) -> dict[str, str]:
    """Return `environ` with PYTHON_JIT set to `switch` and without other variables of Python.

    All PYTHON* variables are removed: the JIT's own (PYTHON_JIT_*, PYTHON_UOPS_*), PYTHONPATH and
    PYTHONHOME, but also PYTHON_GIL, PYTHONPERFSUPPORT (which disables the JIT) and PYTHONINSPECT
    (which would wait for input).
    """
    clean = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    return clean if switch == "default" else {**clean, "PYTHON_JIT": switch}


def _name_python_in(folder: Path) -> str:
    """Return the remedy that names the Python in a prefix or in its bin folder, if there is one."""
    for place in (".", "bin", "Scripts"):
        for file in sorted((folder / place).glob("python*")):
            if _PYTHON_NAME.fullmatch(file.name) and file.is_file():
                return f"Name the executable in it: {file}"
    return NAME_ANOTHER
