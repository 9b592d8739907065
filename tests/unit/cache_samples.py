"""Samples for the tests of the caches: source trees, stencils and tests of configure scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision_fakes import HOST

from jitbuild.errors import BuildError
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.building.caches.entry_store import EntryStore
    from jitbuild.building.caches.step_cache import StepCache
    from jitbuild.planning.plan import Plan
    from jitbuild.planning.step import Step

CATALOG = load_catalog()
LINUX = HOST
# The messages of `cc -v` that list one folder.
SEARCH_FOLDERS = "#include <...> search starts here:\n /no/headers\nEnd of search list.\n"

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


# A configure script with tests of functions and headers.
SCRIPT = """
ac_fn_c_check_header_compile ()
{
#include <$2>
}
ac_fn_c_check_func ()
{
#define $2 innocuous_$2
#if defined __stub_$2 || defined __stub___$2
}
ac_fn_c_check_header_compile "$LINENO" "there.h" "ac_cv_header_there_h" "$ac_includes_default"
if test "x$ac_cv_header_there_h" = xyes
then :
  printf "%s\\n" "#define HAVE_THERE_H 1" >>confdefs.h
fi
ac_fn_c_check_header_compile "$LINENO" "gone.h" "ac_cv_header_gone_h" "$ac_includes_default"
ac_fn_c_check_header_compile "$LINENO" "net/if.h" "ac_cv_header_net_if_h" "#include <sys/socket.h>
"
  ac_fn_c_check_header_compile "$LINENO" "zlib.h" "ac_cv_header_zlib_h" "$ac_includes_default"
ac_fn_c_check_func "$LINENO" "fork" "ac_cv_func_fork"
ac_fn_c_check_func "$LINENO" "_getpty" "ac_cv_func__getpty"
ac_fn_c_check_func "$LINENO" "lchmod" "ac_cv_func_lchmod"
    ac_fn_c_check_func "$LINENO" "crypt_r" "ac_cv_func_crypt_r"
"""
# Messages about an undefined symbol.
LINKER_MESSAGES = {
    "ld": "/usr/bin/ld: /tmp/a.o:(.data.rel+0x190): undefined reference to `{}'",
    "gold": "a.o:functions.c:function functions: error: undefined reference to '{}'",
    "lld": "ld.lld: error: undefined symbol: {}",
}


class FakeCompiler:
    """Run a compiler that knows the named functions and headers; `stubs` are glibc's.

    `message` is the linker's about an undefined symbol; with `one_by_one` only about the first.
    """

    def __init__(
        self,
        *known: str,
        stubs: Sequence[str] = (),
        message: str = LINKER_MESSAGES["ld"],
        fails: bool = False,
        one_by_one: bool = False,
    ) -> None:
        self.known, self.stubs, self.message = {*known}, {*stubs}, message
        self.fails, self.one_by_one = fails, one_by_one
        self.calls = 0

    def __call__(self, argv: Sequence[str], /, *, env: Any, cwd: Any = None, timeout: float):
        if "-E" in argv:
            return Completed(argv=tuple(argv), returncode=0, stderr=SEARCH_FOLDERS)
        if cwd is None:  # pkg-config
            return Completed(argv=tuple(argv), returncode=1)
        self.calls += 1
        assert env["CCACHE_DISABLE"] == "1"
        text = (Path(cwd) / next(word for word in argv if word.endswith(".c"))).read_text()
        if self.fails:
            return Completed(argv=tuple(argv), returncode=1, stderr="cc1: out of memory")
        if "-fsyntax-only" in argv:
            (name,) = re.findall(r"#include <(\S+)>\n$", text)
            return Completed(argv=tuple(argv), returncode=int(name not in self.known))
        symbols = [
            f"jitbuild_stub_{name}" if name in self.stubs else name
            for name in re.findall(r"^  USED_(\w+),$", text, re.MULTILINE)
        ]
        missing = [symbol for symbol in symbols if symbol not in self.known]
        shown = missing[:1] if self.one_by_one else missing
        messages = "\n".join(map(self.message.format, shown))
        return Completed(argv=tuple(argv), returncode=int(bool(missing)), stderr=messages)


def run_step(cache: StepCache, step: Step, program: Callable[[Mapping[str, str]], None]) -> None:
    """Run `step` as the build loop does; `program` gets the variables that `cache` adds."""
    inputs = cache.prepare(step)
    while True:
        try:
            program(inputs.environment)
            break
        except BuildError as error:
            withdrawn = cache.withdraw(step, error)
            if withdrawn is None:
                raise
            inputs = withdrawn
    cache.record(step)


def find_step(plan: Plan, name: str) -> Step:
    """Return the step `name` of `plan`."""
    return next(step for step in plan.steps if step.name == name)


def make_plan(spec: str = "3.13.15", *, target: str = "x86_64-linux-gnu", **axes: Any) -> Plan:
    """Return the plan of a build for `target`."""
    request = parse(spec)
    version = planner.resolve_version(request, CATALOG)
    return planner.make_plan(version, Axes(**axes).variant(request), TARGETS[target], CATALOG)
