"""Run in_target/probe.py in an interpreter three times: with the JIT off, at its default, and on.

`jitbuild.probing.reply` reads the facts that each run prints, and `jitbuild.probing.verdict` judges
them.
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
    from collections.abc import Collection, Mapping

    from jitbuild.probing.facts import Expect, ProbeFacts, Switch
    from jitbuild.probing.verdict import Verdict

# This file is run by the probed interpreter, and never imported by jitbuild itself.
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
    required: Collection[str] | None = None,
    runner: process.Runner = process.run,
    timeout: float = 20.0,
    environ: Mapping[str, str] = os.environ,
) -> Verdict:
    """Run the probe in `executable` three times, and return the verdict on the interpreter.

    `expect`, `version` and `free_threaded` are the expectations, as for
    `jitbuild.probing.verdict.judge`. If `modules` is True, the probe also finds out which of the
    usual standard modules are missing; no module in `required` may then be missing. Each run is
    ended after `timeout` seconds. Nothing is written into the interpreter's folder.

    Raises InterpreterError if the program cannot be run, hangs, or is not a Python 3.8 or later. If
    the interpreter fails only with its JIT on or at its default, nothing is raised: the verdict
    reports the failure.
    """
    # Do not resolve links: the python of a venv is a link, and its path identifies the venv.
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
    return judge(
        path,
        runs,
        expect=expect,
        version=version,
        free_threaded=free_threaded,
        required=required,
    )


def missing_modules(
    executable: Path,
    *,
    runner: process.Runner = process.run,
    environ: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Start `executable` once, and return the usual standard modules that it cannot import.

    Raises InterpreterError if the program does not run.
    """
    facts = collect_facts(executable, probe_environment(environ, "0"), modules=True, runner=runner)
    return facts.missing or ()


def collect_facts(
    executable: Path,
    environ: Mapping[str, str],
    *,
    modules: bool = False,
    runner: process.Runner = process.run,
    timeout: float = 20.0,
) -> ProbeFacts:
    """Run the probe in `executable` once, with the environment `environ`, and return the facts.

    `modules` and `timeout` are as for `probe`. Raises InterpreterError if the program cannot be
    run, hangs, or is not a Python 3.8 or later.
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
    """Return `environ` with PYTHON_JIT set to `switch`, and without all other PYTHON* variables.

    If `switch` is `default`, PYTHON_JIT is not set. The removed variables include those of the JIT
    (PYTHON_JIT_*, PYTHON_UOPS_*), PYTHONPATH, PYTHONHOME, PYTHON_GIL, PYTHONPERFSUPPORT, which
    disables the JIT, and PYTHONINSPECT, which would make Python wait for input.
    """
    clean = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    return clean if switch == "default" else {**clean, "PYTHON_JIT": switch}


def _name_python_in(folder: Path) -> str:
    """Return a remedy that names the Python in `folder` or in its bin folder, if there is one."""
    for place in (".", "bin", "Scripts"):
        for file in sorted((folder / place).glob("python*")):
            if _PYTHON_NAME.fullmatch(file.name) and file.is_file():
                return f"Name the executable in this folder: {file}"
    return NAME_ANOTHER
