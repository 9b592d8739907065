"""Only proven, positive answers are found ahead of configure."""

import pytest
from cache_samples import LINKER_MESSAGES, SCRIPT, FakeCompiler

from jitbuild.building.caches.configure_answers import affirmative_answers
from jitbuild.building.caches.prefill import ConfigureCompiler, positive_answers, questions_of


def compiler(runner):
    return ConfigureCompiler(
        argv=["gcc"], flags=["-O2"], libraries=[], environ={"PATH": "/usr/bin"}, runner=runner
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


@pytest.mark.parametrize("linker", LINKER_MESSAGES)
def test_only_positive_answers_are_given(tmp_path, linker):
    fake = FakeCompiler(
        "fork", "there.h", "lchmod", stubs=["lchmod"], message=LINKER_MESSAGES[linker]
    )
    answers = positive_answers(questions_of(SCRIPT), compiler(fake), tmp_path / "prefill", jobs=2)
    assert answers == ["ac_cv_func_fork", "ac_cv_header_there_h"]
    assert fake.calls == 2 + 2, "one link shows what is missing, one proves the rest"


def test_positive_answers_are_written_as_a_config_cache():
    assert affirmative_answers(["ac_cv_func_fork"]) == "ac_cv_func_fork=${ac_cv_func_fork=yes}\n"


@pytest.mark.parametrize("fake", [FakeCompiler(fails=True), FakeCompiler()])
def test_nothing_is_answered_when_nothing_links(tmp_path, fake):
    assert positive_answers(questions_of(SCRIPT), compiler(fake), tmp_path) == []


def test_messages_of_an_unknown_linker_give_no_answers(tmp_path):
    fake = FakeCompiler("fork", message="symbol {} not found")
    assert positive_answers(questions_of(SCRIPT), compiler(fake), tmp_path) == []


def test_a_compiler_that_cannot_be_started_gives_no_answers(tmp_path):
    def missing(argv, **options):
        raise FileNotFoundError(argv[0])

    assert positive_answers(questions_of(SCRIPT), compiler(missing), tmp_path) == []


def test_linking_is_given_up_when_new_functions_keep_missing(tmp_path):
    fake = FakeCompiler("fork", message=LINKER_MESSAGES["ld"], one_by_one=True)
    script = SCRIPT + "".join(
        f'ac_fn_c_check_func "$LINENO" "missing{n}" "ac_cv_func_missing{n}"\n' for n in range(4)
    )
    assert positive_answers(questions_of(script), compiler(fake), tmp_path) == []


def test_a_script_without_questions_needs_no_compiler(tmp_path):
    fake = FakeCompiler()
    assert positive_answers(questions_of(""), compiler(fake), tmp_path) == []
    assert fake.calls == 0
