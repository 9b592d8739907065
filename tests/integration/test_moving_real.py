"""A real build travels to other stores: it works there, and what is wrong with a file is refused.

The caches of test_install_real.py, if it ran before, make the build fast.
"""

from __future__ import annotations

import hashlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cli import Cli

from jitbuild.errors import ArchiveError, DiskFullError, IntegrityError, ProofError, UsageError
from snippets import all_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("builds"),
    pytest.mark.skipif(os.name != "posix", reason="uses signals and a terminal of POSIX"),
]

EXTENSION = (
    "#include <Python.h>\n"
    'static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "hello", NULL, 0, NULL};\n'
    "PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&def); }\n"
)
SETUP = (
    "from setuptools import Extension, setup\n"
    "setup(name='hello', version='1', ext_modules=[Extension('hello', ['hello.c'])])\n"
)


class Exported(NamedTuple):
    """A file, its sha256, the name of its interpreter, and the home that exported it."""

    file: Path
    sha256: str
    name: str
    home: Path


@pytest.fixture(scope="module")
def exported(
    install_cli: Cli, cpython_version: str, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    install_cli("install", cpython_version)
    folder = tmp_path_factory.mktemp("exported")
    facts = install_cli("export", cpython_version, folder, "--json").json()
    assert hashlib.sha256(Path(facts["file"]).read_bytes()).hexdigest() == facts["sha256"]
    return Exported(Path(facts["file"]), facts["sha256"], facts["name"], install_cli.home)


@pytest.fixture
def other(tmp_path: Path) -> Cli:
    """Another user's command line, in another home folder, who can build nothing."""
    user = tmp_path / "user"
    user.mkdir()
    return Cli(tmp_path / "other", {"HOME": str(user), "JITBUILD_MIRROR": str(user)})


def test_the_pages_commands_run_as_printed(
    exported: Exported, other: Cli, install_cli: Cli, cpython_version: str, tmp_path: Path
) -> None:
    """The version and the sha256 of the page are replaced by those of this export."""
    if cpython_version != "3.13.15":
        pytest.skip("the page exports 3.13.15, whose archive is not available")
    export, imported = (
        block.text.splitlines()[0].removeprefix("$ jitbuild ").split()
        for block in all_blocks()
        if block.page == "docs/moving.md" and block.language == "console"
    )
    line = install_cli(*export, cwd=tmp_path).out
    assert line == f"{exported.sha256}  {exported.file.name}\n"
    subprocess.run(["sha256sum", "-c"], input=line, text=True, check=True, cwd=tmp_path)
    words = [word.replace("HASH", exported.sha256) for word in imported]
    assert words[1] == exported.file.name
    assert other(*words, cwd=tmp_path).out.endswith("/bin/python3.13\n")


def test_the_same_interpreter_is_exported_with_the_same_bytes_after_it_was_used(
    exported: Exported, install_cli: Cli, tmp_path: Path
) -> None:
    install_cli("run", exported.name, "--", "-c", "import asyncio, sysconfig, xmlrpc.client")
    again = install_cli("export", exported.name, tmp_path / "again", "--json").json()
    assert again["sha256"] == exported.sha256


def test_an_imported_interpreter_is_proven_and_works_in_another_home(
    exported: Exported, other: Cli, tmp_path: Path
) -> None:
    result = other("import", exported.file, "--sha256", exported.sha256, "--json")
    (interpreter,) = result.json()
    assert (interpreter["state"], interpreter["name"]) == ("proven", exported.name)
    assert interpreter["imported"]["sha256"] == exported.sha256
    assert other("probe", exported.name, "--json").json()["jit"]["active"]
    prefix = other.home / "interpreters" / exported.name
    old = os.fsencode(exported.home)
    files = (path for path in prefix.rglob("*") if path.is_file() and path.suffix != ".pyc")
    texts = [path for path in files if b"\0" not in path.read_bytes()]
    assert [path for path in texts if old in path.read_bytes()] == []
    used = other("run", exported.name, "--", "-v", "-c", "import asyncio").err
    assert "asyncio/__pycache__/__init__" in used
    assert "bytecode is stale" not in used

    source = tmp_path / "hello"
    source.mkdir()
    (source / "hello.c").write_text(EXTENSION)
    (source / "setup.py").write_text(SETUP)
    other("run", exported.name, "--", "pip", "install", "-q", "--root-user-action=ignore", source)
    where = other("run", exported.name, "--", "-c", "import hello; print(hello.__file__)").out
    assert where.startswith(str(prefix))
    other("run", exported.name, "--", "python", "-m", "venv", tmp_path / "venv")
    pip = subprocess.run(
        [tmp_path / "venv/bin/pip", "--version"], capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "venv") in pip.stdout


def test_an_interpreter_can_be_uninstalled_and_imported_again(
    exported: Exported, other: Cli
) -> None:
    words = ("import", exported.file, "--sha256", exported.sha256)
    other(*words)
    other("uninstall", exported.name)
    assert other("list", "--json").json() == []
    program = other(*words).out.strip()
    assert other("probe", exported.name).code == 0
    assert other("which", exported.name).out.strip() == program
    assert "is already in the store" in other(*words).err


def test_a_changed_file_is_refused_and_leaves_nothing(
    exported: Exported, other: Cli, tmp_path: Path
) -> None:
    content = exported.file.read_bytes()
    half = len(content) // 2
    changed = tmp_path / "changed.tar.zst"
    changed.write_bytes(content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :])
    assert other("import", changed, "--sha256", exported.sha256, code=IntegrityError.exit_code)
    for wrong in (changed, tmp_path / "half.tar.zst"):
        if wrong != changed:
            wrong.write_bytes(content[:half])
        digest = hashlib.sha256(wrong.read_bytes()).hexdigest()
        error = other("import", wrong, "--sha256", digest, code=ArchiveError.exit_code).err
        assert f"error: {wrong} is damaged" in error
    error = other("import", exported.file, code=UsageError.exit_code).err
    assert f"--sha256 {exported.sha256}" in error
    assert other.leftovers() == []


