r"""Find the answers of a config.cache that can safely be given to a configure script.

An answer is safe if configure writes the same files with the answer as when it runs the test
itself. That depends on the script. AC_CACHE_CHECK writes a test like this (autoconf 2.71):

    if test ${ac_cv_wl_no_as_needed+y}                # the answer is known: skip the test
    then :
      printf %s "(cached) " >&6
    else $as_nop
      save_LDFLAGS="$LDFLAGS"                         # restored below
      as_fn_append LDFLAGS " -Wl,--no-as-needed"
      if ac_fn_c_try_link "$LINENO"
      then :
        NO_AS_NEEDED="-Wl,--no-as-needed"             # a side effect
        ac_cv_wl_no_as_needed=yes
      fi
      LDFLAGS="$save_LDFLAGS"
    fi
    printf "%s\n" "result: $ac_cv_wl_no_as_needed"    # the end of the test

Most tests only set their answer. This test, of CPython 3.13, also sets NO_AS_NEEDED, which stays
empty if the answer comes from a cache. So configure must always run this test.

An answer is also unsafe if the script uses it before its test. In CPython 3.13, configure chooses
the sources of libmpdec by `$ac_cv_gcc_asm_for_x64` far above the test that sets this variable. At
that place, the variable is always empty without a cache, but has a value with a cache.

The script is searched with regular expressions, not parsed: an answer counts as unsafe unless its
test is recognised and is seen to have no side effect.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ANSWER = re.compile(r"\b[a-z]+_cv_\w+")
# Answers of autoconf's own macros (autoconf manual, "Existing Tests"), which have no side effects.
_STANDARD_ANSWER = re.compile(
    r"ac_cv_(header|func|type|sizeof|alignof|member|have_decl|lib|search|c_|sys|prog_cc|prog_gcc"
    r"|prog_make|build$|host$|target$|objext$|exeext$|should_use_)"
)
# The text before and after the answer's name where a test begins: in autoconf 2.72, in 2.69, in
# older versions, and as an argument of a function of the script that runs the test.
_TEST_BEGINS = (
    ("test ${", "+y}"),
    ("if ${", "+:} false"),
    ('test "${', '+set}" = set'),
    ('"', '"'),
)
# The text before and after the answer's name in the line that ends a test.
_TEST_ENDS = ("result: $", '"')
_HERE_DOCUMENT = re.compile(
    r"<<-?\\?'?\"?(?P<end>\w+)['\"]?.*?^(?P=end)$", re.MULTILINE | re.DOTALL
)
_ASSIGNMENT = re.compile(
    r"(?:^|[;&|({]|\bthen|\belse|\bdo)[ \t]*(?P<assigned>[A-Za-z_]\w*)="
    r"|\bas_fn_append[ \t]+(?P<appended>\w+)",
    re.MULTILINE,
)
# Variables that tests change and restore.
_SCRATCH_VARIABLE = re.compile(
    r"(ac|as|save|py)_\w+|CC|CFLAGS|CPPFLAGS|LDFLAGS|LIBS|LINKFORSHARED|BASECFLAGS|IFS"
)


def answers_to_find_again(script: str, names: Iterable[str]) -> set[str]:
    """Return those of `names` that are not safe to give to the configure script `script`."""
    code = _HERE_DOCUMENT.sub("", script)
    uses: dict[str, list[re.Match[str]]] = {}
    for match in _ANSWER.finditer(code):
        uses.setdefault(match[0], []).append(match)
    # ac_cv_env_* are values of the user's variables; the script does not test for them.
    return {
        name
        for name in names
        if not name.startswith("ac_cv_env_") and not _is_safe(code, name, uses.get(name, []))
    }


def _is_safe(code: str, name: str, uses: Sequence[re.Match[str]]) -> bool:
    """Return True if the test of the answer `name` has no side effect and precedes all uses.

    `code` is the script without its here-documents. `uses` are the matches of `name` in `code`.
    """
    if not uses:
        # The script builds the name in a loop over names; only autoconf's macros write such loops.
        # Since the name itself does not occur in the script, no other code uses the answer.
        return bool(_STANDARD_ANSWER.match(name))
    if not any(_is_between(code, uses[0], *texts) for texts in _TEST_BEGINS):
        return False
    begin = uses[0].start()
    end = next((use.start() for use in uses if _is_between(code, use, *_TEST_ENDS)), None)
    if end is None:
        # The test is in a shell function, and only autoconf's macros write such tests.
        if not _STANDARD_ANSWER.match(name):
            return False
        later = uses
    elif any(_side_effects(code[begin:end], name)):
        return False
    else:
        later = [use for use in uses if not begin <= use.start() < end]
    return not any(_is_between(code, use, "unset ", "") or _is_set(code, use) for use in later)


def _is_between(code: str, use: re.Match[str], before: str, after: str) -> bool:
    return code.endswith(before, 0, use.start()) and code.startswith(after, use.end())


def _is_set(code: str, use: re.Match[str]) -> bool:
    """Return True if the code assigns a value to the name that `use` matches."""
    line = code[code.rfind("\n", 0, use.start()) + 1 : use.start()]
    return code.startswith("=", use.end()) and not line.strip(" \t{(;")


def _side_effects(block: str, own: str) -> Iterator[str]:
    """Yield everything that the test `block` sets in addition to its own answer, `own`.

    The results are macros of pyconfig.h, other answers, and variables that the test does not
    restore.
    """
    yield from re.findall(r">>\s*confdefs\.h", block)
    for match in _ASSIGNMENT.finditer(block):
        name = match["assigned"] or match["appended"]
        if name != own and (_ANSWER.fullmatch(name) or not _SCRATCH_VARIABLE.fullmatch(name)):
            yield name
    for match in _ANSWER.finditer(block):
        # A quoted answer is the argument of a function that sets it.
        if match[0] != own and _is_between(block, match, '"', '"'):
            yield match[0]
