"""Read the hits and misses of ccache in one build, or in all builds of a store."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.building.caches.ccache import FOLDER
from jitbuild.system import process

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.building.caches.ccache import Ccache
    from jitbuild.system.process import Runner

_TIMEOUT_SECONDS = 20.0
_DIRECT_HIT, _PREPROCESSED_HIT, _MISS = "direct_cache_hit", "preprocessed_cache_hit", "cache_miss"
# Counters of calls that were not meant to compile a file.
_NO_COMPILATION = frozenset({"called_for_link", "called_for_preprocessing", "no_input_file"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CcacheCounts:
    """The number of files of one build with each result of ccache.

    `hits` counts the files that ccache found by the hashes of their sources. `preprocessed` counts
    those that it found by the hash of the preprocessor's output, which takes longer. `misses`
    counts the files that it did not find. `uncacheable` counts all other attempts to compile a
    file, including those that failed.
    """

    hits: int = 0
    preprocessed: int = 0
    misses: int = 0
    uncacheable: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CcacheSummary:
    """The hits and misses of all builds of a store."""

    hits: int = 0
    misses: int = 0


def count_files(log: Path) -> CcacheCounts:
    """Return the counts of the build that wrote the statistics log `log`.

    All counts are zero if the log cannot be read. The log has a line `# FILE` for each call,
    followed by the names of the counters that the call increased (ccache(1), stats_log).
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return CcacheCounts()
    calls = [set(call.split()) for call in re.split(r"^#.*$", text, flags=re.MULTILINE)[1:]]
    classified = {_DIRECT_HIT, _PREPROCESSED_HIT, _MISS, *_NO_COMPILATION}
    return CcacheCounts(
        hits=sum(_DIRECT_HIT in counters for counters in calls),
        preprocessed=sum(_PREPROCESSED_HIT in counters for counters in calls),
        misses=sum(_MISS in counters for counters in calls),
        uncacheable=sum(classified.isdisjoint(counters) for counters in calls),
    )


def summarize(ccache: Ccache | None, store: Path, *, runner: Runner = process.run) -> CcacheSummary:
    """Return the hits and misses of the cache in the store at the folder `store`.

    Both are zero if the store has no such cache, or if `ccache`, which reads them, is None.
    """
    folder = store / FOLDER
    if ccache is None or not folder.is_dir():
        return CcacheSummary()
    argv = [str(ccache.program), "--print-stats"]
    # Pass no other variables: HOME or XDG_CONFIG_HOME would add other settings.
    env = {"CCACHE_CONFIGPATH": os.devnull, "CCACHE_DIR": str(folder)}
    completed = process.run_if_available(argv, env=env, timeout=_TIMEOUT_SECONDS, runner=runner)
    rows = (line.split() for line in (completed.stdout if completed else "").splitlines())
    counters = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
    hits = counters.get(_DIRECT_HIT, 0) + counters.get(_PREPROCESSED_HIT, 0)
    return CcacheSummary(hits=hits, misses=counters.get(_MISS, 0))
