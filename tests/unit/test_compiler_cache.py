"""ccache at work in one build."""

from __future__ import annotations

import pytest

from jitbuild.building.caches.ccache import Ccache
from jitbuild.building.caches.compiler_cache import CompilerCache
from jitbuild.errors import BuildError
from jitbuild.planning.step import Step

CONFIGURE = Step(name="configure", argv=("./configure",), cached_by="configure")
MAKE = Step(name="make", argv=("make",), cached_by="compiler")
FAILURE = BuildError("make failed with exit code 2.", remedy="Read the log.")


@pytest.fixture
def make_cache(tmp_path):
    """Make a compiler cache for a build whose log is empty; a compiler `gcc` is on its PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gcc").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "gcc").chmod(0o755)
    (tmp_path / "log").touch()

    def make_cache(*, enabled=True, **fields):
        program = Ccache(program=tmp_path / "ccache", version="4.14.2", origin="managed")
        return CompilerCache(
            ccache=program if enabled else None,
            compiler=("gcc",),
            stencils=True,
            store=tmp_path / "store",
            scratch=tmp_path / "scratch",
            log=tmp_path / "log",
            search_path=str(tmp_path / "bin"),
            **fields,
        )

    return make_cache


def test_a_build_without_ccache_keeps_a_foreign_one_out(make_cache):
    inputs = make_cache(enabled=False).prepare(MAKE)
    assert inputs.environment == {"CCACHE_DISABLE": "1"}
    assert inputs.path == ()


def test_compilers_are_called_through_links_to_ccache(make_cache, tmp_path):
    (folder,) = make_cache().prepare(MAKE).path
    assert (folder / "gcc").readlink() == tmp_path / "ccache"


def test_make_gets_the_settings_of_ccache(make_cache, tmp_path):
    environment = make_cache(storage="file:/shared").prepare(MAKE).environment
    assert environment["CCACHE_DIR"] == str(tmp_path / "store" / "ccache")
    assert environment["CCACHE_NOHASHDIR"] == "1"
    assert environment["CCACHE_REMOTE_STORAGE"] == "file:/shared"
    assert "CCACHE_DISABLE" not in environment


def test_configure_s_test_programs_are_not_cached(make_cache):
    assert make_cache().prepare(CONFIGURE).environment["CCACHE_DISABLE"] == "1"


def test_a_failure_of_ccache_disables_it_for_the_rest_of_the_build(make_cache, tmp_path):
    cache = make_cache()
    cache.prepare(MAKE)
    (tmp_path / "log").write_text("gcc -c x.c\nccache: error: failed to create temporary file\n")
    assert cache.withdraw(MAKE, FAILURE).environment == {"CCACHE_DISABLE": "1"}
    assert cache.prepare(MAKE).environment == {"CCACHE_DISABLE": "1"}
    assert cache.withdraw(MAKE, FAILURE) is None


def test_an_error_of_the_compiler_is_not_blamed_on_ccache(make_cache, tmp_path):
    (tmp_path / "log").write_text("x.c:1: error: expected ';'\n")
    assert make_cache().withdraw(MAKE, FAILURE) is None


def test_a_build_without_ccache_has_nothing_to_withdraw(make_cache, tmp_path):
    (tmp_path / "log").write_text("ccache: error: failed to create temporary file\n")
    assert make_cache(enabled=False).withdraw(MAKE, FAILURE) is None


def test_only_the_end_of_a_long_log_is_examined(make_cache, tmp_path):
    noise = "gcc -c x.c\n" * 10_000
    (tmp_path / "log").write_text(f"ccache: error: old\n{noise}x.c:1: error\n")
    assert make_cache().withdraw(MAKE, FAILURE) is None


def test_the_report_counts_files(make_cache, tmp_path):
    cache = make_cache()
    cache.prepare(MAKE)
    cache.record(MAKE)
    log = tmp_path / "scratch" / "ccache.log"
    log.write_text("# a.c\ndirect_cache_hit\n# b.c\ncache_miss\n# c.c\npreprocessed_cache_hit\n")
    assert cache.report() == {"compiler": {"hits": 2, "misses": 1}}
    assert make_cache(enabled=False).report() == {}
