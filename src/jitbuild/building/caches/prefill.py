"""Answers that configure can be given before anything was built here: what its plainest questions come to, asked many at once.

CPython's configure asks whether there is a function some 270 times, and each time it writes a program, compiles it, links it and
cleans up behind itself: a third of its time, on one processor. One program that refers to all those functions and links is proof
that each of the single ones would have linked. Whether there is a header needs a program for each, as configure's own, but several
can be compiled at once.

Only a yes is given. What is not proven, with what is not there, configure asks itself, as without any of this. So is every answer
whose test does more than to find it (caches/autoconf.py).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.building.caches.autoconf import askable_again
from jitbuild.system.concurrency import run_concurrently
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

# AC_CHECK_FUNC and AC_CHECK_HEADER, the latter with the usual includes, where they stand by themselves: within other code their
# answer may be one of special flags (autoconf 2.71 and 2.72).
_FUNCTION = re.compile(r'^ac_fn_c_check_func "\$LINENO" "(\w+)" "(ac_cv_func_\w+)"$', re.MULTILINE)
_HEADER = re.compile(
    r'^ac_fn_c_check_header_compile "\$LINENO" "([\w./+-]+)" "(ac_cv_header_\w+)" "\$ac_includes_default"$',
    re.MULTILINE,
)
# What the macros' functions are known to do (autoconf, c.m4, functions.m4): where they do something else, nothing is asked ahead.
_KNOWN = ("#define $2 innocuous_$2", "defined __stub_$2 || defined __stub___$2", "#include <$2>")
# ld's and gold's words, and lld's.
_UNDEFINED = re.compile(r"(?:undefined reference to|undefined symbol:?) [`'\"]?(?P<name>\w+)")
_ROUNDS = 3
_SECONDS = 60.0
# As AC_USE_SYSTEM_EXTENSIONS has it, and as the macro's default includes are where all of them are there.
_BEFORE = """\
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
    """What a script asks: functions and headers, each with the name of its answer."""

    functions: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiler:
    """How programs are compiled: the words that call the compiler, the flags that configure would give it, and the environment."""

    argv: Sequence[str]
    flags: Sequence[str]
    libraries: Sequence[str]
    environ: Mapping[str, str]
    runner: Runner

    def accepts(self, source: Path, *how: str) -> tuple[bool, str]:
        """Whether `source` compiles and, unless `how` says otherwise, links; and what the compiler had to say."""
        argv = [*self.argv, "-w", *self.flags, *how, str(source), *self.libraries]
        try:
            completed = self.runner(
                argv,
                env={**self.environ, "CCACHE_DISABLE": "1"},
                cwd=source.parent,
                timeout=_SECONDS,
            )
        except OSError:
            return False, ""
        return completed.ok, completed.stderr


def questions(script: str) -> Questions:
    """What can be asked ahead of the configure `script`; nothing at all where it is not as autoconf is known to write it."""
    if not all(known in script for known in _KNOWN):
        return Questions(functions={}, headers={})
    functions, headers = dict(_FUNCTION.findall(script)), dict(_HEADER.findall(script))
    left_alone = askable_again(script, [*functions.values(), *headers.values()])
    return Questions(
        functions={name: answer for name, answer in functions.items() if answer not in left_alone},
        headers={name: answer for name, answer in headers.items() if answer not in left_alone},
    )


def ask(asked: Questions, compiler: Compiler, folder: Path, *, at_once: int = 1) -> list[str]:
    """The names of the answers that are yes. Programs are written into `folder`; `at_once` of them are compiled at a time.

    Raises OSError when they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *_functions(asked.functions, compiler, folder),
        *_headers(asked.headers, compiler, folder, at_once),
    ]


def config_cache(answers: Iterable[str]) -> str:
    """What stands in a config.cache for `answers` that are yes."""
    return "".join(f"{name}=${{{name}=yes}}\n" for name in answers)


def _functions(asked: Mapping[str, str], compiler: Compiler, folder: Path) -> list[str]:
    left, source = dict(asked), folder / "functions.c"
    for _ in range(_ROUNDS):
        if not left:
            return []
        source.write_text(program(left), encoding="utf-8")
        linked, said = compiler.accepts(source, "-o", str(folder / "functions"))
        if linked:
            return list(left.values())
        lacking = {
            name for found in _UNDEFINED.finditer(said) for name in _said_of(found["name"])
        } & left.keys()
        if not lacking:
            return []
        left = {name: answer for name, answer in left.items() if name not in lacking}
    return []


def _said_of(symbol: str) -> tuple[str, ...]:
    """The functions that a linker may mean: with `_` before each name on macOS, and with what `program` writes for a stub."""
    return symbol, symbol.removeprefix("_"), symbol.removeprefix("_").removeprefix("jitbuild_stub_")


def program(names: Iterable[str]) -> str:
    """A program that links only where all functions `names` are there: what AC_CHECK_FUNC writes for each, put together.

    glibc declares a macro for what it has only to say that it is not implemented, which counts as not there.
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
            f"char jitbuild_stub_{name} ();",
            f"#define USED_{name} jitbuild_stub_{name}",
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


def _headers(asked: Mapping[str, str], compiler: Compiler, folder: Path, at_once: int) -> list[str]:
    waiting = deque(enumerate(asked.items()))
    there: list[str] = []

    def work(_reporter: Reporter) -> None:
        while True:
            try:
                number, (name, answer) = waiting.popleft()
            except IndexError:
                return
            source = folder / f"header-{number}.c"
            source.write_text(f"{_BEFORE}#include <{name}>\n", encoding="utf-8")
            if compiler.accepts(source, "-fsyntax-only")[0]:
                there.append(answer)

    run_concurrently(*[work] * at_once, reporter=SilentReporter())
    return there
