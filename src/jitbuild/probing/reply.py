"""Read the facts that a run of in_target/probe.py printed, or tell why it printed no facts."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.errors import InterpreterError
from jitbuild.probing.facts import ProbeFacts
from jitbuild.request import is_full_version
from jitbuild.system.formatting import count_noun
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.system.process import Completed

# The lines around the JSON object, as probe.py prints them.
BEGIN = "=====jitbuild probe begins====="
END = "=====jitbuild probe ends====="
NAME_ANOTHER = (
    "Name a Python executable, such as the one that `import sys; print(sys.executable)` prints."
)
_OLDEST = (3, 8)
# Matches the output of Pythons that are too old to parse probe.py (before 3.7).
_CANNOT_PARSE = re.compile(r'^  File ".*probe\.py", line \d+$(?s:.*)^SyntaxError: ', re.MULTILINE)


def read_facts(path: Path, completed: Completed, timeout: float) -> ProbeFacts:
    """Return the facts that the run `completed` of the interpreter `path` printed.

    Raises InterpreterError if the interpreter is too old or printed no facts; the message tells how
    the run ended. `timeout` is the run's time limit in seconds, for the message.
    """
    if completed.timed_out:
        raise InterpreterError(
            f"{path} did not answer within {count_noun(timeout, 'second')}.", remedy=NAME_ANOTHER
        )
    reply = unframe(completed.stdout)
    if reply is None or completed.returncode != 0:
        if _CANNOT_PARSE.search(completed.stderr):
            raise _too_old(path)
        raise InterpreterError(f"{path} {_ending(completed)}", remedy=_remedy(completed))
    _check_version(path, reply)
    return convert(path, reply)


def unframe(text: str) -> dict[str, Any] | None:
    """Return the JSON object between the lines BEGIN and END of `text`; None if there is none."""
    lines = text.splitlines()
    if BEGIN not in lines:
        return None
    begin = lines.index(BEGIN)
    if lines[begin + 2 : begin + 3] != [END]:
        return None
    try:
        reply = parse_json(lines[begin + 1])
    except ValueError:
        return None
    return reply if isinstance(reply, dict) else None


def convert(path: Path, reply: Mapping[str, Any]) -> ProbeFacts:
    """Return `reply` as facts. Raises InterpreterError if a field is missing or of a wrong type."""
    try:
        return msgspec.convert(reply, ProbeFacts)
    except ValueError as error:
        raise _malformed(path, str(error)) from error


def _check_version(path: Path, reply: Mapping[str, Any]) -> None:
    """Raise InterpreterError if the version is older than the probe supports, or is not a version.

    The store names the folder of an adopted interpreter by its version.
    """
    version = str(reply.get("version"))
    try:
        major, minor = (int(part) for part in version.split(".")[:2])
    except ValueError as error:
        raise _malformed(path, f"version {version!r}") from error
    if (major, minor) < _OLDEST:
        raise _too_old(path)
    if not is_full_version(version):
        raise _malformed(path, f"version {version!r}")


def _too_old(path: Path) -> InterpreterError:
    oldest = "{}.{}".format(*_OLDEST)
    return InterpreterError(
        f"{path} is older than Python {oldest}, the oldest version that can be probed.",
        remedy="The JIT came with 3.13. Install such a version: jitbuild install '>=3.13'",
    )


def _malformed(path: Path, detail: str) -> InterpreterError:
    return InterpreterError(
        f"{path} sent a malformed reply to the probe: {detail}.", remedy=NAME_ANOTHER
    )


def _ending(completed: Completed) -> str:
    """Describe the end of a run that printed no facts, with one line of its output.

    That is the last line of a traceback or, if there is no traceback, the first line.
    """
    line = _last_of_traceback(completed.stderr)
    line = line or _first_line(completed.stderr) or _first_line(completed.stdout)
    output = f": {line}" if line else "."
    if completed.returncode < 0:
        return f"was ended by {_signal_name(-completed.returncode)}{output}"
    if completed.returncode > 0:
        return f"failed with exit code {completed.returncode}{output}"
    if line:
        return f"does not answer like a Python interpreter; it printed{output}"
    return "ran and printed nothing."


def _first_line(text: str) -> str:
    return next((line.strip()[:200] for line in text.splitlines() if line.strip()), "")


def _last_of_traceback(text: str) -> str:
    """Return the last line of `text` if it is a traceback, else ""."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines and lines[0].startswith("Traceback") else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _remedy(completed: Completed) -> str:
    if completed.stderr.startswith("pyenv:"):
        return (
            "This is a pyenv shim for a version that is not active here. Name the python in "
            "pyenv's versions folder instead."
        )
    return NAME_ANOTHER
