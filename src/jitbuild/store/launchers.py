"""Launchers: scripts with names such as `python`, `python3` and `pip` that start one interpreter.

In the folder of an adopted interpreter, which may be /usr/bin, `python3` can be another Python, and
`python` can be missing. The launchers of an interpreter are in its folder in the store. That folder
is on the PATH of every command that jitbuild runs with the interpreter.

A launcher is a script and not a link. If a Python is started through a link, its sys.executable is
the link, and so is the `home` of virtual environments that it creates; they would stop working when
the interpreter is unregistered. A script takes about a millisecond longer than a link.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild.errors import StoreError
from jitbuild.system.exec_script import exec_script

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter

FOLDER = "launchers"
_SAFE_PATH = (3, 11)  # the first Python with the option -P
_WINDOWS = os.name == "nt"


def launchers_of(interpreter: Interpreter, *, windows: bool = _WINDOWS) -> Path | None:
    """Return the folder of the interpreter's launchers; None if it needs no launchers.

    It needs none if the folder of its program already has `python`, `python3` and `pythonX.Y`, and
    each of them starts this interpreter. This is true of virtual environments and of interpreters
    that jitbuild built. Missing launchers are written. Raises StoreError if they cannot be written
    or executed.
    """
    program = interpreter.executable
    if not windows and not interpreter.adopted:
        return None
    if is_virtual(program) or _has_all_names(program, interpreter.version, windows=windows):
        return None
    folder = interpreter.path / FOLDER
    write_launchers(folder, program, interpreter.version, windows=windows)
    if not os.access(folder / _file_name("python3", windows=windows), os.X_OK):
        raise StoreError(
            f"Programs in {folder} cannot be executed, probably because its file system is "
            "mounted with `noexec`.",
            remedy="Mount the file system without `noexec`, or set JITBUILD_HOME to a folder on "
            "another file system.",
        )
    return folder


def write_launchers(folder: Path, program: Path, version: str, *, windows: bool = _WINDOWS) -> None:
    """Write those launchers of `program`, a Python of `version`, that are missing or different.

    Each launcher is replaced in one step, so several processes may call this function at the same
    time. Raises StoreError if a launcher cannot be written.
    """
    missing = {
        folder / name: text
        for name, text in launcher_files(program, version, windows=windows).items()
        if _content(folder / name) != text
    }
    if not missing:
        return
    from jitbuild.system.files import make_folders, store_errors, write_atomically

    with store_errors(folder):
        make_folders(folder)
        for path, text in missing.items():
            write_atomically(path, text, mode=0o755)


def launcher_files(program: Path, version: str, *, windows: bool = _WINDOWS) -> dict[str, bytes]:
    """Return the content of each launcher, by file name.

    The launchers of pip run `python -P -m pip`; before Python 3.11, which has no -P, without it.
    """
    python = exec_script(program, windows=windows)
    series = ".".join(version.split(".")[:2])
    # With -P, as with the program pip, the current folder is not searched for modules.
    safe = ["-P"] if tuple(map(int, series.split("."))) >= _SAFE_PATH else []
    pip = exec_script(program, *safe, "-m", "pip", windows=windows)
    return {
        **{_file_name(name, windows=windows): python for name in _python_names(version)},
        **{_file_name(name, windows=windows): pip for name in ("pip", "pip3", f"pip{series}")},
    }


def _python_names(version: str) -> tuple[str, ...]:
    return ("python", "python3", f"python{'.'.join(version.split('.')[:2])}")


def _file_name(name: str, *, windows: bool) -> str:
    return f"{name}.cmd" if windows else name


def is_virtual(program: Path) -> bool:
    """Return True if `program` is the Python of a virtual environment."""
    return (program.parent.parent / "pyvenv.cfg").exists()


def _has_all_names(program: Path, version: str, *, windows: bool) -> bool:
    """Return True if every name of Python in the folder of `program` leads to `program`."""
    suffix = ".exe" if windows else ""
    try:
        return all(
            program.with_name(f"{name}{suffix}").samefile(program)
            for name in _python_names(version)
        )
    except OSError:
        return False


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
