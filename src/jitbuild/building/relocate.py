"""Finishes an installed prefix: the plain names in bin/, and sysconfig without a trace of where it was built."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# The files in which CPython's build records its paths (Makefile.pre.in: libinstall, libainstall; sysconfig, 3.14's JSON).
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
    """The program that an install of `version` leaves in `prefix` (altinstall: python3.13, python3.13t, python3.13d)."""
    threads, checks = "t" * free_threaded, "d" * debug
    series = ".".join(version.split(".")[:2])
    if os.name == "nt" if windows is None else windows:
        return prefix / (
            f"python{series}{threads}.exe" if free_threaded else f"python{'_d' * debug}.exe"
        )
    return prefix / "bin" / f"python{series}{threads}{checks}"


def add_links(prefix: Path, program: Path) -> None:
    """Let `python`, `python3`, `pip` and `pip3` in bin/ be this interpreter's: altinstall leaves only `python3.13`, and
    a script that says `python` would otherwise find another one."""
    folder = prefix / "bin"
    if os.name != "posix" or not folder.is_dir():
        return
    series = program.name.removeprefix("python").rstrip("td")
    for name, points_to in {
        "python3": program.name,
        "python": program.name,
        f"python{series}": program.name,
        "pip3": f"pip{series}",
        "pip": f"pip{series}",
    }.items():
        if (folder / points_to).exists() and not (folder / name).exists():
            (folder / name).symlink_to(points_to)


def forget(prefix: Path, paths: Mapping[str, str]) -> list[Path]:
    """Replace every path in `paths` by its value in the records of the prefix; returns the files that changed.

    Scratch and caches are safe to delete only when no sysconfig names them: extension modules are built with what stands
    there. The bytecode of a changed module is removed, since it holds the old text.
    """
    changed = []
    for pattern in _RECORDS:
        for record in sorted(prefix.glob(pattern)):
            old = record.read_bytes()
            new = _replaced(old, paths.items())
            if new != old:
                record.write_bytes(new)
                changed.append(record)
                for stale in (record.parent / "__pycache__").glob(f"{record.stem}.*.pyc"):
                    stale.unlink()
    return changed


def _replaced(data: bytes, paths: Iterable[tuple[str, str]]) -> bytes:
    # The longest first: one path may be the beginning of another.
    for path, value in sorted(paths, key=lambda pair: -len(pair[0])):
        data = data.replace(path.encode(), value.encode())
    return data
