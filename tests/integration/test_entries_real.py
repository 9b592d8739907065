"""Several processes that use the entries of one cache, and `jitbuild cache`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli import Cli
from processes import Started

from jitbuild.building.caches.entry_store import EntryStore
from jitbuild.building.caches.stencil_store import StencilStore

pytestmark = pytest.mark.integration

KEY = "k" * 64
PUT = """
import sys
from pathlib import Path
from jitbuild.building.caches.entry_store import EntryStore
store = EntryStore(Path(sys.argv[1]), 10_000_000)
content = sys.argv[2].encode() * 100_000
for _ in range(200):
    store.put("k" * 64, {"a": content, "b": content}, {"by": sys.argv[2]})
    store.record_lookup(hit=True)
"""
DELETE = """
import shutil, sys
for _ in range(200):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> EntryStore:
    return EntryStore(tmp_path / "entries", 10_000_000)


def start(code: str, *args: object) -> Started:
    return Started([sys.executable, "-c", code, *map(str, args)])


def read_while(store: EntryStore, children: list[Started]) -> set[str]:
    """Read the entry until all `children` end; return the names of its writers.

    Each entry must be whole, and the work of one writer.
    """
    writers = set()
    while any(child.poll() is None for child in children):
        entry = store.get(KEY)
        if entry is not None:
            writer = entry.facts["by"]
            content = writer.encode() * 100_000
            assert entry.files == {"a": content, "b": content}
            writers.add(writer)
    for child in children:
        assert (child.communicate()[1], child.returncode) == ("", 0)
    return writers


def test_processes_that_put_the_same_key_leave_one_whole_entry(store):
    writers = read_while(store, [start(PUT, store.root, name) for name in "xy"])
    assert writers <= {"x", "y"}
    assert store.get(KEY).facts["by"] in "xy"
    assert sorted(path.name for path in store.root.iterdir()) == [f"{KEY}.entry", "uses"]
    assert store.statistics().hits == 400


def test_the_folder_may_be_deleted_while_others_read_and_write(store):
    children = [
        start(PUT, store.root, "x"),
        start(DELETE, store.root),
        start(PUT, store.root, "y"),
    ]
    read_while(store, children)
    store.put(KEY, {"a": b"whole"}, {})
    assert store.get(KEY).files == {"a": b"whole"}


def test_the_cache_command_shows_and_clears_entries(tmp_path):
    cli = Cli(tmp_path / "home", {"PATH": ""})
    entries = StencilStore.below(cli.home).entries
    entries.put(KEY, {"jit_stencils.h": b"x" * 1000}, {})
    entries.record_lookup(hit=True)
    rows = {row["name"]: row for row in cli("cache", "--json").json()}
    assert (rows["stencils"]["entries"], rows["stencils"]["hits"]) == (1, 1)
    assert rows["stencils"]["bytes"] > 1000
    cli("cache", "clear", "stencils")
    assert not entries.root.exists()
