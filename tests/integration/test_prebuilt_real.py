"""Prebuilt interpreters from a server on this machine: real ones, and archives to be refused."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import standalone_archives as standalone
from cli import Cli
from serving import serving

from jitbuild.errors import (
    ArchiveError,
    DiskFullError,
    IntegrityError,
    InterpreterError,
    ProofError,
    UnsafeArchiveError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("builds")]

VERSION = "3.15.2"
EXTENSION = """
#include <Python.h>
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "answer", NULL, 42, NULL};
PyMODINIT_FUNC PyInit_answer(void) { return PyModule_Create(&module); }
"""
COMPILE = """
import shlex, subprocess, sysconfig
variables = sysconfig.get_config_vars
compiler, flags, suffix = variables("LDSHARED", "CFLAGS", "EXT_SUFFIX")
include = "-I" + sysconfig.get_path("include")
words = [*shlex.split(compiler), *shlex.split(flags), "-fPIC", include, "answer.c"]
subprocess.run([*words, "-o", "answer" + suffix], check=True)
import answer
print(answer.__name__)
"""
ALL_PATHS = """
import json, sysconfig
print(json.dumps([sysconfig.get_config_vars(), sysconfig.get_paths()], default=str))
"""
NOXFILE = """
import nox
import jitbuild.nox as jit

@jit.session(pythons=["3.15"], modes=["off", "on"])
def tests(session):
    code = "import sys; print('the JIT is', 'on' if sys._jit.is_enabled() else 'off')"
    session.run("python", "-c", code, silent=False)
