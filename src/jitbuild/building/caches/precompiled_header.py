"""Python.h compiled once for all files that begin with it, by gcc's precompiled headers.

Nearly every file of CPython includes Python.h first, whose hundred headers take gcc a tenth of the time that an average file takes.
gcc looks for `Python.h.gch/` beside Python.h (gcc, "Using Precompiled Headers"), and takes what it finds there for a file that is
compiled with the very same flags and macros, else reads Python.h as always. So nothing is said to make, to gcc, or to what is
installed (`Include/*.h`, Makefile.pre.in). It has to lie beside: where only the folder is, gcc would not look any further for the
header of a file that none of them fits. The objects are the same, byte for byte: a test compares them.

clang does not look for such a folder. With ccache there is none: it would not keep what was compiled with one.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.system.process import Runner

_FOLDER = "Include/Python.h.gch"
_SECONDS = 120.0
# Makefile.pre.in: how the core, the modules that are built in, and those that are shared libraries are compiled. Nearly all of the
# last define a macro before they include Python.h, to look into the core; the few others read it as always.
_FLAGS = {
    "core": "$(PY_CORE_CFLAGS)",
    "builtin": "$(PY_BUILTIN_MODULE_CFLAGS)",
    "shared": "$(PY_STDMODULE_CFLAGS) $(CCSHARED) -DPy_BUILD_CORE_MODULE=1",
}
_MAKEFILE = "include Makefile\njitbuild-headers: {targets}\n{rules}"
_RULE = "{target}:\n\t$(CC) {flags} -x c-header $(srcdir)/Include/Python.h -o $@\n"


def works_with(compiler: str) -> bool:
    """Whether the compiler that says `compiler` of itself (--version) is a gcc."""
    return "Free Software Foundation" in compiler


def make(
    tree: Path, scratch: Path, *, runner: Runner, environ: Mapping[str, str], jobs: int
) -> bool:
    """Have Python.h precompiled in the configured `tree`; whether it is. A makefile of our own is written into `scratch`.

    Raises OSError when that cannot be done.
    """
    targets = {f"{_FOLDER}/{name}.gch": flags for name, flags in _FLAGS.items()}
    rules = "".join(_RULE.format(target=target, flags=flags) for target, flags in targets.items())
    makefile = scratch / "headers.mk"
    makefile.write_text(_MAKEFILE.format(targets=" ".join(targets), rules=rules), encoding="utf-8")
    (tree / _FOLDER).mkdir(exist_ok=True)
    env = {**environ, "CCACHE_DISABLE": "1"}
    done = runner(
        ["make", f"-j{jobs}", "-f", str(makefile), "jitbuild-headers"],
        env=env,
        cwd=tree,
        timeout=_SECONDS,
    )
    if not done.ok:
        remove(tree)
    return done.ok


def remove(tree: Path) -> None:
    """Have every file read Python.h again."""
    shutil.rmtree(tree / _FOLDER, ignore_errors=True)
