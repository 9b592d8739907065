"""Lets CPython's Tools/jit/build.py write the same stencils sooner: what all micro-ops have in common is read once.

build.py starts a clang for each of some 300 micro-ops (Tools/jit/_targets.py, `_compile`), and each reads 17 of CPython's own
headers, to compile a few lines. Here those headers are compiled once, with the very flags that the micro-ops get, as a
precompiled header (clang's -include-pch).

Nothing of it can change what comes out: the compiler sees the same declarations in the same order, and a test compares all bytes
with those of build.py alone, which is also what is left when anything here does not hold. Runs in the process of build.py,
started by sitecustomize.py; `JITBUILD_STENCILS` names a folder for what is made.
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
# A header that may be read twice: its first directive asks whether it has been read.
_GUARDED = re.compile(
    r"(?:\s|//[^\n]*\n|/\*.*?\*/)*#\s*(?:ifndef\s+(\w+)\s*\n\s*#\s*define\s+\1\b|pragma\s+once\b)",
    re.DOTALL,
)
_OPCODE = "-D_JIT_OPCODE="


def install(folder: str) -> None:
    """Put this between asyncio and build.py, which starts its tools by `asyncio.create_subprocess_exec` (_llvm.py)."""
    start = asyncio.create_subprocess_exec
    headers = Headers(folder, start)

    async def started(program: str, *args: str, **options: Any) -> Any:
        return await start(program, *await headers.added(program, args), **options)

    asyncio.create_subprocess_exec = started  # type: ignore[assignment]


class Headers:
    """Precompiled headers in `folder`, by what they include and the flags that they are compiled with.

    `start` starts a process as asyncio does.
    """

    def __init__(self, folder: str, start: Callable[..., Awaitable[Any]]) -> None:
        self._folder, self._start = folder, start
        self._asked: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        self._made: dict[tuple[tuple[str, ...], tuple[str, ...]], asyncio.Future[str | None]] = {}

    async def added(self, program: str, args: Sequence[str]) -> Sequence[str]:
        """The arguments with which clang need not read the headers of a micro-op; `args` themselves where it compiles none."""
        source = next((word for word in args if word.endswith(".c")), None)
        if (
            source is None
            or not any(word.startswith(_OPCODE) for word in args)
            or not os.path.isfile(source)
        ):
            return args
        try:
            with open(source, encoding="utf-8") as file:
                names = leading(file.read(), [word[2:] for word in args if word.startswith("-I")])
        except (OSError, ValueError):
            return args
        if not names:
            return args
        key = (tuple(names), tuple(shared(args)))
        if (
            key not in self._asked
        ):  # it may be the only one: the trampoline of 3.13, the shim of later versions
            self._asked.add(key)
            return args
        # The second makes the header, the others wait for it.
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(
                self._precompiled(program, len(self._made), *key)
            )
        made = await asyncio.shield(self._made[key])
        return ("-include-pch", made, *args) if made else args

    async def _precompiled(
        self, program: str, number: int, names: Sequence[str], flags: Sequence[str]
    ) -> str | None:
        """The file, or None where it cannot be made."""
        path = os.path.join(self._folder, f"headers-{number}")
        with contextlib.suppress(OSError):
            with open(f"{path}.h", "w", encoding="utf-8") as file:
                file.writelines(f'#include "{name}"\n' for name in names)
            clang = await self._start(
                program, *flags, "-x", "c-header", f"{path}.h", "-o", f"{path}.pch"
            )
            if await clang.wait() == 0:
                return f"{path}.pch"
        print(
            "jitbuild: the headers cannot be precompiled, so each micro-op's clang reads them",
            file=sys.stderr,
        )
        return None


def leading(text: str, folders: Sequence[str]) -> list[str]:
    """The headers that a source includes before anything else, as long as each is found in `folders` and may be read twice."""
    names: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        include = _INCLUDE.fullmatch(line.strip())
        if include is None or not _is_guarded(include[1], folders):
            break
        names.append(include[1])
    return names


def shared(args: Sequence[str]) -> Iterator[str]:
    """The arguments but for those that name this micro-op, its source, and what becomes of it."""
    rest = iter(args)
    for word in rest:
        if word == "-o":
            next(rest, None)
        elif (
            word not in {"-c", "-S", "-emit-llvm"}
            and not word.endswith(".c")
            and not word.startswith(_OPCODE)
        ):
            yield word


def _is_guarded(name: str, folders: Sequence[str]) -> bool:
    path = next(
        (path for folder in folders if os.path.isfile(path := os.path.join(folder, name))), None
    )
    if path is None:
        return False
    with open(path, encoding="utf-8") as file:
        return _GUARDED.match(file.read()) is not None
