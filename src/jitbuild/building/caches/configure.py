"""The configure cache: config.cache, autoconf's own record of what it found out, kept for the same machine and the same flags.

What a config.cache may be used for again is decided by the key alone: the script, its arguments less those that a recipe calls
neutral, the environment, the compiler, the libc, the kernel, and the folders that headers and .pc files are found in. Within
a key, what can change without it is asked again each time: which programs there are (`ac_cv_path_*`, `ac_cv_prog_CC`), and
whatever names a folder that will be gone. So is what would make configure do something else than it does without a cache
(caches/autoconf.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.building.caches.autoconf import askable_again
from jitbuild.building.caches.entries import EntryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jitbuild.system.process import Runner

_SCHEMA = 1
# One is 50 kB.
LARGEST = 20_000_000
_FILE = "config.cache"
# An answer in config.cache (autoconf, general.m4, AC_CACHE_SAVE): `name=${name=value}`; a value may go on over lines.
_ANSWER = re.compile(r"^(?P<name>[A-Za-z_]\w*)=\$\{(?P=name)=", re.MULTILINE)
# Looked up on PATH in no time: a program that came or went since must not be missed.
_PROGRAMS = re.compile(r"ac_cv_(path_|prog_[A-Z]|prog_ac_ct_)")
# What the person's variables were (autoconf, AC_ARG_VAR): configure stops when one of them has changed since.
_GIVEN = re.compile(r"ac_cv_env_(?P<name>\w+)_(set|value)")
_SECONDS = 20.0
_BEGIN = re.compile(r"^#include [\"<]\.\.\.[\">] search starts here:$")
_END = "End of search list."


@dataclass(frozen=True, slots=True)
class ConfigureCache:
    """What configure found out, kept in `entries`."""

    entries: EntryStore

    @classmethod
    def in_store(cls, store: Path) -> ConfigureCache:
        """The answers that the store in the folder `store` keeps."""
        return cls(EntryStore(store / "configure", LARGEST))

    def key(
        self,
        *,
        configure: bytes,
        arguments: Sequence[str],
        env: Mapping[str, str],
        compiler: str,
        libc: str,
        headers: str,
        kernel: str,
    ) -> str:
        """The key of the answers that the script `configure` will give.

        `arguments` and `env` are those that can change an answer: the caller leaves out what a recipe calls neutral, and names
        scratch in none. `headers` is `headers_digest`; the others are what the tools and the system say of themselves.
        """
        facts = {
            "schema": _SCHEMA,
            "configure": hashlib.sha256(configure).hexdigest(),
            "arguments": list(arguments),
            "env": dict(env),
            "compiler": compiler,
            "libc": libc,
            "headers": headers,
            "kernel": kernel,
        }
        return hashlib.sha256(
            json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()

    def restore(self, key: str, to: Path) -> bool:
        """Write the answers of `key` to the file `to`, a config.cache; whether there were any."""
        entry = self.entries.get(key)
        content = entry.files.get(_FILE) if entry else None
        if content is None:
            return False
        try:
            to.write_bytes(content)
        except OSError:
            with contextlib.suppress(OSError):
                to.unlink()
            return False
        return True

    def keep(self, key: str, config_cache: Path, forgetting: Iterable[str]) -> None:
        """Keep the answers in the file `config_cache`, beside the script that wrote it, save those that may not hold again.

        Those are answers that name one of the paths of `forgetting`, and those that the script must find out itself. A variable of
        the person's that names such a path is kept as whatever it will be then, since its value is another each time.
        """
        try:
            text = config_cache.read_text(encoding="utf-8", errors="surrogateescape")
            script = config_cache.with_name("configure").read_text(
                encoding="utf-8", errors="surrogateescape"
            )
        except OSError:
            return
        paths = [path for path in forgetting if path.strip("/")]
        kept = "".join(_lasting(text, script, paths))
        if kept:
            self.entries.put(key, {_FILE: kept.encode("utf-8", "surrogateescape")}, {})


def _lasting(text: str, script: str, paths: Sequence[str]) -> Iterator[str]:
    """The lines of a config.cache that hold for the next build too."""
    answers = [(found["name"], found.start()) for found in _ANSWER.finditer(text)]
    ends = [*(begin for _, begin in answers[1:]), len(text)][: len(answers)]
    records = [(name, text[begin:end]) for (name, begin), end in zip(answers, ends, strict=True)]
    named = {name for name, record in records if any(path in record for path in paths)}
    again = askable_again(script, (name for name, _ in records))
    given = {found["name"] for name in named if (found := _GIVEN.fullmatch(name))}
    for name, record in records:
        variable = _GIVEN.fullmatch(name)
        if variable and variable["name"] in given:
            # config.cache is sourced when configure has these of the environment already.
            yield f"{name}=${{{name}=${name.replace('ac_cv_env_', 'ac_env_', 1)}}}\n"
        elif name not in named and name not in again and not _PROGRAMS.match(name):
            yield f"{record.rstrip()}\n"


def headers_digest(directories: Iterable[Path]) -> str:
    """The sha256 of the path, time and number of entries of each of `directories` and of every folder below.

    A package that is installed, upgraded or removed changes one of them. Links are not followed below the folders themselves,
    and a folder that is not there or may not be read counts as such.
    """
    total = hashlib.sha256()
    for top in sorted({str(directory) for directory in directories}):
        for folder, folders, names in os.walk(top):
            folders.sort()
            try:
                changed = Path(folder).stat().st_mtime_ns
            except OSError:
                changed = 0
            total.update(
                f"{folder}\0{changed}\0{len(folders) + len(names)}\n".encode(
                    "utf-8", "surrogateescape"
                )
            )
        total.update(f"{top} ends\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def search_folders(runner: Runner, environ: Mapping[str, str]) -> list[Path]:
    """The folders in which the C compiler of `environ` (CC, else cc) finds headers, and pkg-config its .pc files.

    None at all when there is no compiler that answers.
    """
    compiler = shlex.split(environ.get("CC", "")) or ["cc"]
    said = _said(runner, [*compiler, "-E", "-v", "-x", "c", os.devnull], environ)
    if said is None:
        return []
    folders = [*_included(said)]
    for name in ("PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"):
        folders += [each for each in environ.get(name, "").split(os.pathsep) if each]
    pc_path = _said(
        runner,
        [environ.get("PKG_CONFIG") or "pkg-config", "--variable", "pc_path", "pkg-config"],
        environ,
    )
    folders += [each for each in (pc_path or "").strip().split(os.pathsep) if each]
    return [Path(folder) for folder in dict.fromkeys(map(os.path.normpath, folders))]


def _said(runner: Runner, argv: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """What a program prints, on both its outputs; None when it is not there or fails."""
    try:
        completed = runner(argv, env=environ, timeout=_SECONDS)
    except OSError:
        return None
    return completed.stdout + completed.stderr if completed.ok else None


def _included(said: str) -> Iterator[str]:
    """The folders of headers that `cc -v` lists, one to a line with a space before it."""
    listed = False
    for line in said.splitlines():
        if line == _END:
            return
        if _BEGIN.match(line):
            listed = True
        elif listed and line.startswith(" "):
            yield line.strip().removesuffix(" (framework directory)")
