"""The stencil cache: what Tools/jit/build.py wrote, kept under a key of everything that it was made from.

Line 1 of a stencil header is a digest, and build.py takes the header in place without calling LLVM when it computes the same
one. That digest covers the triple, the flags, pyconfig.h, executor_cases.c.h and Tools/jit (CPython, Tools/jit/_targets.py,
`_compute_digest`). It forgets CPython's own headers and LLVM's version, so the key here covers them too; build.py's digest
is still the second judge, because make runs build.py over what was restored.

The key exists only after configure, since it covers pyconfig.h. An index from what is known before (a forecast) to the key
lets a hit be foreseen, so that no LLVM need be there; a forecast decides nothing else, and may be wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.building.caches.entries import CacheEntry, EntryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from jitbuild.planning.plan import Plan

# Raised when a key or a forecast comes to mean something else.
_SCHEMA = 1
# One entry is 1 to 10 MB; a dozen versions in a few variants fit.
LARGEST = 500_000_000
_LARGEST_INDEX = 10_000_000
_MAKEFILE = "Makefile"
_PYCONFIG = "pyconfig.h"
# What build.py writes into the folder that make runs in, as one unit: 3.13 a header; 3.14 a header for each triple and one that
# includes the right one; 3.15 the unwind headers and the shim's object too.
_UNIT = ("jit_stencils*.h", "jit_unwind_info*.h", "jit_shim*.o")
# By the time of these make goes where several files come of one run of build.py (3.15).
_STAMPS = (".jit*stamp*", "jit*stamp*")
_DIGEST_LINE = re.compile(rb"// [0-9a-f]{64}")
# What a Makefile's recipe says of where LLVM is (3.15): it changes nothing in what is made, and on a foreseen hit is empty.
_WHERE_LLVM = re.compile(r"^--llvm-tools-install-dir=.*", re.DOTALL)
_VARIABLE = re.compile(r"\$[({](\w+)[)}]")
# Where the tree and the Python are: not what is made. MAKE's own and the shell's are not in the Makefile anyway.
_PLACES = frozenset({"PYTHON_FOR_REGEN", "srcdir", "abs_srcdir", "abs_builddir"})
_ON = re.compile(r"^--enable-experimental-jit=yes(-off)?$")


@dataclass(frozen=True, slots=True)
class StencilCache:
    """The stencils kept in `entries`, and an `index` from forecasts to their keys."""

    entries: EntryStore
    index: EntryStore

    @classmethod
    def in_store(cls, store: Path) -> StencilCache:
        """The stencils that the store in the folder `store` keeps."""
        folder = store / "stencils"
        return cls(
            entries=EntryStore(folder, LARGEST), index=EntryStore(folder / "index", _LARGEST_INDEX)
        )

    def forecast(self, plan: Plan, *, compiler: str, libc: str) -> str:
        """What is known before configure of what the key will cover: the plan up to configure, the compiler and the libc.

        Placeholders are not filled in, so that the prefix and scratch do not count; `yes` and `yes-off` have the same stencils.
        """
        names = [step.name for step in plan.steps]
        steps = plan.steps[: names.index("configure") + 1 if "configure" in names else 1]
        return _digest_of(
            {
                "schema": _SCHEMA,
                "source": plan.source.digest,
                "target": plan.target.name,
                "llvm": plan.llvm and plan.llvm.major,
                "edits": [[edit.file, edit.find, edit.replace] for edit in plan.edits],
                "patches": [patch.sha256 for patch in plan.variant.patches],
                "steps": [
                    [[_jit_axis(word) for word in step.argv], sorted(step.env)] for step in steps
                ],
                "compiler": compiler,
                "libc": libc,
            }
        )

    def foreseen(self, forecast: str) -> str | None:
        """The key that the last build of this forecast had, when its entry is there and whole; else None."""
        entry = self.index.get(forecast)
        key = entry.facts.get("key", "") if entry else ""
        return key if key and self._whole(key) else None

    def key(
        self, tree: Path, *, llvm_major: int, libc: str, forgetting: Iterable[Path] = ()
    ) -> str:
        """The key of the stencils that the configured `tree` will have; "" where its Makefile makes none, or cannot be read.

        Paths under the tree, and under the folders of `forgetting` (scratch, LLVM), count as the same wherever they are.
        """
        try:
            recipe = _recipe(
                (tree / _MAKEFILE).read_text(encoding="utf-8", errors="surrogateescape")
            )
            if not recipe:
                return ""
            total = hashlib.sha256()
            for name, path in _sources(tree):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{content} {name}\0".encode("utf-8", "surrogateescape"))
        except OSError:
            return ""
        return _digest_of(
            {
                "schema": _SCHEMA,
                "llvm": llvm_major,
                "libc": libc,
                "recipe": [_placeless(line, llvm_major, (tree, *forgetting)) for line in recipe],
                "sources": total.hexdigest(),
            }
        )

    def restore(self, tree: Path, key: str) -> CacheEntry | None:
        """Put the entry `key` into the configured `tree`, and return it; None for a miss.

        Whatever stencils lay in the tree are removed first, also for a miss: a digest that forgets headers may take them for
        new. What is restored has a time long ago, so that make runs build.py, which looks at line 1.
        """
        if not key:
            return None
        for path in [*_unit(tree), *_found(tree, _STAMPS)]:
            path.unlink(missing_ok=True)
        entry = self._whole(key)
        if entry is None:
            return None
        for name, content in entry.files.items():
            (tree / name).write_bytes(content)
            os.utime(tree / name, (1, 1))
        return entry

    def settle(self, tree: Path) -> None:
        """Have make take the stencils in `tree` for up to date, after build.py has: they become as new as what they come from."""
        with contextlib.suppress(OSError):
            sources = (
                tree / _PYCONFIG,
                tree / "Python/executor_cases.c.h",
                *(tree / "Tools/jit").glob("*"),
                *_found(tree, _STAMPS),
            )
            newest = max(path.stat().st_mtime_ns for path in sources if path.exists())
            for path in _unit(tree):
                if path.stat().st_mtime_ns < newest:
                    os.utime(path, ns=(newest, newest))

    def unchanged(self, tree: Path, entry: CacheEntry) -> bool:
        """Whether the stencils in `tree` are those of `entry`: build.py may have judged otherwise and written new ones."""
        try:
            return _read(tree) == entry.files
        except OSError:
            return False

    def keep(self, tree: Path, key: str, forecast: str, facts: Mapping[str, str]) -> None:
        """Keep the stencils in the built `tree` under `key`, and remember that `forecast` led to it.

        `key` is that of before make, which may write headers. Stencils whose first line is no digest are not kept.
        """
        if not key:
            return
        try:
            files = _read(tree)
        except OSError:
            return
        lines = _digest_lines(files)
        if lines is None:
            return
        kept = self.entries.get(key)
        if kept is None or kept.files != files:
            self.entries.put(key, files, {**facts, **lines})
        self.index.put(forecast, {}, {"key": key})

    def _whole(self, key: str) -> CacheEntry | None:
        """The entry `key`, when it holds stencils and nothing else, whose digests are those that were recorded."""
        entry = self.entries.get(key)
        if entry is None or not all(_is_of_unit(name) for name in entry.files):
            return None
        lines = _digest_lines(entry.files)
        return entry if lines is not None and lines.items() <= entry.facts.items() else None


def _jit_axis(word: str) -> str:
    return "--enable-experimental-jit=yes" if _ON.match(word) else word


def _digest_of(facts: object) -> str:
    return hashlib.sha256(
        json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _found(tree: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in tree.glob(pattern) if path.is_file()})


def _unit(tree: Path) -> list[Path]:
    return _found(tree, _UNIT)


def _is_of_unit(name: str) -> bool:
    return any(
        re.fullmatch(pattern.replace(".", r"\.").replace("*", "[^/]*"), name) for pattern in _UNIT
    )


def _read(tree: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in _unit(tree)}


def _digest_lines(files: Mapping[str, bytes]) -> dict[str, str] | None:
    """The first line of each header that has the stencils of a triple; None when one is no digest, or when there is none."""
    headers = [name for name in files if name.startswith("jit_stencils-")] or [
        name for name in files if name == "jit_stencils.h"
    ]
    lines = {name: files[name].partition(b"\n")[0] for name in headers}
    if not lines or not all(_DIGEST_LINE.fullmatch(line) for line in lines.values()):
        return None
    return {f"line 1 of {name}": line.decode() for name, line in lines.items()}


def _sources(tree: Path) -> Iterator[tuple[str, Path]]:
    """Every file that stencils are made from, with its name in the tree, in the same order everywhere."""
    below = [
        path
        for folder in ("Include", "Tools/jit")
        for path in (tree / folder).rglob("*")
        if path.is_file()
    ]
    beside = [*(tree / "Python").glob("*.h"), tree / _PYCONFIG]
    named = sorted((path.relative_to(tree).as_posix(), path) for path in (*below, *beside))
    yield from (
        (name, path)
        for name, path in named
        if "__pycache__" not in path.parts and not _is_of_unit(path.name)
    )


def _recipe(makefile: str) -> list[str]:
    """The commands by which a Makefile makes stencils, and the variables that they use, each once."""
    lines = makefile.replace("\\\n", " ").splitlines()
    commands = sorted(
        {
            " ".join(line.split())
            for line in lines
            if line.startswith("\t") and "Tools/jit/build.py" in line
        }
    )
    values = {
        name: text for line in lines if (parts := _assignment(line)) for name, text in [parts]
    }
    used: dict[str, str] = {}
    waiting = list(commands)
    while waiting:
        for name in _VARIABLE.findall(waiting.pop()):
            if name in values and name not in used and name not in _PLACES:
                used[name] = values[name]
                waiting.append(values[name])
    return [*commands, *(f"{name} = {text}" for name, text in sorted(used.items()))]


def _assignment(line: str) -> tuple[str, str] | None:
    found = re.match(r"(\w+)\s*[:?]?=\s*(.*)", line)
    return (found[1], found[2]) if found else None


def _placeless(line: str, llvm_major: int, folders: Iterable[Path]) -> str:
    """`line` without where things are: not the folders, nor what it says of LLVM, save another major than the one meant."""
    for folder in sorted({str(folder) for folder in folders}, key=len, reverse=True):
        line = line.replace(folder, "{here}")
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    silent = {"--llvm-version=", f"--llvm-version={llvm_major}"}
    return shlex.join(word for word in words if word not in silent and not _WHERE_LLVM.match(word))
