"""Samples for the tests of the caches: source trees, stencils and tests of configure scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.building.caches.entries import EntryStore

KEY, OTHER_KEY, FORECAST = "a" * 64, "b" * 64, "f" * 64
DIGEST_LINE = f"// {'5' * 64}"
HEADER = f"{DIGEST_LINE}\n// $ python build.py\n\nstatic const char code[] = {{0x90}};\n".encode()

# The files that Tools/jit/build.py writes.
UNITS = {
    "3.13": {"jit_stencils.h": HEADER},
    "3.14": {
        "jit_stencils.h": b'#include "jit_stencils-x86_64-pc-linux-gnu.h"\n',
        "jit_stencils-x86_64-pc-linux-gnu.h": HEADER,
    },
    "3.15": {
        "jit_stencils.h": b"#if 1\n",
        "jit_stencils-x86_64-unknown-linux-gnu.h": HEADER,
        "jit_unwind_info.h": b"#if 1\n",
        "jit_unwind_info-x86_64-unknown-linux-gnu.h": b"#define X 1\n",
        "jit_shim-x86_64-unknown-linux-gnu.o": b"\x7fELF",
    },
}

RECIPE = "$(PYTHON_FOR_REGEN) $(srcdir)/Tools/jit/build.py x86_64-pc-linux-gnu"


def makefile(recipe: str = RECIPE, *, variables: str = "") -> str:
    """Return a Makefile that makes stencils with the command `recipe`."""
    return f"""\
srcdir=\t\t.
PYTHON_FOR_REGEN?=python3.13
CFLAGS_JIT=\t-O2
{variables}
JIT_DEPS = \\
\t\t$(srcdir)/Tools/jit/*.py \\
\t\tpyconfig.h
jit_stencils.h: $(JIT_DEPS)
\t{recipe}

regen-jit:
\t{recipe}
all: python
\techo $(srcdir)
"""


def make_tree(tree: Path, recipe: str = RECIPE) -> Path:
    """Write the parts of a configured source tree that stencils are made from."""
    files = {
        "Makefile": makefile(recipe),
        "configure": "#!/bin/sh\n",
        "pyconfig.h": "#define HAVE_FORK 1\n",
        "Include/object.h": "struct _object;\n",
        "Include/internal/pycore_frame.h": "struct _PyInterpreterFrame;\n",
        "Python/ceval_macros.h": "#define TARGET\n",
        "Python/executor_cases.c.h": "case _NOP:\n",
        "Python/jit.c": '#include "jit_stencils.h"\n',
        "Tools/jit/build.py": "import _targets\n",
        "Tools/jit/_llvm.py": "_LLVM_VERSION = 18\n",
        "Lib/os.py": "name = 'posix'\n",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return tree


def write_unit(tree: Path, files: dict[str, bytes]) -> None:
    """Write stencils into `tree`, as build.py does."""
    for name, content in files.items():
        (tree / name).write_bytes(content)


def read_unit(tree: Path) -> dict[str, bytes]:
    """Return the stencils in `tree`."""
    return {path.name: path.read_bytes() for path in tree.glob("jit_*")}


def entry_file(store: EntryStore, key: str = KEY) -> Path:
    """Return the file of the entry `key`."""
    return store.root / f"{key}.entry"


def cached_test(name: str, *lines: str) -> str:
    """Return a test of a configure script as AC_CACHE_CHECK writes it, with `lines` as its body."""
    body = "\n".join(lines)
    return f"""\
if test ${{{name}+y}}
then :
  printf %s "(cached) " >&6
else $as_nop
  cat confdefs.h - <<_ACEOF >conftest.$ac_ext
int main (void) {{ OTHER=1; return {name}_shown; }}
_ACEOF
{body}
fi
{{ printf "%s\\n" "$as_me:${{as_lineno-$LINENO}}: result: ${name}" >&5
printf "%s\\n" "${name}" >&6; }}
"""
