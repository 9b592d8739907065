"""The key of configure's answers: all facts about the source and this machine that decide them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.system.process import Runner

# Incremented when the meaning of a key changes.
_SCHEMA = 1
_TIMEOUT_SECONDS = 20.0
_LIST_BEGIN = re.compile(r"^#include [\"<]\.\.\.[\">] search starts here:$")
_LIST_END = "End of search list."


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigureFacts:
    """All facts that decide the answers of a run of configure.

    `configure` is the sha256 of the script. `arguments` and `env` are the arguments and variables
    that can change an answer, without those that the recipe calls neutral. `compiler`, `libc` and
    `kernel` identify the compiler, the C library and the kernel. `headers` is the `folders_digest`
    of the `search_folders`.
    """

    configure: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    compiler: str
    libc: str
    headers: str
    kernel: str

    @property
    def key(self) -> str:
        """The key of the answers: 64 hexadecimal digits."""
        facts = {"schema": _SCHEMA, **asdict(self)}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def folders_digest(folders: Iterable[Path]) -> str:
    """Return a sha256 of `folders` and of all folders below them.

    It covers the path, the time and the number of entries of each folder, so it changes when a
    package is installed, upgraded or removed. Links are not followed. A folder that is missing or
    cannot be read also contributes to the result.
    """
    total = hashlib.sha256()
    for top in sorted({str(folder) for folder in folders}):
        for folder, names, files in os.walk(top):
            names.sort()
            line = f"{folder}\0{_mtime_ns(folder)}\0{len(names) + len(files)}\n"
            total.update(line.encode("utf-8", "surrogateescape"))
        total.update(f"{top} ends\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def search_folders(runner: Runner, environ: Mapping[str, str]) -> list[Path]:
    """Return the folders where the C compiler finds headers and pkg-config finds .pc files.

    The compiler is CC of `environ` or, if CC is not set, cc. Return an empty list if the compiler
    cannot be run.
    """
    compiler = shlex.split(environ.get("CC", "")) or ["cc"]
    verbose = _output(runner, [*compiler, "-E", "-v", "-x", "c", os.devnull], environ)
    if verbose is None:
        return []
    pkg_config = environ.get("PKG_CONFIG") or "pkg-config"
    pc_path = _output(runner, [pkg_config, "--variable", "pc_path", "pkg-config"], environ) or ""
    lists = (
        environ.get("PKG_CONFIG_PATH", ""),
        environ.get("PKG_CONFIG_LIBDIR", ""),
        pc_path.strip(),
    )
    pc_folders = [folder for paths in lists for folder in paths.split(os.pathsep) if folder]
    folders = map(os.path.normpath, [*_include_folders(verbose), *pc_folders])
    return [Path(folder) for folder in dict.fromkeys(folders)]


def _mtime_ns(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def _output(runner: Runner, argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the stdout and stderr of a program; None if the program is missing or fails."""
    try:
        completed = runner(argv, env=environ, timeout=_TIMEOUT_SECONDS)
    except OSError:
        return None
    return completed.stdout + completed.stderr if completed.ok else None


def _include_folders(verbose: str) -> Iterator[str]:
    """Yield the folders in `verbose`, the output of `cc -v`.

    They are on indented lines of their own, between two markers.
    """
    listed = False
    for line in verbose.splitlines():
        if line == _LIST_END:
            return
        if _LIST_BEGIN.match(line):
            listed = True
        elif listed and line.startswith(" "):
            yield line.strip().removesuffix(" (framework directory)")