def test_a_program_that_does_not_run_here_is_refused(
    exported: Exported, other: Cli, tmp_path: Path
) -> None:
    """The program of the interpreter is exchanged by one that another libc would need."""
    home = Cli(tmp_path / "broken")
    subprocess.run(["mkdir", "-p", home.home / "interpreters"], check=True)
    subprocess.run(
        ["cp", "-a", exported.home / "interpreters" / exported.name, home.home / "interpreters"],
        check=True,
    )
    home("repair")
    series = ".".join(exported.name.split("-")[1].split(".")[:2])
    program = home.home / "interpreters" / exported.name / f"bin/python{series}"
    program.write_text("#!/lib/ld-of-another-libc.so\n")
    facts = home("export", exported.name, tmp_path / "a", "--json").json()
    words = ("import", facts["file"], "--sha256", facts["sha256"])
    error = other(*words, code=ProofError.exit_code).err
    assert f"error: {exported.name} does not run here." in error
    assert other.leftovers() == []


def answered(cli: Cli, file: Path, answer: str) -> int:
    """Import `file` in a terminal, give `answer` to the question, and return the exit code."""
    child, terminal = pty.fork()
    if child == 0:
        argv = [sys.executable, "-m", "jitbuild", "import", str(file)]
        os.execve(sys.executable, argv, cli.env)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{answer}\n".encode())
    try:
        while os.read(terminal, 1000):
            pass
    except OSError:  # the terminal of a process that has ended
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_terminal_is_asked(exported: Exported, other: Cli) -> None:
    assert answered(other, exported.file, "n") == IntegrityError.exit_code
    assert other.leftovers() == []
    assert answered(other, exported.file, "y") == 0
    assert other("which", exported.name).code == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_command_leaves_nothing_and_can_be_repeated(
    exported: Exported, other: Cli, tmp_path: Path, sent: signal.Signals
) -> None:
    """The signal is sent when the command reports its first, second and third stage."""
    words = ("import", exported.file, "--sha256", exported.sha256)
    for stage in range(1, 4):
        process = other.start(*words)
        process.wait_for_line(count=2 * stage - 1)
        process.send_signal(sent)
        process.wait()
        assert process.returncode in {-sent, 128 + sent, 0}
        if sent == signal.SIGINT:
            assert other.leftovers() == other.interpreters()
        # A signal at the end of the command may come after the interpreter was imported.
        if listed := other("list", "--json").json():
            assert [each["state"] for each in listed] == ["proven"]
            other("uninstall", exported.name)
        else:
            assert process.returncode != 0
    other(*words)
    assert other("probe", exported.name).code == 0
    assert [*(other.home / "scratch").iterdir()] == []

    output = tmp_path / "out"
    output.mkdir()
    process = other.start("export", exported.name, output)
    process.wait_for_line()
    process.send_signal(sent)
    process.wait()
    file = output / exported.file.name
    if file.exists():
        assert file.read_bytes() == exported.file.read_bytes()
    assert file.exists() or process.returncode != 0
    assert sent == signal.SIGKILL or {*output.iterdir()} <= {file}


def test_a_full_disk_is_one_message_and_leaves_nothing(
    exported: Exported, other: Cli, small_disk: Callable[[int], Path], tmp_path: Path
) -> None:
    other("import", exported.file, "--sha256", exported.sha256)
    disk = small_disk(5_000_000)
    error = other("export", exported.name, disk, code=DiskFullError.exit_code).err
    assert error.count("error: ") == 1
    assert "no space is left where it goes" in error
    assert [path for path in disk.iterdir() if path.is_file()] == []
    small = Cli(disk / "home")
    words = ("import", exported.file, "--sha256", exported.sha256)
    error = small(*words, code=DiskFullError.exit_code).err
    assert (error.count("error: "), small.leftovers()) == (1, [])
