"""The two keys of the stencil cache.

Line 1 of a stencil header is a digest. Tools/jit/build.py keeps an existing header, without calling
LLVM, if it computes the same digest. That digest covers the triple, the flags, pyconfig.h,
executor_cases.c.h and Tools/jit (CPython, Tools/jit/_targets.py, `_compute_digest`). It omits
CPython's own headers and the version of LLVM, so `stencil_key` covers them as well.

`stencil_key` can be computed only after configure, because it covers pyconfig.h. `forecast_key`
covers what is known before configure. An index from forecast keys to stencil keys tells in advance
whether a build will need an LLVM.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from jitbuild.planning.plan import Plan
    from jitbuild.planning.step import Step

# Incremented when the meaning of a key or a forecast changes.
_SCHEMA = 1
PYCONFIG = "pyconfig.h"
_MAKEFILE = "Makefile"
# build.py writes these files, which belong together, into the folder in which make runs. 3.13 has
# one header. 3.14 has a header per triple, and one that includes the right header. 3.15 also has
# unwind headers and the shim's object file.
UNIT = ("jit_stencils*.h", "jit_unwind_info*.h", "jit_shim*.o")
# The option for the location of LLVM, in a command of 3.15's Makefile. It does not affect the
# stencils, and its value is empty in a build without LLVM.
_LLVM_LOCATION = re.compile(r"^--llvm-tools-install-dir=.*", re.DOTALL)
_VARIABLE = re.compile(r"\$[({](\w+)[)}]")
_ASSIGNMENT = re.compile(r"(\w+)\s*[:?]?=\s*(.*)")
# Variables with the location of the tree or of a Python. They do not affect the stencils.
_LOCATIONS = frozenset({"PYTHON_FOR_REGEN", "srcdir", "abs_srcdir", "abs_builddir"})
_JIT_ENABLED = re.compile(r"^--enable-experimental-jit=yes(-off)?$")


def forecast_key(plan: Plan, *, compiler: str, libc: str) -> str:
    """Return the key of all facts that are known before configure.

    They are the plan's facts up to the step that runs configure, and `compiler` and `libc`, which
    identify the C compiler and the C library. Placeholders in the plan's steps are not filled in,
    so the prefix and scratch do not affect the key. The JIT modes `yes` and `yes-off` have the same
    stencils and the same key.
    """
    return _digest_of(
        {
            "schema": _SCHEMA,
            "source": plan.source.digest,
            "target": plan.target.name,
            "llvm": plan.llvm and plan.llvm.major,
            "edits": [[edit.file, edit.find, edit.replace] for edit in plan.edits],
            "patches": [patch.sha256 for patch in plan.variant.patches],
            "steps": [
                [[_without_mode(arg) for arg in step.argv], sorted(step.env)]
                for step in _steps_up_to_configure(plan)
            ],
            "compiler": compiler,
            "libc": libc,
        }
    )


def stencil_key(
    tree: Path, *, llvm_major: int, libc: str, ignored_folders: Iterable[Path] = ()
) -> str:
    """Return the key of the stencils that the configured `tree` will have.

    Return "" if the tree's Makefile makes no stencils, or if the tree cannot be read. Paths under
    `tree` and under `ignored_folders` (scratch, LLVM) do not affect the key.
    """
    try:
        makefile = (tree / _MAKEFILE).read_text(encoding="utf-8", errors="surrogateescape")
        recipe = _recipe(makefile)
        if not recipe:
            return ""
        sources = _sources_digest(tree)
    except OSError:
        return ""
    folders = (tree, *ignored_folders)
    return _digest_of(
        {
            "schema": _SCHEMA,
            "llvm": llvm_major,
            "libc": libc,
            "recipe": [_without_locations(line, llvm_major, folders) for line in recipe],
            "sources": sources,
        }
    )


def is_unit_file(name: str) -> bool:
    """Return True if `name` is the name of a file that build.py writes."""
    return any(fnmatchcase(name, pattern) for pattern in UNIT)


def _steps_up_to_configure(plan: Plan) -> tuple[Step, ...]:
    names = [step.name for step in plan.steps]
    return plan.steps[: names.index("configure") + 1 if "configure" in names else 1]


def _without_mode(arg: str) -> str:
    return "--enable-experimental-jit=yes" if _JIT_ENABLED.match(arg) else arg


def _digest_of(facts: object) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sources_digest(tree: Path) -> str:
    total = hashlib.sha256()
    for name, path in _sources(tree):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content} {name}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _sources(tree: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name in `tree` and the path of each file that affects the stencils.

    The files come in a fixed order.
    """
    nested = [
        path
        for folder in ("Include", "Tools/jit")
        for path in (tree / folder).rglob("*")
        if path.is_file()
    ]
    paths = [*nested, *(tree / "Python").glob("*.h"), tree / PYCONFIG]
    for name, path in sorted((path.relative_to(tree).as_posix(), path) for path in paths):
        if "__pycache__" not in path.parts and not is_unit_file(path.name):
            yield name, path


def _recipe(makefile: str) -> list[str]:
    """Return the commands of `makefile` that make stencils, then the variables that they use.

    Each variable is returned as `name = value`.
    """
    lines = makefile.replace("\\\n", " ").splitlines()
    commands = sorted(
        {
            " ".join(line.split())
            for line in lines
            if line.startswith("\t") and "Tools/jit/build.py" in line
        }
    )
    values = {name: value for line in lines for name, value in _assignment(line)}
    used: dict[str, str] = {}
    unread = list(commands)
    while unread:
        for name in _VARIABLE.findall(unread.pop()):
            if name in values and name not in used and name not in _LOCATIONS:
                used[name] = values[name]
                unread.append(values[name])
    return [*commands, *(f"{name} = {value}" for name, value in sorted(used.items()))]


def _assignment(line: str) -> Iterator[tuple[str, str]]:
    if match := _ASSIGNMENT.match(line):
        yield match[1], match[2]


def _without_locations(line: str, llvm_major: int, folders: Iterable[Path]) -> str:
    """Return `line`, of a Makefile's recipe, without `folders` and the location of LLVM.

    The option `--llvm-version` is dropped if its value is empty or `llvm_major`, because the key
    already contains `llvm_major`.
    """
    for folder in sorted({str(folder) for folder in folders}, key=len, reverse=True):
        line = line.replace(folder, "{here}")
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    redundant = {"--llvm-version=", f"--llvm-version={llvm_major}"}
    return shlex.join(
        word for word in words if word not in redundant and not _LLVM_LOCATION.match(word)
    )
