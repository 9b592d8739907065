"""Precompile the headers that all micro-ops include, for CPython's Tools/jit/build.py.

build.py runs clang for each of about 300 micro-ops (Tools/jit/_targets.py, `_compile`), and each
run reads 17 of CPython's headers to compile a few lines. This module compiles those headers only
once, with the flags of the micro-ops, to a precompiled header (clang's -include-pch).

The stencils do not change: the compiler sees the same declarations in the same order, and a test
compares every byte with the stencils that build.py makes without this module. If the headers cannot
be precompiled, build.py's commands run unchanged. sitecustomize.py starts this module in the
process of build.py; `JITBUILD_STENCILS` names the folder for precompiled headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

_INCLUDE = re.compile(r'#include "([\w.]+)"')
# An include guard as the first directive. A header that has one may be included twice.
_GUARD = re.compile(
    r"(?:\s|//[^\n]*\n|/\*.*?\*/)*#\s*(?:ifndef\s+(\w+)\s*\n\s*#\s*define\s+\1\b|pragma\s+once\b)",
    re.DOTALL,
)
_OPCODE = "-D_JIT_OPCODE="


def install(folder: str) -> None:
    """Replace `asyncio.create_subprocess_exec`, which build.py uses to run its tools (_llvm.py).

    The replacement writes precompiled headers to `folder`.
    """
    start = asyncio.create_subprocess_exec
    headers = PrecompiledHeaders(folder, start)

    async def start_with_header(program: str, *args: str, **options: Any) -> Any:
        return await start(program, *await headers.add_to(program, args), **options)

    asyncio.create_subprocess_exec = start_with_header  # type: ignore[assignment]


class PrecompiledHeaders:
    """The precompiled headers in `folder`, one for each list of headers and compiler flags.

    `start` must start a process as `asyncio.create_subprocess_exec` does.
    """

    def __init__(self, folder: str, start: Callable[..., Awaitable[Any]]) -> None:
        self._folder, self._start = folder, start
        self._seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        self._tasks: dict[tuple[tuple[str, ...], tuple[str, ...]], asyncio.Future[str | None]] = {}

    async def add_to(self, program: str, args: Sequence[str]) -> Sequence[str]:
        """Return `args`, preceded by the options for a precompiled header if there is one.

        `args` are returned unchanged if the command compiles no micro-op. They are also returned
        unchanged for the first command with the same headers and flags, because it may be the only
        such command: the trampoline of 3.13 and the shim of later versions are compiled alone. The
        second such command precompiles the headers, and all later commands wait for the result.
        """
        names = _headers_of(args)
        if not names:
            return args
        key = (tuple(names), tuple(shared_flags(args)))
        if key not in self._seen:
            self._seen.add(key)
            return args
        if key not in self._tasks:
            task = self._precompile(program, len(self._tasks), *key)
            self._tasks[key] = asyncio.ensure_future(task)
        header = await asyncio.shield(self._tasks[key])
        return ("-include-pch", header, *args) if header else args

    async def _precompile(
        self, program: str, number: int, names: Sequence[str], flags: Sequence[str]
    ) -> str | None:
        """Precompile the headers `names`; return the path of the result, or None if that fails."""
        path = os.path.join(self._folder, f"headers-{number}")
        source, output = f"{path}.h", f"{path}.pch"
        with contextlib.suppress(OSError):
            with open(source, "w", encoding="utf-8") as file:
                file.writelines(f'#include "{name}"\n' for name in names)
            clang = await self._start(program, *flags, "-x", "c-header", source, "-o", output)
            if await clang.wait() == 0:
                return output
        print(
            "jitbuild: CPython's headers cannot be precompiled; clang reads them for each micro-op",
            file=sys.stderr,
        )
        return None


def leading_headers(text: str, folders: Sequence[str]) -> list[str]:
    """Return the headers that the C source `text` includes before any other code.

    The list ends before the first header that is not in `folders` or that has no include guard.
    """
    names: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        include = _INCLUDE.fullmatch(line.strip())
        if include is None or not _is_guarded(include[1], folders):
            break
        names.append(include[1])
    return names


def shared_flags(args: Sequence[str]) -> Iterator[str]:
    """Yield the arguments that are the same in the compilations of all micro-ops.

    These are all arguments except the name of the micro-op, its source and its output.
    """
    remaining = iter(args)
    for arg in remaining:
        if arg == "-o":
            next(remaining, None)
        elif (
            arg not in {"-c", "-S", "-emit-llvm"}
            and not arg.endswith(".c")
            and not arg.startswith(_OPCODE)
        ):
            yield arg


def _headers_of(args: Sequence[str]) -> list[str]:
    """Return the headers that a micro-op includes before any other code.

    Return [] if the command with the arguments `args` compiles no micro-op.
    """
    source = next((arg for arg in args if arg.endswith(".c")), None)
    if source is None or not any(arg.startswith(_OPCODE) for arg in args):
        return []
    folders = [arg[2:] for arg in args if arg.startswith("-I")]
    try:
        with open(source, encoding="utf-8") as file:
            return leading_headers(file.read(), folders)
    except (OSError, ValueError):
        return []


def _is_guarded(name: str, folders: Sequence[str]) -> bool:
    path = next(
        (path for folder in folders if os.path.isfile(path := os.path.join(folder, name))), None
    )
    if path is None:
        return False
    with open(path, encoding="utf-8") as file:
        return _GUARD.match(file.read()) is not None
