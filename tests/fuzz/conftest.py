"""The fuzz session: its bounds, its counts, and a world without processes and network."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from typing import TYPE_CHECKING, NoReturn

import pytest
from fuzzing import Bounds, Tally

from jitbuild.settings import KNOWN, variable_of

if TYPE_CHECKING:
    from pathlib import Path

_TALLIES = pytest.StashKey[list[Tally]]()


@pytest.fixture(scope="session")
def bounds() -> Bounds:
    """The seed and the bounds, from the variables JITBUILD_FUZZ_*."""
    return Bounds.of(os.environ)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """The counts of one field, which the summary at the end of the session prints."""
    tally = Tally(request.node.name.partition("[")[2].removesuffix("]"))
    request.config.stash.setdefault(_TALLIES, []).append(tally)
    return tally


@pytest.fixture
def closed_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the cases of one field, where no program and no server exists."""
    for name in [*map(variable_of, KNOWN), "GITHUB_ACTIONS", "_ARGCOMPLETE", "XDG_DATA_HOME"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(subprocess.Popen, "__init__", _no_program)
    for name in ("execve", "execvpe", "posix_spawn", "fork"):
        monkeypatch.setattr(os, name, _no_program)
    monkeypatch.setattr(socket.socket, "connect", _no_server)
    monkeypatch.setattr(socket, "getaddrinfo", _no_server)
    for name in ("sync", "fsync"):
        monkeypatch.setattr(os, name, lambda *_: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _no_program(*_args: object, **_kwargs: object) -> NoReturn:
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a program")


def _no_server(*_args: object, **_kwargs: object) -> NoReturn:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print how many cases each field has tried, and their exit codes by class."""
    tallies = config.stash.get(_TALLIES, [])
    if not tallies:
        return
    terminalreporter.section("fuzz")
    for tally in tallies:
        terminalreporter.line(tally.line())
    tried = sum(tally.tried for tally in tallies)
    bugs = sum(tally.bugs for tally in tallies)
    seed = Bounds.of(os.environ).seed
    terminalreporter.line(f"tried {tried} cases with seed {seed}; 70s: {bugs}")
