"""Answer configure's simplest questions in advance, if a build has no config.cache to restore.

CPython's configure tests some 270 times for a function or a header. Each time it writes a program,
compiles it and cleans up. All these tests run on one processor and take a third of configure's
time. Instead, this module

- links one program that refers to all the functions: if it links, all of them exist;
- compiles the programs for headers, several at a time.

configure gets only positive answers, and only those that are safe (caches/autoconf.py). configure
determines all other answers itself.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.building.caches.autoconf import answers_to_find_again
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

# Calls of AC_CHECK_FUNC and of AC_CHECK_HEADER with the usual includes (autoconf 2.71 and 2.72).
# Indented calls do not match: they are within other code, which may set flags for the test.
_FUNCTION = re.compile(r'^ac_fn_c_check_func "\$LINENO" "(\w+)" "(ac_cv_func_\w+)"$', re.MULTILINE)
_HEADER = re.compile(
    r'^ac_fn_c_check_header_compile "\$LINENO" "([\w./+-]+)" "(ac_cv_header_\w+)"'
    r' "\$ac_includes_default"$',
    re.MULTILINE,
)
# Lines of the shell functions that these macros call (autoconf, c.m4 and functions.m4). If a script
# lacks one of these lines, the programs below might test something else than the script does.
_MACRO_LINES = (
    "#define $2 innocuous_$2",
    "defined __stub_$2 || defined __stub___$2",
    "#include <$2>",
)
# Matches messages of the linkers ld, gold and lld.
_UNDEFINED = re.compile(r"(?:undefined reference to|undefined symbol:?) [`'\"]?(?P<name>\w+)")
_STUB_PREFIX = "jitbuild_stub_"
_MAX_LINKS = 3
_TIMEOUT_SECONDS = 60.0
# From AC_USE_SYSTEM_EXTENSIONS and the macros' default includes, assuming that all headers exist.
_PREAMBLE = """\
#define _GNU_SOURCE 1
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <inttypes.h>
#include <stdint.h>
#include <strings.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <unistd.h>
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """The functions and headers that a configure script tests for.

    Each mapping is from the name of a function or a header to the name of configure's answer for
    it.
    """

    functions: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigureCompiler:
    """The compiler as configure runs it for a test program.

    `argv` is the compiler's command. On the command line, `flags` come before and `libraries` after
    the name of the program's source.
    """

    argv: Sequence[str]
    flags: Sequence[str]
    libraries: Sequence[str]
    environ: Mapping[str, str]
    runner: Runner

    def compile(self, source: Path, *options: str) -> tuple[bool, str]:
        """Compile `source`, and link it unless `options` prevent that.

        Return True if that succeeded, else False; also return the messages of the compiler and the
        linker.
        """
        argv = [*self.argv, "-w", *self.flags, *options, str(source), *self.libraries]
        env = {**self.environ, "CCACHE_DISABLE": "1"}
        try:
            completed = self.runner(argv, env=env, cwd=source.parent, timeout=_TIMEOUT_SECONDS)
        except OSError:
            return False, ""
        return completed.ok, completed.stderr


def questions_of(script: str) -> Questions:
    """Return the questions of the configure script `script` that can be answered in advance.

    Return no questions if the script's macros differ from those of the known versions of autoconf.
    """
    if not all(line in script for line in _MACRO_LINES):
        return Questions(functions={}, headers={})
    functions, headers = dict(_FUNCTION.findall(script)), dict(_HEADER.findall(script))
    unsafe = answers_to_find_again(script, [*functions.values(), *headers.values()])
    return Questions(
        functions={name: answer for name, answer in functions.items() if answer not in unsafe},
        headers={name: answer for name, answer in headers.items() if answer not in unsafe},
    )


def positive_answers(
    questions: Questions, compiler: ConfigureCompiler, folder: Path, *, jobs: int = 1
) -> list[str]:
    """Return the names of the answers to `questions` that are yes.

    Test programs are written into `folder`, and at most `jobs` of them are compiled at once. Raises
    OSError if a program cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *_linkable_functions(questions.functions, compiler, folder),
        *_usable_headers(questions.headers, compiler, folder, jobs),
    ]


def _linkable_functions(
    functions: Mapping[str, str], compiler: ConfigureCompiler, folder: Path
) -> list[str]:
    """Link a program that refers to all `functions`; if that fails, retry without missing ones.

    Return the names of the answers for the functions in the program that links, or an empty list if
    no program links.
    """
    remaining, source = dict(functions), folder / "functions.c"
    for _ in range(_MAX_LINKS):
        if not remaining:
            return []
        source.write_text(_functions_program(remaining), encoding="utf-8")
        linked, messages = compiler.compile(source, "-o", str(folder / "functions"))
        if linked:
            return list(remaining.values())
        missing = _missing_functions(messages) & remaining.keys()
        if not missing:
            return []
        remaining = {name: answer for name, answer in remaining.items() if name not in missing}
    return []


def _missing_functions(messages: str) -> set[str]:
    """Return the names of the functions that a linker's `messages` may report as undefined.

    A symbol in the messages may have the `_` that macOS puts before every symbol, and the prefix of
    stubs. The result therefore contains each symbol both with and without them.
    """
    symbols = {match["name"] for match in _UNDEFINED.finditer(messages)}
    symbols |= {symbol.removeprefix("_") for symbol in symbols}
    return symbols | {symbol.removeprefix(_STUB_PREFIX) for symbol in symbols}


def _functions_program(names: Iterable[str]) -> str:
    """Return the source of a program that links only if every function in `names` exists.

    It combines the programs that AC_CHECK_FUNC writes. glibc defines `__stub_NAME` for a function
    that is not implemented. Such a function counts as missing: the program refers to an undefined
    name instead.
    """
    names = list(names)
    lines = [
        *(f"#define {name} innocuous_{name}" for name in names),
        "#include <limits.h>",
        *(f"#undef {name}" for name in names),
    ]
    for name in names:
        lines += [
            f"char {name} ();",
            f"#if defined __stub_{name} || defined __stub___{name}",
            f"char {_STUB_PREFIX}{name} ();",
            f"#define USED_{name} {_STUB_PREFIX}{name}",
            "#else",
            f"#define USED_{name} {name}",
            "#endif",
        ]
    lines += [
        "char (*volatile functions[]) () = {",
        *(f"  USED_{name}," for name in names),
        "};",
        "int main (int argc, char **argv) { return functions[argc] == 0; }",
        "",
    ]
    return "\n".join(lines)


def _usable_headers(
    headers: Mapping[str, str], compiler: ConfigureCompiler, folder: Path, jobs: int
) -> list[str]:
    """Compile a program for each of `headers`; return the answers for those that compile."""
    waiting = deque(enumerate(headers.items()))
    usable: list[str] = []

    def work(_reporter: Reporter) -> None:
        while True:
            try:
                number, (name, answer) = waiting.popleft()
            except IndexError:
                return
            source = folder / f"header-{number}.c"
            source.write_text(f"{_PREAMBLE}#include <{name}>\n", encoding="utf-8")
            if compiler.compile(source, "-fsyntax-only")[0]:
                usable.append(answer)

    run_concurrently(*[work] * jobs, reporter=SilentReporter())
    return usable
