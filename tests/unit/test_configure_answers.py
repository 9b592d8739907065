"""configure gets back the answers that still hold, and finds out the others again."""

import re

import pytest
from cache_samples import HEADER, KEY, cached_test, entry_file

from jitbuild.building.caches.configure_answers import AnswerStore, reusable_answers

CACHE = """\
# This file is a shell script that caches the results of configure
# tests run on this system so they can be shared.

ac_cv_build=${ac_cv_build=x86_64-pc-linux-gnu}
ac_cv_c_bigendian=${ac_cv_c_bigendian=no}
ac_cv_env_CC_set=${ac_cv_env_CC_set=set}
ac_cv_env_CC_value=${ac_cv_env_CC_value=/scratch/one/llvm/bin/clang}
ac_cv_env_CPPFLAGS_set=${ac_cv_env_CPPFLAGS_set=}
ac_cv_env_CPPFLAGS_value=${ac_cv_env_CPPFLAGS_value=}
ac_cv_lib_long=${ac_cv_lib_long='-lone
 -L/scratch/one/lib'}
ac_cv_path_GREP=${ac_cv_path_GREP=/usr/bin/grep}
ac_cv_prog_CC=${ac_cv_prog_CC=gcc}
ac_cv_prog_ac_ct_AR=${ac_cv_prog_ac_ct_AR=ar}
ac_cv_prog_cc_g=${ac_cv_prog_cc_g=yes}
ac_cv_quoted=${ac_cv_quoted='two
lines=${and}'}
ac_cv_sizeof_long=${ac_cv_sizeof_long=8}
"""


@pytest.fixture
def store(tmp_path):
    return AnswerStore.below(tmp_path / "store")


@pytest.fixture
def cache(tmp_path):
    """A config.cache beside a script whose tests do nothing but set their answers."""
    names = re.findall(r"^(\w+)=\$\{", CACHE, re.MULTILINE)
    (tmp_path / "configure").write_text(
        "".join(cached_test(name, f"  {name}=yes") for name in names)
    )
    path = tmp_path / "config.cache"
    path.write_text(CACHE)
    return path


def test_restored_answers_omit_what_may_have_changed(store, cache, tmp_path):
    assert not store.restore(KEY, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    store.put(KEY, cache, ["/scratch/one", "/opt/python3", "/"])
    assert store.restore(KEY, tmp_path / "restored")
    assert (tmp_path / "restored").read_text() == (
        "ac_cv_build=${ac_cv_build=x86_64-pc-linux-gnu}\n"
        "ac_cv_c_bigendian=${ac_cv_c_bigendian=no}\n"
        "ac_cv_env_CC_set=${ac_cv_env_CC_set=$ac_env_CC_set}\n"
        "ac_cv_env_CC_value=${ac_cv_env_CC_value=$ac_env_CC_value}\n"
        "ac_cv_env_CPPFLAGS_set=${ac_cv_env_CPPFLAGS_set=}\n"
        "ac_cv_env_CPPFLAGS_value=${ac_cv_env_CPPFLAGS_value=}\n"
        "ac_cv_prog_cc_g=${ac_cv_prog_cc_g=yes}\n"
        "ac_cv_quoted=${ac_cv_quoted='two\nlines=${and}'}\n"
        "ac_cv_sizeof_long=${ac_cv_sizeof_long=8}\n"
    )


def test_user_variables_without_temporary_paths_are_kept_verbatim(store, cache, tmp_path):
    store.put(KEY, cache, ["/scratch/two"])
    store.restore(KEY, tmp_path / "restored")
    assert (
        "ac_cv_env_CC_value=${ac_cv_env_CC_value=/scratch/one/llvm/bin/clang}\n"
        in (tmp_path / "restored").read_text()
    )


@pytest.mark.parametrize("text", [None, "", "# nothing but comments\n", "not a cache\n"])
def test_a_file_without_answers_is_not_kept(store, tmp_path, text):
    (tmp_path / "configure").touch()
    if text is not None:
        (tmp_path / "empty").write_text(text)
    store.put(KEY, tmp_path / "empty", [])
    assert store.entries.statistics().entries == 0


def test_truncated_answers_are_a_miss(store, cache, tmp_path):
    store.put(KEY, cache, [])
    path = entry_file(store.entries)
    path.write_bytes(path.read_bytes()[:-20])
    assert not store.restore(KEY, tmp_path / "restored")


def test_an_entry_without_answers_is_a_miss(store, tmp_path):
    store.entries.put(KEY, {"jit_stencils.h": HEADER}, {})
    assert not store.restore(KEY, tmp_path / "restored")


def test_answers_that_cannot_be_written_are_a_miss(store, cache, tmp_path):
    store.put(KEY, cache, [])
    assert not store.restore(KEY, tmp_path / "no such folder" / "config.cache")


def test_program_lookups_are_not_kept_but_tests_of_the_compiler_are():
    forgotten = [
        "ac_cv_path_GREP",
        "ac_cv_path_ac_pt_PKG_CONFIG",
        "ac_cv_prog_CC",
        "ac_cv_prog_ac_ct_CC",
    ]
    lasting = [
        "ac_cv_prog_cc_c11",
        "ac_cv_prog_cc_g",
        "ac_cv_prog_make_make_set",
        "ac_cv_header_stdio_h",
        "ac_cv_lib_path",
    ]
    text = "".join(f"{name}=${{{name}=yes}}\n" for name in (*forgotten, *lasting))
    script = "".join(cached_test(name, f"  {name}=yes") for name in (*forgotten, *lasting))
    kept = "".join(reusable_answers(text, script, []))
    assert [line.partition("=")[0] for line in kept.splitlines()] == lasting


def test_answers_without_a_script_beside_them_are_not_kept(store, cache):
    cache.with_name("configure").unlink()
    store.put(KEY, cache, [])
    assert store.entries.statistics().entries == 0
