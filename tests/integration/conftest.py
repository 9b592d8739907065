"""Fixtures of the integration tests: real interpreters and archives, fetched once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import debian
import processes
import pytest
import releases
from ci_jobs import actionlint, adopted, cli, project  # noqa: F401
from cli import Cli
from configured_trees import ConfiguredTree, configure_without_answers
from registry_fixtures import builder, machine, other_user, pushed, registry  # noqa: F401
from source_fixtures import described, obtained  # noqa: F401

import snippets
from jitbuild.system.archives import archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many snippets of the documentation the suite runs and checks."""
    terminalreporter.write_line(snippets.counts(snippets.all_blocks()))


@pytest.fixture(autouse=True)
def ended_processes() -> Iterator[None]:
    """End what a test has started, so that the next test, or a rerun of this one, starts clean."""
    yield
    processes.end_started()


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of costly downloads: JITBUILD_TEST_CACHE, or one shared by this run."""
    named = os.environ.get("JITBUILD_TEST_CACHE")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    cache = Path(named) if named else shared / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@pytest.fixture(scope="session")
def debian_set(cache_folder: Path) -> dict[str, Path]:
    programs = ("python3.15", "python3.14", "pypy3")
    return debian.interpreters(cache_folder, programs, programs)


@pytest.fixture(scope="session")
def debian_pythons(debian_set: dict[str, Path]) -> dict[str, Path]:
    """CPythons with the JIT, off by default, by series: `3.15` and `3.14`."""
    return {series: debian_set[f"python{series}"] for series in ("3.15", "3.14")}


@pytest.fixture(scope="session")
def debian_pypy(debian_set: dict[str, Path]) -> Path:
    return debian_set["pypy3"]


@pytest.fixture(scope="session")
def debian_debug(cache_folder: Path) -> Path:
    """A debug build of CPython 3.15 with the JIT."""
    return debian.interpreters(cache_folder, ("python3.15-dbg",), ("python3.15-dbg",))[
        "python3.15-dbg"
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a function that mounts a disk of so many bytes, or skips the test if it may not."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if (
            shutil.which("mount") is None
            or subprocess.run(argv, capture_output=True, check=False).returncode
        ):
            pytest.skip("only root may mount a small disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def cpython_archive(cache_folder: Path) -> Path:
    """A real, verified Python-3.13.*.tar.xz, the only archive in its folder."""
    return releases.archive(cache_folder)


@pytest.fixture(scope="session")
def cpython_version(cpython_archive: Path) -> str:
    """Return the version of `cpython_archive`, such as 3.13.15."""
    return cpython_archive.name.removeprefix("Python-").removesuffix(".tar.xz")


@pytest.fixture(scope="session")
def cpython_source(cpython_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack `cpython_archive`; tests must not change the tree."""
    return archive.unpack(cpython_archive, tmp_path_factory.mktemp("unpacked") / "source")


@pytest.fixture(scope="session")
def configured(
    cpython_source: Path, cpython_version: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ConfiguredTree]:
    """Configure the variants of a CPython without any cache; see `configure_without_answers`."""
    return configure_without_answers(
        cpython_source, cpython_version, lambda: tmp_path_factory.mktemp("configured")
    )


@pytest.fixture(scope="session")
def built_interpreters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which test_install_real.py leaves a copy of the interpreters it built.

    It does not exist if those tests have not run.
    """
    return tmp_path_factory.mktemp("built") / "interpreters"


@pytest.fixture(scope="session")
def install_cli(tmp_path_factory: pytest.TempPathFactory, cpython_archive: Path) -> Cli:
    """Run jitbuild with an empty home, the archive's folder as its mirror, and a managed LLVM.

    The home is empty at first; the tests of the group `builds` fill its caches.
    """
    return Cli(
        tmp_path_factory.mktemp("home"),
        {"JITBUILD_MIRROR": str(cpython_archive.parent), "JITBUILD_LLVM": "managed"},
    )
