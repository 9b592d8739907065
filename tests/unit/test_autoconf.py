"""Only answers whose test has no side effect, and which are not used before it, are given."""

import pytest
from cache_samples import cached_test

from jitbuild.building.caches.autoconf import answers_to_find_again

OWN = "ac_cv_wl_no_as_needed"


@pytest.mark.parametrize(
    "script",
    [
        cached_test(OWN, f"  {OWN}=yes"),
        cached_test(OWN, f"  if true; then {OWN}=yes; else {OWN}=no; fi"),
        # A variable that the test changes and restores.
        cached_test(
            OWN,
            '  save_LDFLAGS="$LDFLAGS"',
            '  as_fn_append LDFLAGS " -Wl,--x"',
            f"  {OWN}=yes",
            '  LDFLAGS="$save_LDFLAGS"',
        ),
        # Used any number of times after its test.
        cached_test(OWN, f"  {OWN}=yes")
        + f'if test "x${OWN}" = xyes; then NO_AS_NEEDED=-Wl; fi\n' * 2,
        # Tests as older versions of autoconf write them.
        cached_test(OWN, f"  {OWN}=yes").replace(f"test ${{{OWN}+y}}", f"${{{OWN}+:}} false"),
        cached_test(OWN, f"  {OWN}=yes").replace(
            f"test ${{{OWN}+y}}", f'test "${{{OWN}+set}}" = set'
        ),
    ],
)
def test_an_answer_whose_test_has_no_side_effect_is_safe(script):
    assert answers_to_find_again(script, [OWN]) == set()


@pytest.mark.parametrize(
    "script",
    [
        # The test sets a variable too, as in CPython 3.13.
        cached_test(OWN, '  NO_AS_NEEDED="-Wl,--no-as-needed"', f"  {OWN}=yes"),
        cached_test(OWN, f"  {OWN}=yes; NO_AS_NEEDED=yes"),
        cached_test(OWN, f"  if true; then NO_AS_NEEDED=yes; {OWN}=yes; fi"),
        cached_test(OWN, '  as_fn_append BASECFLAGS_OWN " -x"', f"  {OWN}=yes"),
        cached_test(OWN, '  printf "%s\\n" "#define X 1" >>confdefs.h', f"  {OWN}=yes"),
        # The test sets another answer too.
        cached_test(OWN, "  ac_cv_kthread=no", f"  {OWN}=yes"),
        cached_test(
            OWN,
            '  ac_fn_c_check_header_compile "$LINENO" "db.h" "ac_cv_header_db_h"',
            f"  {OWN}=yes",
        ),
        # Used before its test, where it is always empty without a cache, as in
        # CPython 3.13 (ac_cv_gcc_asm_for_x64).
        f'if test "${OWN}" = yes; then machine=x64; fi\n' + cached_test(OWN, f"  {OWN}=yes"),
        # It is set again after its test, or tested twice.
        cached_test(OWN, f"  {OWN}=yes") + f"{OWN}=no\n",
        cached_test(OWN, f"  {OWN}=yes")
        + f"{{ {OWN}=; unset {OWN};}}\n"
        + cached_test(OWN, f"  {OWN}=no"),
        cached_test(OWN, f"  {OWN}=yes") + f"unset {OWN}\n",
        # Its test has no end.
        f"if test ${{{OWN}+y}}\nthen :\nfi\n",
        # The script has no test for it.
        f"{OWN}=yes\n",
        "",
    ],
)
def test_an_answer_that_changes_what_the_script_does_is_found_again(script):
    assert answers_to_find_again(script, [OWN]) == {OWN}


def test_answers_of_autoconf_s_macros_are_safe_without_a_visible_test():
    """They loop over names, or pass the name of the answer to a function."""
    names = [
        "ac_cv_header_stdio_h",
        "ac_cv_func_fork",
        "ac_cv_type_size_t",
        "ac_cv_wl_x",
        "py_cv_module_zlib",
    ]
    script = (
        'ac_fn_c_check_func "$LINENO" "fork" "ac_cv_func_fork"\n'
        'if test "x$ac_cv_func_fork" = xyes\nthen :\nfi\n'
    )
    assert answers_to_find_again(script, names) == {"ac_cv_wl_x", "py_cv_module_zlib"}
    assert answers_to_find_again(f"echo $ac_cv_func_fork\n{script}", ["ac_cv_func_fork"]) == {
        "ac_cv_func_fork"
    }
    assert answers_to_find_again(f"{script}ac_cv_func_fork=no\n", ["ac_cv_func_fork"]) == {
        "ac_cv_func_fork"
    }


def test_user_variables_are_never_found_again():
    assert (
        answers_to_find_again(
            "echo $ac_cv_env_CC_value\n", ["ac_cv_env_CC_value", "ac_cv_env_CC_set"]
        )
        == set()
    )
