"""Fixtures of the unit suite, which may neither start processes nor open connections."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import NoReturn

import pytest
from apt_fakes import apt_folder  # noqa: F401
from cli_fixtures import complete, elsewhere, home, run, store  # noqa: F401
from reporters import reporter  # noqa: F401
from source_fakes import obtained, release_archives, release_source  # noqa: F401

_STARTERS = [
    name
    for name in dir(os)
    if name.startswith(("fork", "exec", "spawn", "posix_spawn", "popen"))
    or name in {"system", "startfile"}
]
_CONNECTORS = ["connect", "connect_ex", "sendto", "sendmsg"]
_RESOLVERS = ["create_connection", "getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"]


@pytest.fixture(autouse=True)
def no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to start a process or to open a connection fail the test."""
    for name in _STARTERS:
        monkeypatch.setattr(os, name, _refuse(f"os.{name} would start a process"))
    # The method, not the class, which others may have imported by its name.
    monkeypatch.setattr(
        subprocess.Popen, "__init__", _refuse("subprocess.Popen would start a process")
    )
    for name in _CONNECTORS:
        monkeypatch.setattr(
            socket.socket, name, _refuse(f"socket.{name} would open a connection"), raising=False
        )
    for name in _RESOLVERS:
        monkeypatch.setattr(socket, name, _refuse(f"socket.{name} would open a connection"))


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip syncs, which take seconds beside a build: files need not outlive the test."""
    for name in ("sync", "fsync"):
        monkeypatch.setattr(os, name, lambda *_: None, raising=False)


def _refuse(what: str):
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError(
            f"{what}, and a unit test must not: pass a fake in, or make it an integration test"
        )

    return refuse
