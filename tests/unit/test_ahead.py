"""What configure's questions come to when they are asked together, with a compiler that knows what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jitbuild.building.caches import prefill as ahead
from jitbuild.system.process import Completed

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
UNDEFINED = {
    "ld": "/usr/bin/ld: /tmp/a.o:(.data.rel+0x190): undefined reference to `{}'",
    "gold": "a.o:functions.c:function functions: error: undefined reference to '{}'",
    "lld": "ld.lld: error: undefined symbol: {}",
}


class Fake:
    """A compiler for which there are the functions and headers named; glibc's stubs are `stubs`."""

    def __init__(self, *there, stubs=(), linker="ld", fails=False):
        self.there, self.stubs, self.linker, self.fails = {*there}, {*stubs}, linker, fails
        self.calls = 0

    def __call__(self, argv, *, env, cwd, timeout):
        self.calls += 1
        assert env["CCACHE_DISABLE"] == "1"
        text = (Path(cwd) / next(word for word in argv if word.endswith(".c"))).read_text()
        if self.fails:
            return Completed(argv=tuple(argv), returncode=1, stderr="cc1: out of memory")
        if "-fsyntax-only" in argv:
            (name,) = re.findall(r"#include <(\S+)>\n$", text)
            return Completed(argv=tuple(argv), returncode=int(name not in self.there))
        names = re.findall(r"^  USED_(\w+),$", text, re.MULTILINE)
        lacking = [f"jitbuild_stub_{name}" if name in self.stubs else name for name in names]
        lacking = [name for name in lacking if name not in self.there]
        said = "\n".join(UNDEFINED[self.linker].format(name) for name in lacking)
        return Completed(argv=tuple(argv), returncode=int(bool(lacking)), stderr=said)

    def compiler(self):
        return ahead.Compiler(
            argv=["gcc"], flags=["-O2"], libraries=[], environ={"PATH": "/usr/bin"}, runner=self
        )


def test_only_what_stands_by_itself_is_asked():
    asked = ahead.questions(SCRIPT)
    assert asked.functions == {
        "fork": "ac_cv_func_fork",
        "_getpty": "ac_cv_func__getpty",
        "lchmod": "ac_cv_func_lchmod",
    }
    assert asked.headers == {"there.h": "ac_cv_header_there_h", "gone.h": "ac_cv_header_gone_h"}


def test_a_script_that_asks_in_another_way_is_left_alone():
    asked = ahead.questions(SCRIPT.replace("#define $2 innocuous_$2", ""))
    assert not asked.functions
    assert not asked.headers


def test_an_answer_that_is_looked_at_before_its_test_is_left_to_the_script():
    assert (
        "fork"
        not in ahead.questions(
            'if test "x$ac_cv_func_fork" = xyes; then HOW=fork; fi\n' + SCRIPT
        ).functions
    )


@pytest.mark.parametrize("linker", UNDEFINED)
def test_only_yes_is_answered(tmp_path, linker):
    fake = Fake("fork", "there.h", "lchmod", stubs=["lchmod"], linker=linker)
    answers = ahead.ask(ahead.questions(SCRIPT), fake.compiler(), tmp_path / "ahead", at_once=2)
    assert answers == ["ac_cv_func_fork", "ac_cv_header_there_h"]
    assert fake.calls == 2 + 2, "one link that tells what is lacking, one that proves the rest"
    assert ahead.config_cache(answers).splitlines()[0] == "ac_cv_func_fork=${ac_cv_func_fork=yes}"


@pytest.mark.parametrize("fake", [Fake(fails=True), Fake(linker="ld")])
def test_nothing_is_answered_where_nothing_is_proven(tmp_path, fake):
    assert ahead.ask(ahead.questions(SCRIPT), fake.compiler(), tmp_path) == []


def test_what_an_unknown_linker_says_answers_nothing(tmp_path):
    UNDEFINED["other"] = "symbol {} not found"
    try:
        answers = ahead.ask(
            ahead.questions(SCRIPT), Fake("fork", linker="other").compiler(), tmp_path
        )
    finally:
        del UNDEFINED["other"]
    assert answers == []
