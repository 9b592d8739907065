"""Which answers of a configure script can be given to it beforehand, so that it does exactly what it would have done without.

Most tests of a script are autoconf's own: they set their answer and nothing else. A test that configure.ac writes itself may do
more when it is run than when its answer is known, and an answer may be looked at before its test. CPython 3.13 has both: its
test for -Wl,--no-as-needed sets NO_AS_NEEDED too; and whether libmpdec uses assembler is decided far above the test for that, by
a variable that is always empty there, unless a config.cache has it. So the script is read, and what is not seen to be harmless is
asked again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# The answers of autoconf's own macros (autoconf, "Existing Tests"), whose tests do nothing else.
_PURE = re.compile(
    r"ac_cv_(header|func|type|sizeof|alignof|member|have_decl|lib|search|c_|sys|prog_cc|prog_gcc|prog_make|build$|host$|target$|objext$"
    r"|exeext$|should_use_)"
)
_NAMED = re.compile(r"\b[a-z]+_cv_\w+")
# How a test begins that is run unless its answer is known (of autoconf 2.72, of 2.69, of older ones, and as a function's argument).
_TESTED = (("test ${", "+y}"), ("if ${", "+:} false"), ('test "${', '+set}" = set'), ('"', '"'))
_HERE_DOCUMENT = re.compile(
    r"<<-?\\?'?\"?(?P<end>\w+)['\"]?.*?^(?P=end)$", re.MULTILINE | re.DOTALL
)
_SET = re.compile(
    r"(?:^|[;&|({]|\bthen|\belse|\bdo)[ \t]*(?P<name>[A-Za-z_]\w*)=|\bas_fn_append[ \t]+(?P<more>\w+)",
    re.MULTILINE,
)
# What tests set for a moment and put back.
_OF_TESTS = re.compile(
    r"(ac|as|save|py)_\w+|CC|CFLAGS|CPPFLAGS|LDFLAGS|LIBS|LINKFORSHARED|BASECFLAGS|IFS"
)


def askable_again(script: str, names: Iterable[str]) -> set[str]:
    """Those of the answers `names` that `script` must find out itself."""
    code = _HERE_DOCUMENT.sub("", script)
    uses: dict[str, list[re.Match[str]]] = {}
    for found in _NAMED.finditer(code):
        uses.setdefault(found[0], []).append(found)
    return {
        name
        for name in names
        if not name.startswith("ac_cv_env_") and not _is_harmless(code, name, uses.get(name, []))
    }


def _is_harmless(code: str, name: str, uses: Sequence[re.Match[str]]) -> bool:
    if not uses:  # of a loop over names: autoconf's own, and nobody looks at the answer by its name
        return bool(_PURE.match(name))
    if not any(_stands(code, uses[0], *between) for between in _TESTED):
        return False
    # Up to the line that prints the answer (AC_CACHE_CHECK).
    begin = uses[0].start()
    end = next((use.start() for use in uses if _stands(code, use, "result: $", '"')), None)
    if end is None:
        if not _PURE.match(name):
            return False
    elif any(_lasting(code[begin:end], name)):
        return False
    outside = [use for use in uses if end is None or not begin <= use.start() < end]
    return not any(_stands(code, use, "unset ", "") or _is_set(code, use) for use in outside)


def _stands(code: str, use: re.Match[str], before: str, after: str) -> bool:
    return code.endswith(before, 0, use.start()) and code.startswith(after, use.end())


def _is_set(code: str, use: re.Match[str]) -> bool:
    line = code[code.rfind("\n", 0, use.start()) + 1 : use.start()]
    return code.startswith("=", use.end()) and not line.strip(" \t{(;")


def _lasting(block: str, own: str) -> Iterator[str]:
    """What a test leaves behind besides its `own` answer: definitions, other answers, and variables that are not of tests."""
    yield from re.findall(r">>\s*confdefs\.h", block)
    for found in _SET.finditer(block):
        name = found["name"] or found["more"]
        if name != own and (_NAMED.fullmatch(name) or not _OF_TESTS.fullmatch(name)):
            yield name
    for found in _NAMED.finditer(block):
        if found[0] != own and _stands(block, found, '"', '"'):
            yield found[0]