"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that a server serves, and its URL."""
    folder = tmp_path_factory.mktemp("served")
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serving(server, threading.Event()):
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture(scope="module")
def archive(debian_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with Debian's CPython 3.15, whose JIT is off by default."""
    folder = tmp_path_factory.mktemp("archive")
    return standalone.from_debian(debian_pythons["3.15"], VERSION, folder)


@pytest.fixture
def pinned(served: tuple[Path, str], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that serves an archive, and returns a folder of recipes that pin it.

    `content` replaces the archive on the server after it was pinned.
    """
    folder, url = served

    def pinned(file: Path, *, content: bytes | None = None, **keys: str) -> Path:
        place = folder / standalone.BUILD / file.name
        place.parent.mkdir(exist_ok=True)
        shutil.copy(file, place)
        entry = standalone.pin(file, url, **keys)
        if content is not None:
            place.write_bytes(content)
        return standalone.recipe(tmp_path / "recipes", entry)

    return pinned


def install(cli: Cli, recipes: Path, version: str = VERSION, **options: object) -> Path:
    """Install `version` prebuilt, and return its program."""
    result = cli("install", version, "--prebuilt", "--recipes", recipes, **options)
    return Path(result.out.strip())


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack `archive`, and return its top folder, to be changed and packed again."""
    subprocess.run(["tar", "-C", folder, "-xf", archive], check=True)
    return folder / "python"


def left(home: Path) -> list[str]:
    """Return what a failed install has left, besides logs, locks and archives."""
    folders = (home / "interpreters", home / "scratch")
    return [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]


def test_an_interpreter_is_installed_proven_and_found(
    archive: Path, pinned: Callable[..., Path], tmp_path: Path
) -> None:
    cli, recipes = Cli(tmp_path / "home"), pinned(archive)
    program = install(cli, recipes)
    (listed,) = cli("list", "--json").json()
    assert (listed["provider"], listed["state"]) == ("prebuilt", "proven")
    assert listed["prebuilt"] == {
        "builder": "python-build-standalone",
        "build": standalone.BUILD,
    }
    assert cli("which", "3.15").out.strip() == str(program)
    assert cli("probe", program, "--json").json()["jit"]["machine_code_bytes"] > 0
    assert f"prebuilt, python-build-standalone {standalone.BUILD}" in cli("list").out
    paths = cli("run", "3.15", "--", "-c", ALL_PATHS).out
    assert "/install/" not in paths
    assert "/tools/" not in paths
    assert str(program.parents[1]) in paths
    assert cli("which", "3.15", "--provider", "source", code=18).err
    again = cli("install", "3.15", "--prebuilt", "--recipes", recipes)
    assert "is already in the store" in again.err


def test_an_archive_of_a_built_interpreter_compiles_extensions_and_makes_venvs(
    install_cli: Cli,
    cpython_version: str,
    pinned: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """The caches of the tests that ran before make the build fast."""
    built = Path(install_cli("install", cpython_version).out.strip()).parents[1]
    archive = standalone.from_store(built, tmp_path)
    cli = Cli(tmp_path / "home")
    program = install(cli, pinned(archive), cpython_version)
    (tmp_path / "answer.c").write_text(EXTENSION)
    compiled = cli("run", cpython_version, "--", "-c", COMPILE, cwd=tmp_path)
    assert compiled.out.strip() == "answer"
    subprocess.run([program, "-m", "venv", tmp_path / "venv"], check=True)
    pip = [tmp_path / "venv/bin/python", "-m", "pip", "--version"]
    assert str(tmp_path / "venv") in subprocess.check_output(pip, text=True)
    prefix = program.parents[1]
    for text in (cli("run", cpython_version, "--", "-c", ALL_PATHS).out, pip_shebang(prefix)):
        for path in (str(install_cli.home), "/install/", "/tools/"):
            assert path not in text


def pip_shebang(prefix: Path) -> str:
    return (prefix / "bin/pip3").read_text()


def broken_archive(archive: Path, folder: Path, manner: str) -> Path:
    """Return a copy of `archive` with a fault, in a folder of its own."""
    copy = folder / "broken" / archive.name
    copy.parent.mkdir()
    if manner == "truncated":
        copy.write_bytes(archive.read_bytes()[:-100_000])
        return copy
    tree = unpacked(archive, folder)
    program = tree / "bin/python3.15"
    if manner == "no JIT":
        program.rename(tree / "bin/real")
        program.write_text('#!/bin/sh\nunset PYTHON_JIT\nexec "${0%/*}/real" "$@"\n')
        program.chmod(0o755)
    elif manner == "does not start":
        program.unlink()
        program.write_text("#!/nonexistent/loader\n")
        program.chmod(0o755)
    elif manner == "path traversal":
        (tree / "escape").symlink_to("../../..")
    return standalone.pack(tree, copy, level=1)


@pytest.mark.parametrize(
    ("manner", "error", "message"),
    [
        ("truncated", ArchiveError, "is damaged, truncated"),
        ("no JIT", ProofError, "was downloaded, but is not what was requested"),
        ("does not start", InterpreterError, "was downloaded, but does not run"),
        ("path traversal", UnsafeArchiveError, "could write outside the folder"),
    ],
)
def test_a_faulty_archive_is_refused_in_one_message_and_leaves_nothing(
    archive: Path,
    pinned: Callable[..., Path],
    tmp_path: Path,
    manner: str,
    error: type[Exception],
    message: str,
) -> None:
    cli = Cli(tmp_path / "home")
    recipes = pinned(broken_archive(archive, tmp_path, manner))
    words = ("install", VERSION, "--prebuilt", "--recipes", recipes, "-q")
    refused = cli(*words, code=error.exit_code)
    assert refused.err.count(message) == 1
    assert "Traceback" not in refused.err
    assert left(cli.home) == []
    install(cli, pinned(archive))


def test_another_version_inside_is_refused(
    archive: Path, pinned: Callable[..., Path], tmp_path: Path
) -> None:
    cli = Cli(tmp_path / "home")
    recipes = pinned(archive, version="3.15.1")
    refused = cli(
        "install", "3.15.1", "--prebuilt", "--recipes", recipes, code=ProofError.exit_code
    )
    assert "3.15.2" in refused.err
    assert left(cli.home) == []


def test_a_tampered_archive_is_refused_and_not_asked_for_elsewhere(
    archive: Path, pinned: Callable[..., Path], tmp_path: Path
) -> None:
    cli = Cli(tmp_path / "home")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    words = ("install", VERSION, "--prebuilt", "--recipes", pinned(archive, content=bytes(content)))
    refused = cli(*words, "-q", code=IntegrityError.exit_code)
    assert refused.err.count("sha256") >= 1
    assert left(cli.home) == []
    install(cli, pinned(archive))


def test_a_disk_that_is_too_small_is_reported(
    archive: Path, pinned: Callable[..., Path], small_disk: Callable[[int], Path]
) -> None:
    home = small_disk(archive.stat().st_size + (8 << 20)) / "home"
    cli = Cli(home)
    words = ("install", VERSION, "--prebuilt", "--recipes", pinned(archive), "-q")
    refused = cli(*words, code=DiskFullError.exit_code)
    assert refused.err.count("No space is left") == 1
    assert "are needed, and" in refused.err  # it was not even downloaded
    assert left(home) == []


def test_ctrl_c_leaves_nothing_and_the_next_install_succeeds(
    archive: Path, pinned: Callable[..., Path], tmp_path: Path
) -> None:
    cli, recipes = Cli(tmp_path / "home"), pinned(archive)
    process = cli.start("install", VERSION, "--prebuilt", "--recipes", recipes)
    process.wait_for_line("unpack")
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130, process.err
    assert left(cli.home) == []
    install(cli, recipes)


def test_a_flat_folder_is_a_mirror(
    archive: Path, pinned: Callable[..., Path], tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    recipes = pinned(archive, content=b"nothing")
    shutil.copy(archive, mirror)
    cli = Cli(tmp_path / "home", {"JITBUILD_MIRROR": str(mirror), "JITBUILD_PROVIDER": "prebuilt"})
    cli("install", "3.15", "--recipes", recipes)
    (listed,) = json.loads(cli("list", "--json").out)
    assert listed["source"]["origin"] == str(mirror / archive.name)


def test_nox_sessions_with_the_policy_prebuilt_download_and_prove_their_interpreter(
    archive: Path, pinned: Callable[..., Path], tmp_path: Path
) -> None:
    cli = Cli(tmp_path / "home", {"JITBUILD_POLICY": "prebuilt"})
    cli.extra["JITBUILD_RECIPES"] = str(pinned(archive))
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    dropped = ("CI", "NOX", "VIRTUAL_ENV", "COVERAGE")
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--nocolor", "-t", "jit"],
        cwd=tmp_path,
        env={name: text for name, text in cli.env.items() if not name.startswith(dropped)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("the JIT is")] == [
        "the JIT is off",
        "the JIT is on",
    ]
    (listed,) = cli("list", "--json").json()
    assert (listed["provider"], listed["state"]) == ("prebuilt", "proven")
    assert listed["source"]["verified"] == "sha256 pin in a recipe"
