"""Run the package manager's command that installs the missing requirements of a build."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import PreflightError
from jitbuild.system import process
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.system.process import Runner, Streamer
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
_TIMEOUT_SECONDS = 20.0
_LINES_SHOWN = 5
_SUDO = re.compile(r"\bsudo\s+")


def as_typed(command: str, *, root: bool) -> str:
    """Return `command` as the user should type it: for root without sudo, which may not exist."""
    return _SUDO.sub("", command) if root else command


def run_install_command(
    command: str,
    *,
    runner: Runner = process.run,
    streamer: Streamer = process.stream,
    environ: Mapping[str, str] = os.environ,
    reporter: Reporter = _SILENT,
) -> None:
    """Run `command`, such as `sudo apt-get update && sudo apt-get install -y zlib1g-dev`.

    If `command` is empty, do nothing. Raises PreflightError if the command cannot be run or fails.
    """
    if not command:
        return
    commands = [shlex.split(part) for part in command.split("&&")]
    if commands[0][0] == "sudo":
        _check_sudo(command, runner, environ)
    env = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in commands:
        _run(argv, env, streamer, reporter, remedy=f"Run the command yourself: {command}")


def _check_sudo(command: str, runner: Runner, environ: Mapping[str, str]) -> None:
    """Check that there is a sudo which needs no password; raise PreflightError otherwise.

    A child process could not read a password, because it has no terminal.
    """
    sudo = shutil.which("sudo", path=environ.get("PATH", ""))
    if sudo and runner([sudo, "-n", "true"], timeout=_TIMEOUT_SECONDS).ok:
        return
    reason = (
        "sudo needs a password, but jitbuild cannot ask for it"
        if sudo
        else "sudo is not on PATH, and you are not root"
    )
    raise PreflightError(
        f"Packages cannot be installed: {reason}.", remedy=f"Run the command yourself: {command}"
    )


def _run(
    argv: Sequence[str],
    env: Mapping[str, str],
    streamer: Streamer,
    reporter: Reporter,
    *,
    remedy: str,
) -> None:
    log = io.BytesIO()
    with reporter.stage(shlex.join(argv)) as stage:
        try:
            code = streamer(argv, env=env, cwd=Path.cwd(), log=log, on_line=stage.detail)
        except OSError as error:
            raise PreflightError(
                f"{argv[0]} could not be started: {error.strerror}.", remedy=remedy
            ) from error
        if code:
            output = log.getvalue().decode("utf-8", "replace").strip().splitlines()
            problem = f"{shlex.join(argv)} failed with exit code {code}."
            raise PreflightError("\n".join([problem, *output[-_LINES_SHOWN:]]), remedy=remedy)
