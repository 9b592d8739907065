"""Compose the command line that repeats the compared command, or one of its tests, in a mode."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.request import Axes
from jitbuild.running.command import plain_command, pytest_arguments_index, with_only_test

if TYPE_CHECKING:
    from jitbuild.diff.diff_request import DiffRequest
    from jitbuild.modes import Mode
    from jitbuild.store.interpreter import Interpreter


def repeat_command(
    request: DiffRequest, interpreter: Interpreter, mode: Mode, test: str | None
) -> str:
    """Return the `jitbuild run` line that runs the command, or only `test`, in `mode`.

    `interpreter` is the interpreter that ran the command.
    """
    command = plain_command(interpreter, request.command)
    begin = pytest_arguments_index(command)
    if test is not None and begin is not None and Path(test.partition("::")[0]).is_file():
        command = with_only_test(command, begin, test, exists=lambda path: Path(path).exists())
    # The line does not contain the axes. If axes are stated, the request alone could match another
    # interpreter, so the line names the interpreter.
    spec = request.spec if request.axes == Axes() else interpreter.name
    packages = request.requirements.options()
    return shlex.join(["jitbuild", "run", spec, "--mode", mode, *packages, "--", *command])
