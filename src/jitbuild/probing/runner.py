"""Asks an interpreter what it is: runs _probe_target.py in it with the JIT off, at its default and on.

What the answers mean is said in jitbuild.verdict; here is how they are got, and what is said of things that give none.
"""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitbuild.errors import InterpreterError
from jitbuild.probing.verdict import Built, Check, Expect, ProbeFacts, Runs, Switch, Verdict, judge
from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Built",
    "Check",
    "Expect",
    "ProbeFacts",
    "Verdict",
    "probe_environment",
    "collect_facts",
    "probe",
]

# The host never imports it: it is for the interpreter under test.
_PROBE_FILE = Path(__file__).parents[1] / "in_target/probe.py"
# The lines around the JSON object, as probe.py prints them.
BEGIN = "=====jitbuild probe begins====="
END = "=====jitbuild probe ends====="
_OLDEST = (3, 8)
_PYTHON_NAME = re.compile(r"python[\d.]*[td]*(\.exe)?")
_SETTINGS: tuple[tuple[Switch, str], ...] = (("default", "PYTHON_JIT unset"), ("1", "PYTHON_JIT=1"))
_NAME_ANOTHER = (
    "Name a Python executable, such as the one that `import sys; print(sys.executable)` prints."
)


def probe(
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
    """Run the probe in `executable` and say whether it is what was expected; see jitbuild.verdict.judge.

    `modules` also asks which of the usual standard modules are missing. Each of the three runs gets `timeout` seconds; what
    still runs then is ended. Nothing is written into the interpreter's tree.

    Raises InterpreterError for what cannot be run, hangs, or answers like no Python >= 3.8. An interpreter that answers
    with its JIT off and fails with it on gets a verdict that says so.
    """
    path = Path(
        executable
    ).absolute()  # not resolved: a venv's python is a link, and is known by its own place

    def ask(switch: Switch) -> ProbeFacts:
        argv = [
            str(path),
            "-B",
            "-S",
            str(_PROBE_FILE),
            *(["modules"] if modules and switch == "0" else []),
        ]
        return _facts(
            path, _run(argv, path, runner, timeout, probe_environment(environ, switch)), timeout
        )

    answers: dict[Switch, ProbeFacts] = {"0": ask("0")}
    failures = []
    for switch, setting in _SETTINGS:
        try:
            answers[switch] = ask(switch)
        except InterpreterError as error:
            failures.append(f"With {setting}: {error.what}")
    runs = Runs(
        off=answers["0"],
        default=answers.get("default"),
        on=answers.get("1"),
        failures=tuple(failures),
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
    """What one run of the probe in `executable`, in exactly that environment, sees. Raises InterpreterError as `probe` does."""
    path = executable.absolute()
    argv = [str(path), "-B", "-S", str(_PROBE_FILE), *["modules"] * modules]
    return _facts(path, _run(argv, path, runner, timeout, environ), timeout)


def probe_environment(environ: Mapping[str, str], switch: Switch) -> dict[str, str]:
    """`environ` with PYTHON_JIT as said and without anything else that Python heeds.

    All of PYTHON*: the JIT's own knobs (PYTHON_JIT_*, PYTHON_UOPS_*), PYTHONPATH and PYTHONHOME, but also PYTHON_GIL,
    PYTHONPERFSUPPORT (which disables the JIT) and PYTHONINSPECT (which would wait for input).
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    return kept if switch == "default" else {**kept, "PYTHON_JIT": switch}


def _run(
    argv: list[str], path: Path, runner: process.Runner, timeout: float, env: Mapping[str, str]
) -> process.Completed:
    try:
        return runner(argv, env=env, timeout=timeout)
    except OSError as error:
        if path.is_dir():
            raise InterpreterError(f"{path} is a folder.", remedy=_in_folder(path)) from error
        raise InterpreterError(
            f"{path} cannot be run: {error.strerror or error}.", remedy=_NAME_ANOTHER
        ) from error


def _in_folder(folder: Path) -> str:
    """Names the Python in a prefix or a bin folder, if that is what was given."""
    files = (
        file
        for place in (".", "bin", "Scripts")
        for file in sorted((folder / place).glob("python*"))
    )
    found = next(
        (file for file in files if _PYTHON_NAME.fullmatch(file.name) and file.is_file()), None
    )
    return _NAME_ANOTHER if found is None else f"Name the executable in it: {found}"


def _facts(path: Path, completed: process.Completed, timeout: float) -> ProbeFacts:
    """The facts that a run printed. Raises InterpreterError, naming how it ended, when it printed none."""
    if completed.timed_out:
        raise InterpreterError(
            f"{path} did not answer within {timeout:g} seconds.", remedy=_NAME_ANOTHER
        )
    answer = _unframe(completed.stdout)
    if answer is None or completed.returncode != 0:
        raise InterpreterError(f"{path} {_ending(completed)}", remedy=_remedy(completed))
    _check_age(path, answer)
    return _convert(path, answer)


def _unframe(text: str) -> dict[str, Any] | None:
    """The object between the two marks, whatever else was printed around them; None when there is none."""
    lines = text.splitlines()
    if BEGIN not in lines:
        return None
    begin = lines.index(BEGIN)
    if lines[begin + 2 : begin + 3] != [END]:
        return None
    try:
        answer = json.loads(lines[begin + 1])
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _check_age(path: Path, answer: Mapping[str, Any]) -> None:
    """Refuses the Pythons that the target runs in but was not made for, by a version that is at least readable."""
    try:
        major, minor = (int(part) for part in str(answer.get("version")).split(".")[:2])
    except ValueError as error:
        raise _garbled(path, f"version {answer.get('version')!r}") from error
    if (major, minor) < _OLDEST:
        oldest = "{}.{}".format(*_OLDEST)
        what = (
            f"{path} is Python {answer['version']}, and {oldest} is the oldest that can be probed."
        )
        raise InterpreterError(
            what, remedy="The JIT came with 3.13. Install one with: jitbuild install '>=3.13'"
        )


def _convert(path: Path, answer: Mapping[str, Any]) -> ProbeFacts:
    import msgspec

    try:
        return msgspec.convert(answer, ProbeFacts)
    except msgspec.ValidationError as error:
        raise _garbled(path, str(error)) from error


def _garbled(path: Path, detail: str) -> InterpreterError:
    return InterpreterError(
        f"{path} answered the probe with something else than facts: {detail}.", remedy=_NAME_ANOTHER
    )


def _ending(completed: process.Completed) -> str:
    """How a run without an answer ended, with the first line it left: stderr's, else stdout's."""
    line = _first_line(completed.stderr) or _first_line(completed.stdout)
    said = f": {line}" if line else "."
    if completed.returncode < 0:
        return f"was ended by {_signal_name(-completed.returncode)}{said}"
    if completed.returncode > 0:
        return f"failed with exit code {completed.returncode}{said}"
    return (
        f"does not answer like a Python interpreter; it printed{said}"
        if line
        else "ran and printed nothing."
    )


def _first_line(text: str) -> str:
    return next((line.strip()[:200] for line in text.splitlines() if line.strip()), "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _remedy(completed: process.Completed) -> str:
    if completed.stderr.startswith("pyenv:"):
        return "It is a pyenv shim for a version that is not active here: name the python in pyenv's versions folder instead."
    return _NAME_ANOTHER
