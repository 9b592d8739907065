"""Only proven, positive answers are found ahead of configure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jitbuild.building.caches.configure_answers import affirmative_answers
from jitbuild.building.caches.prefill import ConfigureCompiler, positive_answers, questions_of
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


class FakeCompiler:
    """A compiler that knows the named functions and headers; `stubs` are glibc's."""

    def __init__(self, *known, stubs=(), linker="ld", fails=False):
        self.known, self.stubs, self.linker, self.fails = {*known}, {*stubs}, linker, fails
        self.calls = 0

    def __call__(self, argv, *, env, cwd, timeout):
        self.calls += 1
        assert env["CCACHE_DISABLE"] == "1"
        text = (Path(cwd) / next(word for word in argv if word.endswith(".c"))).read_text()
        if self.fails:
            return Completed(argv=tuple(argv), returncode=1, stderr="cc1: out of memory")
        if "-fsyntax-only" in argv:
            (name,) = re.findall(r"#include <(\S+)>\n$", text)
            return Completed(argv=tuple(argv), returncode=int(name not in self.known))
        names = re.findall(r"^  USED_(\w+),$", text, re.MULTILINE)
        missing = [f"jitbuild_stub_{name}" if name in self.stubs else name for name in names]
        missing = [name for name in missing if name not in self.known]
        messages = "\n".join(UNDEFINED[self.linker].format(name) for name in missing)
        return Completed(argv=tuple(argv), returncode=int(bool(missing)), stderr=messages)

    def compiler(self):
        return ConfigureCompiler(
            argv=["gcc"], flags=["-O2"], libraries=[], environ={"PATH": "/usr/bin"}, runner=self
        )


def test_only_unconditional_tests_are_answered_ahead():
    questions = questions_of(SCRIPT)
    assert questions.functions == {
        "fork": "ac_cv_func_fork",
        "_getpty": "ac_cv_func__getpty",
        "lchmod": "ac_cv_func_lchmod",
    }
    assert questions.headers == {"there.h": "ac_cv_header_there_h", "gone.h": "ac_cv_header_gone_h"}


def test_a_script_with_other_macros_has_no_questions():
    questions = questions_of(SCRIPT.replace("#define $2 innocuous_$2", ""))
    assert not questions.functions
    assert not questions.headers


def test_an_answer_used_before_its_test_is_left_to_configure():
    assert (
        "fork"
        not in questions_of(
            'if test "x$ac_cv_func_fork" = xyes; then HOW=fork; fi\n' + SCRIPT
        ).functions
    )


@pytest.mark.parametrize("linker", UNDEFINED)
def test_only_positive_answers_are_given(tmp_path, linker):
    fake = FakeCompiler("fork", "there.h", "lchmod", stubs=["lchmod"], linker=linker)
    answers = positive_answers(questions_of(SCRIPT), fake.compiler(), tmp_path / "prefill", jobs=2)
    assert answers == ["ac_cv_func_fork", "ac_cv_header_there_h"]
    assert fake.calls == 2 + 2, "one link shows what is missing, one proves the rest"
    assert affirmative_answers(answers).splitlines()[0] == "ac_cv_func_fork=${ac_cv_func_fork=yes}"


@pytest.mark.parametrize("fake", [FakeCompiler(fails=True), FakeCompiler(linker="ld")])
def test_nothing_is_answered_when_nothing_links(tmp_path, fake):
    assert positive_answers(questions_of(SCRIPT), fake.compiler(), tmp_path) == []


def test_messages_of_an_unknown_linker_give_no_answers(tmp_path):
    UNDEFINED["other"] = "symbol {} not found"
    try:
        answers = positive_answers(
            questions_of(SCRIPT), FakeCompiler("fork", linker="other").compiler(), tmp_path
        )
    finally:
        del UNDEFINED["other"]
    assert answers == []
