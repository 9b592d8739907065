"""Compose the command line that repeats the compared command, or one of its tests, in a mode."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.request import Axes
from jitbuild.running.command import (
    command_line,
    plain_command,
    pytest_arguments_index,
    with_only_test,
)
from jitbuild.running.environment import command_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.diff.diff_request import DiffRequest
    from jitbuild.modes import Mode
    from jitbuild.store.interpreter import Interpreter


def repeat_command(
    request: DiffRequest,
    interpreter: Interpreter,
    mode: Mode,
    test: str | None,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Return the `jitbuild run` line that runs the command, or only `test`, in `mode`.

    `interpreter` is the interpreter that ran the command. If the request has requirements, the
    interpreter's executable is that of a virtual environment. The line then names the program by
    its path, because `jitbuild run` would not search the environment.
    """
    command = plain_command(interpreter, request.command)
    begin = pytest_arguments_index(command)
    if test is not None and begin is not None and Path(test.partition("::")[0]).is_file():
        command = with_only_test(command, begin, test, exists=lambda path: Path(path).exists())
    if request.requirements:
        command = command_line(interpreter, command)
        path = command_environment(interpreter, None, environ)["PATH"]
        command[0] = shutil.which(command[0], path=path) or command[0]
    # The line does not contain the axes. If axes are stated, the request alone could match another
    # interpreter, so the line names the interpreter.
    spec = request.spec if request.axes == Axes() else interpreter.name
    return shlex.join(["jitbuild", "run", spec, "--mode", mode, "--", *command])
