"""Fixtures for tests with a real registry: the machine that builds, and those that pull."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli import Cli
from registry_server import Registry, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

# The user `nobody`, who may read all files, as this Python may be in root's home, but own none.
_NOBODY = 65534
_AS_NOBODY = (
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
)


@pytest.fixture(scope="module")
def registry(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with running_registry(cache_folder, folder / "server") as registry:
        yield registry


@pytest.fixture(scope="module")
def builder(install_cli: Cli, cpython_version: str) -> Cli:
    """The machine on which the interpreter was built."""
    install_cli("install", cpython_version)
    return install_cli


@pytest.fixture(scope="module")
def pushed(builder: Cli, registry: Registry, cpython_version: str) -> dict:
    (pushed,) = builder("push", cpython_version, registry.repository, "--json").json()
    return pushed


@pytest.fixture
def machine(tmp_path: Path, registry: Registry) -> Cli:
    """Another machine: an empty home and store, and nothing to build from."""
    (tmp_path / "home").mkdir()
    (tmp_path / "empty").mkdir()
    return Cli(
        tmp_path / "store",
        {
            "HOME": str(tmp_path / "home"),
            "JITBUILD_REGISTRY": registry.repository,
            "JITBUILD_MIRROR": str(tmp_path / "empty"),
        },
    )


@pytest.fixture
def other_user(machine: Cli) -> Iterator[Cli]:
    """Run commands on another machine as another user; as this one without root."""
    if os.name != "posix" or os.geteuid() or not _may_become_nobody():
        yield machine
        return
    # Not below tmp_path: access(2) says that only root can write there.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.chown(folder, _NOBODY, _NOBODY)
        extra = {**machine.extra, "HOME": name}
        yield Cli(folder / "store", extra, prefix=_AS_NOBODY)


def _may_become_nobody() -> bool:
    """Return True if this container lets another user read this Python."""
    try:
        command = [*_AS_NOBODY, sys.executable, "-c", ""]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
