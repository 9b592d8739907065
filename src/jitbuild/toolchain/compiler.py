"""Identify the C compiler of a build, and the C library that it compiles against."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.planning.plan import Plan
    from jitbuild.system.process import Runner
    from jitbuild.target import Host

# The names of compilers that configure tries, in this order (AC_PROG_CC in configure.ac).
_USUAL_NAMES = ("gcc", "cc", "clang")
_TIMEOUT_SECONDS = 20.0
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class CCompiler:
    """The C compiler of a build.

    `argv` is the command that calls the compiler. `text` is the output of `--version`, followed by
    a line with the program's location and size. Cache keys contain `text`, because it identifies
    the compiler.
    """

    argv: tuple[str, ...]
    text: str

    @property
    def version(self) -> str:
        """The first line of the compiler's `--version` output; "unknown" if it printed nothing."""
        return self.text.partition("\n")[0] or "unknown"


def compiler_of(
    plan: Plan, llvm: Path | None, environ: Mapping[str, str], *, runner: Runner = process.run
) -> CCompiler:
    """Return the compiler that configure will choose for `plan` on the PATH of `environ`.

    With --tail-call, it is the clang in `llvm`, the root folder of an LLVM. Otherwise it is the
    compiler that the plan names with CC=, or else the first that configure finds. No errors are
    raised: a compiler that does not run has the version "unknown".
    """
    path = environ.get("PATH")
    argv = compiler_command(plan, llvm, path)
    program = shutil.which(argv[0], path=path) or argv[0]
    text = ""
    with contextlib.suppress(OSError):
        text = runner([*argv, "--version"], env=environ, timeout=_TIMEOUT_SECONDS).stdout
    # An update of the compiler may keep its version, but changes its size or its real path.
    with contextlib.suppress(OSError):
        size = os.stat(program).st_size  # noqa: PTH116
        text = f"{text.strip()}\n{program} {os.path.realpath(program)} {size}"
    return CCompiler(argv=tuple(argv), text=text)


def build_variables(plan: Plan) -> dict[str, str]:
    """Return the variables that the plan's configure arguments set, such as `CC`, with their
    values.
    """
    return {
        name: value
        for name, _, value in (arg.partition("=") for arg in plan.variant.configure_args)
        if _VARIABLE.fullmatch(f"{name}=")
    }


def compiler_command(plan: Plan, llvm: Path | None, path: str | None) -> list[str]:
    """Return the command of the compiler that configure will choose, as in `compiler_of`."""
    if plan.variant.tail_call and llvm:
        return [str(llvm / "bin" / "clang")]
    if named := build_variables(plan).get("CC"):
        return shlex.split(named)
    return [next((name for name in _USUAL_NAMES if shutil.which(name, path=path)), "cc")]


def libc_of(host: Host) -> str:
    """Return a text that identifies the C library's headers in cache keys.

    On Linux, this is the version of the C library. On macOS, where the C library is part of the
    system, it is the version of the kernel.
    """
    return host.libc or host.kernel
