"""Gather an LLVM's tools in one folder for a build, and check that its clang works."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import LLVMError
from jitbuild.system import files, process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.system.process import Runner

_TIMEOUT_SECONDS = 20.0
_PROGRAM = """\
#include <assert.h>
#include <stddef.h>
int probe(int x) { assert(x); return x; }
"""
# Besides the tools for stencils: what configure looks for when the compiler is this clang
# (--tail-call).
_COMPANIONS = ("lld", "ld.lld", "llvm-ar", "llvm-profdata", "llvm-ranlib")


def gather(tools: Mapping[str, Path], folder: Path) -> Path:
    """Return an LLVM root whose `bin` has every tool under its plain name, and no other program.

    That is `folder`, with a `bin` of symbolic links; so a build can be given its path before the
    LLVM is provided. clang finds its headers and libraries by its real path, hence also through a
    link. On Windows, where most users may not make links, it is the LLVM's own root. Raises
    DiskFullError and StoreError.
    """
    if os.name == "nt":
        return next(iter(tools.values())).parent.parent
    with files.store_errors(folder):
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        for name, path in {**_companions(tools), **tools}.items():
            link = folder / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(path.absolute())
    return folder


def check_clang(tools: Mapping[str, Path], folder: Path, runner: Runner = process.run) -> None:
    """Check that clang compiles a file, and that llvm-readobj, if it is among `tools`, reads it.

    The file goes to a folder in `folder` that is removed. Raises LLVMError.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        output = Path(place) / "probe.o"
        _compile(tools["clang"], output, runner)
        if reader := tools.get("llvm-readobj"):
            _read(reader, output, runner)


def _companions(tools: Mapping[str, Path]) -> dict[str, Path]:
    if "clang" not in tools:
        return {}
    folder = tools["clang"].resolve().parent
    return {name: folder / name for name in _COMPANIONS if (folder / name).exists()}


def _compile(clang: Path, output: Path, runner: Runner) -> None:
    argv = [str(clang), "-x", "c", "-", "-c", "-o", str(output)]
    completed = runner(argv, stdin=_PROGRAM, timeout=_TIMEOUT_SECONDS)
    if not completed.ok:
        raise LLVMError(
            f"{clang} cannot compile: {completed.stderr.strip()[-400:]}",
            remedy="Install the C library's headers; `jitbuild doctor` prints the command for "
            "this machine.",
        )


def _read(reader: Path, output: Path, runner: Runner) -> None:
    completed = runner([str(reader), "--file-headers", str(output)], timeout=_TIMEOUT_SECONDS)
    if not (completed.ok and "Format: elf64" in completed.stdout):
        text = (completed.stderr or completed.stdout).strip()[-400:]
        raise LLVMError(
            f"{reader} cannot read what the clang beside it compiled: {text}",
            remedy="Use another LLVM: --llvm system or --llvm PATH.",
        )
