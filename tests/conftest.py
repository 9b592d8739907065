"""Fixtures of both the unit and the integration tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def mini_cpython() -> Callable[..., Path]:
    """Return a function that writes the files of a CPython tree that are read before a build."""

    def make(
        folder: Path,
        *,
        version: str = "3.15.0a0+",
        llvm: str = "_LLVM_VERSION = 21",
        option: str = "experimental-jit",
        scripts: Mapping[str, str] | None = None,
    ) -> Path:
        files = {
            "Include/patchlevel.h": (
                f'#define PY_MAJOR_VERSION 3\n#define PY_VERSION              "{version}"\n'
            ),
            "Tools/jit/_llvm.py": f"import re\n\n{llvm}\n",
            "configure": f"#!/bin/sh\n# --enable-{option}\n",
            "Lib/os.py": "name = 'posix'\n",
            **{f"Tools/jit/{name}": text for name, text in (scripts or {}).items()},
        }
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
        (folder / "configure").chmod(0o755)
        return folder

    return make
