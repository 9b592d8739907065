"""Facts about a CPython source tree, read from the text of its files: its version and its LLVM.

The facts about LLVM are the major version that the tree's own Tools/jit states and the tools that
it calls. Both differ between commits of one series.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import Version

from jitbuild.errors import SourceError
from jitbuild.planning.plan import ResolvedRequest
from jitbuild.request import is_full_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.planning.plan import Source

# The script that states the major version of LLVM.
LLVM_SCRIPT = "Tools/jit/_llvm.py"
_PATCHLEVEL, _CONFIGURE = "Include/patchlevel.h", "configure"
# Patterns (fnmatch) of the files to read, relative to the top of the tree.
FILES = (_PATCHLEVEL, _CONFIGURE, "Tools/jit/*.py")
_PY_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_LLVM_MAJOR = re.compile(
    r"^_LLVM_VERSION\b[^=\n]*=[^#\n]*?(\d+)[^\d#\n]*(?:#.*)?$",
    re.MULTILINE,
)
# A tool that must exist: `_llvm.run("clang", ...)`, and in 3.15 also `self.llvm_run("llvm-objdump",
# ...)`. A tool that is called through `maybe_run` is optional.
_TOOL_CALL = re.compile(r"(?<!maybe_)run\(\s*(?P<quote>[\"'])(?P<tool>clang|llvm-[\w-]+)(?P=quote)")
_FIRST_WITH_JIT = Version("3.13.dev0")


def resolve_tree(name: str, texts: Mapping[str, str], source: Source) -> ResolvedRequest:
    """Return the resolved request for a source tree.

    `name` is the name of the tree in messages. `texts` are the texts of the tree's files that match
    FILES, by path. Raises SourceError if the tree is not a CPython with the JIT.
    """
    version = _version(name, texts)
    if version < _FIRST_WITH_JIT:
        raise SourceError(
            f"{name} is CPython {version}, but the JIT came with 3.13.",
            remedy="Use CPython 3.13 or newer.",
        )
    if LLVM_SCRIPT not in texts or "experimental-jit" not in texts[_CONFIGURE]:
        raise SourceError(
            f"{name} is CPython {version} without the JIT: {LLVM_SCRIPT} or configure's "
            "--enable-experimental-jit is missing.",
            remedy="The development of the JIT on main was paused (PEP 836). Use 3.13 to 3.15, or "
            "a commit that still has the JIT.",
        )
    return ResolvedRequest(
        version=str(version),
        source=source,
        llvm_major=llvm_major(texts[LLVM_SCRIPT]),
        llvm_tools=llvm_tools(texts),
    )


def llvm_major(llvm_py: str) -> int | None:
    """Return the LLVM major in `llvm_py`, the text of Tools/jit/_llvm.py; None if it states none.

    3.13 and 3.14 have `_LLVM_VERSION = 19`, 3.15 has `_LLVM_VERSION = "21"`. If the value is a
    longer expression, its last number is used, because a default is written last.
    """
    match = _LLVM_MAJOR.search(llvm_py)
    return int(match[1]) if match else None


def llvm_tools(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the LLVM tools that a tree's Tools/jit requires, sorted.

    `texts` are the texts of the tree's files, by path. Return () if clang is not found among the
    tools, because then the calls of the tools are written in an unknown form. The tools of the
    recipe are used in this case.
    """
    scripts = [text for name, text in texts.items() if name.startswith("Tools/jit/")]
    tools = {match["tool"] for text in scripts for match in _TOOL_CALL.finditer(text)}
    return tuple(sorted(tools)) if "clang" in tools else ()


def _version(name: str, texts: Mapping[str, str]) -> Version:
    match = _PY_VERSION.search(texts.get(_PATCHLEVEL, ""))
    if match is None or _CONFIGURE not in texts:
        raise SourceError(
            f"{name} is not a CPython source tree: it has no {_CONFIGURE}, or no version in "
            f"{_PATCHLEVEL}.",
            remedy="Name the top folder of a tree from python.org or from the git repository.",
        )
    version = match[1].partition("+")[0]  # "3.14.0+" is a commit after 3.14.0
    if not is_full_version(version):
        raise SourceError(
            f"{name} has the version {match[1]!r}, which is not valid.",
            remedy=f"Correct PY_VERSION in {_PATCHLEVEL}.",
        )
    return Version(version)
