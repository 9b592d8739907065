"""Finish an installed prefix: add the usual names to bin/, and remove paths of the build."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The files in which CPython's build records its paths (Makefile.pre.in: libinstall, libainstall;
# 3.14 adds the JSON files).
_RECORDS = (
    "lib/python*/_sysconfigdata_*.py",
    "lib/python*/_sysconfig_vars_*.json",
    "lib/python*/build-details.json",
    "lib/python*/config-*/Makefile",
    "lib/python*/config-*/python-config.py",
    "lib/pkgconfig/python*.pc",
    "bin/python*-config",
)


def executable(
    prefix: Path,
    version: str,
    *,
    free_threaded: bool = False,
    debug: bool = False,
    windows: bool | None = None,
) -> Path:
    """Return the path of the interpreter after an install of `version` into `prefix`.

    `make altinstall` names the interpreter python3.13, python3.13t or python3.13d. If `windows` is
    True, return the path on Windows; if False, the path on POSIX; if None, the path on this system.
    """
    series = ".".join(version.split(".")[:2])
    threads = "t" * free_threaded
    if os.name == "nt" if windows is None else windows:
        stem = f"python{series}t" if free_threaded else f"python{'_d' * debug}"
        return prefix / f"{stem}.exe"
    return prefix / "bin" / f"python{series}{threads}{'d' * debug}"


def add_links(prefix: Path, program: Path) -> None:
    """On POSIX, add `python`, `python3`, `pip` and `pip3` to bin/.

    `make altinstall` installs only names such as `python3.13`. Without these links, a script that
    runs `python` would find another interpreter. `program` is the path of the installed
    interpreter.
    """
    folder = prefix / "bin"
    if os.name != "posix" or not folder.is_dir():
        return
    series = program.name.removeprefix("python").rstrip("td")
    links = {
        "python3": program.name,
        "python": program.name,
        f"python{series}": program.name,
        "pip3": f"pip{series}",
        "pip": f"pip{series}",
    }
    for name, target in links.items():
        if (folder / target).exists() and not (folder / name).exists():
            (folder / name).symlink_to(target)


def replace_paths(prefix: Path, paths: Mapping[str, str]) -> list[Path]:
    """Replace each key of `paths` by its value in the build's records in `prefix`.

    Extension modules are built with the paths that sysconfig reads from these records. Scratch and
    caches can be deleted safely only if no record names them. If a record is a Python module, its
    bytecode is removed, because it contains the old paths. Return the records that changed.
    """
    return [record for record in build_records(prefix) if _replace_in(record, paths)]


def build_records(prefix: Path) -> list[Path]:
    """Return the files in `prefix` in which CPython's build records its paths."""
    return [record for pattern in _RECORDS for record in sorted(prefix.glob(pattern))]


def _replace_in(record: Path, paths: Mapping[str, str]) -> bool:
    """Replace `paths` in the file `record`; return True if the file changed."""
    old = new = record.read_bytes()
    # The longest path first, because it may begin with a shorter one.
    for path in sorted(paths, key=len, reverse=True):
        new = new.replace(os.fsencode(path), os.fsencode(paths[path]))
    if new == old:
        return False
    record.write_bytes(new)
    for bytecode in (record.parent / "__pycache__").glob(f"{record.stem}.*.pyc"):
        bytecode.unlink()
    return True
