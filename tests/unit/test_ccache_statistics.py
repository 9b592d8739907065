"""The statistics of ccache, from a build's log and from the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitbuild.building.caches.ccache import Ccache
from jitbuild.building.caches.ccache_statistics import (
    CcacheCounts,
    CcacheSummary,
    count_files,
    summarize,
)
from jitbuild.system.process import Completed

CCACHE = Ccache(program=Path("/opt/ccache"), version="4.14.2", origin="system")
STATISTICS = (
    "direct_cache_hit\t5\npreprocessed_cache_hit\t2\ncache_miss\t3\n"
    "cache_size_kibibyte\t9\nodd line here\n"
)


def printing(text: str, calls: list | None = None):
    """Return a runner whose programs print `text`; their arguments and variables go to `calls`."""

    def run(argv, /, *, env=None, timeout=None):
        if calls is not None:
            calls.append((list(argv), env))
        return Completed(argv=tuple(argv), returncode=0, stdout=text)

    return run


def missing(*args, **settings):
    raise FileNotFoundError("ccache")


def test_each_call_in_the_log_is_counted_once(tmp_path):
    log = tmp_path / "ccache.log"
    log.write_text(
        "# a.c\ndirect_cache_hit\nlocal_storage_hit\n"
        "# b.c\ndirect_cache_hit\n"
        "# c.c\ndirect_cache_miss\npreprocessed_cache_hit\n"
        "# d.c\ncache_miss\ndirect_cache_miss\npreprocessed_cache_miss\n"
        "# e.c\ncompile_failed\n"
        "# f.S\nunsupported_code_directive\n"
        "# x.o\ncalled_for_link\n"
        "# \nno_input_file\n"
        "# g.c\ncalled_for_preprocessing\n"
    )
    assert count_files(log) == CcacheCounts(hits=2, preprocessed=1, misses=1, uncacheable=2)


@pytest.mark.parametrize("text", [None, "", "cut", "# a.c\ndirect_ca", "\xff\xfe"])
def test_a_missing_or_truncated_log_counts_no_hit_or_miss(tmp_path, text):
    log = tmp_path / "ccache.log"
    if text is not None:
        log.write_text(text, encoding="latin-1")
    counts = count_files(log)
    assert (counts.hits, counts.preprocessed, counts.misses) == (0, 0, 0)


def test_the_summary_is_read_without_the_users_settings(tmp_path):
    (tmp_path / "ccache").mkdir()
    calls = []
    summary = summarize(CCACHE, tmp_path, runner=printing(STATISTICS, calls))
    assert summary == CcacheSummary(hits=7, misses=3)
    env = {"CCACHE_DIR": str(tmp_path / "ccache"), "CCACHE_CONFIGPATH": os.devnull}
    assert calls == [(["/opt/ccache", "--print-stats"], env)]


@pytest.mark.parametrize(
    ("ccache", "folder", "runner"),
    [
        (None, "ccache", printing(STATISTICS)),
        (CCACHE, "another", printing(STATISTICS)),
        (CCACHE, "ccache", missing),
        (CCACHE, "ccache", printing("")),
    ],
    ids=["no ccache", "no cache", "not startable", "no output"],
)
def test_statistics_that_cannot_be_read_are_zeros(tmp_path, ccache, folder, runner):
    (tmp_path / folder).mkdir()
    assert summarize(ccache, tmp_path, runner=runner) == CcacheSummary()
