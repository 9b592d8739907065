"""store/launchers.py: the names of Python that start an adopted interpreter."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from cli_fixtures import put

from jitbuild.errors import StoreError
from jitbuild.running.environment import command_environment, program_folders
from jitbuild.store.launchers import FOLDER, launcher_files, launchers_of

PROGRAM = Path("/usr/bin/python3.15")


@pytest.fixture
def adopted(store, elsewhere):
    elsewhere.chmod(0o755)
    return put(store, "x", program=elsewhere)


def test_a_launcher_is_a_script_on_posix_and_a_batch_file_on_windows():
    files = launcher_files(PROGRAM, "3.15.0b2", windows=False)
    assert sorted(files) == ["pip", "pip3", "pip3.15", "python", "python3", "python3.15"]
    assert files["python"] == b'#!/bin/sh\nexec /usr/bin/python3.15 "$@"\n'
    assert files["pip3"] == b'#!/bin/sh\nexec /usr/bin/python3.15 -P -m pip "$@"\n'
    files = launcher_files(Path("C:/My Python/python.exe"), "3.15.2", windows=True)
    assert files["python3.cmd"] == b'@"C:/My Python/python.exe" %*\n'
    assert files["pip3.15.cmd"] == b'@"C:/My Python/python.exe" -P -m pip %*\n'


@pytest.mark.skipif(os.name != "posix", reason="Windows paths are no bytes")
def test_a_launcher_can_start_a_program_with_any_path():
    path = Path(os.fsdecode(b"/a b/\xff'$x/python3.15"))
    (text, *_) = launcher_files(path, "3.15.2", windows=False).values()
    assert text == b"#!/bin/sh\nexec '/a b/\xff'\"'\"'$x/python3.15' \"$@\"\n"


def test_an_adopted_interpreter_gets_launchers_first_on_path(adopted):
    folder = launchers_of(adopted)
    assert folder == adopted.path / FOLDER
    assert program_folders(adopted) == [folder, adopted.executable.parent]
    assert all(os.access(file, os.X_OK) for file in folder.iterdir())
    env = command_environment(adopted, None, {"PATH": "/usr/bin"})
    assert env["PATH"].split(os.pathsep) == [*map(str, program_folders(adopted)), "/usr/bin"]


def test_a_built_interpreter_and_an_environment_need_no_launchers(store, adopted, tmp_path):
    assert launchers_of(put(store, "y")) is None
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    assert launchers_of(adopted.with_executable(venv / "bin/python")) is None


def test_an_adopted_interpreter_whose_folder_has_all_names_needs_no_launchers(adopted):
    program = adopted.executable
    for name in ("python", "python3"):
        assert launchers_of(adopted) is not None
        program.with_name(name).symlink_to(program)
    assert launchers_of(adopted) is None
    program.with_name("python3").unlink()
    program.with_name("python3").write_text("another Python")
    assert launchers_of(adopted) is not None


def test_on_windows_the_launchers_come_after_the_folders_of_the_interpreter(adopted):
    folder = adopted.executable.parent
    assert program_folders(adopted, windows=True) == [
        folder,
        folder / "Scripts",
        adopted.path / FOLDER,
    ]
    assert (adopted.path / FOLDER / "python3.cmd").exists()


def test_launchers_are_repaired_and_written_only_when_they_differ(adopted):
    folder = launchers_of(adopted)
    assert folder is not None
    times = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    (folder / "python").write_text("torn")
    (folder / "python3").unlink()
    assert launchers_of(adopted) == folder
    expected = launcher_files(adopted.executable, adopted.version)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == expected
    unchanged = [file for file in folder.iterdir() if times[file] == file.stat().st_mtime_ns]
    assert len(unchanged) == len(expected) - 2


def test_many_processes_may_write_the_launchers_at_once(adopted):
    barrier = threading.Barrier(8)
    failures = []

    def write():
        barrier.wait()
        try:
            folder = launchers_of(adopted)
            assert folder is not None
            if {file.name for file in folder.glob("[!.]*")} != set(expected):
                failures.append(sorted(folder.iterdir()))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    expected = launcher_files(adopted.executable, adopted.version)
    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list((adopted.path / FOLDER).iterdir())) == len(expected)


def test_a_store_whose_programs_cannot_be_executed_is_an_error(adopted, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # like a noexec mount
    with pytest.raises(StoreError, match="noexec"):
        launchers_of(adopted)


def test_launchers_that_cannot_be_written_are_an_error_of_the_store(adopted):
    (adopted.path / FOLDER).write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be read or written"):
        launchers_of(adopted)


def test_launchers_are_no_interpreter_and_vanish_with_the_registration(store, adopted):
    folder = launchers_of(adopted)
    assert [interpreter.name for interpreter in store.installed()] == ["x"]
    store.remove(adopted)
    assert folder is not None
    assert not folder.exists()
