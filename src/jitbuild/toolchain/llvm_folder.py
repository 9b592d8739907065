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
# Programs that configure also looks for if the clang of this LLVM is the compiler (--tail-call).
_COMPANIONS = ("lld", "ld.lld", "llvm-ar", "llvm-profdata", "llvm-ranlib")


def gather(tools: Mapping[str, Path], folder: Path) -> Path:
    """Return an LLVM root whose `bin` has every tool under its plain name.

    The root is `folder`, whose `bin` gets symbolic links to the tools; its path is therefore known
    before the LLVM is provided. clang works through a link, because it finds its headers and
    libraries by its real path. On Windows, where most users are not allowed to create links, return
    the root of the LLVM itself. Raises DiskFullError or StoreError if `folder` cannot be written.
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
    """Check that clang compiles a file and that llvm-readobj can read the result.

    llvm-readobj is checked only if it is among `tools`. The file is written to a temporary folder
    in `folder`. Raises LLVMError if a tool fails.
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
            f"{reader} cannot read a file that clang compiled: {text}",
            remedy="Use another LLVM: --llvm system or --llvm PATH.",
        )
