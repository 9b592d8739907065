"""A hit is exactly what was put; anything else is a miss, whatever happens to the folder."""

import hashlib
import json
import os
import re
import shutil
import threading
from pathlib import Path

import pytest
from cache_samples import KEY, OTHER_KEY, entry_file

from jitbuild.building.caches.entry_store import CacheEntry, EntryStatistics, EntryStore

FILES = {"jit_stencils.h": b"// one\n\xff\x00two", "empty.o": b""}


@pytest.fixture
def store(tmp_path):
    return EntryStore(tmp_path / "cache" / "entries", 1_000_000)


def test_get_returns_what_was_put(store):
    assert store.get(KEY) is None
    store.put(KEY, FILES, {"llvm": "18.1.8"})
    assert store.get(KEY) == CacheEntry(files=FILES, facts={"llvm": "18.1.8"})
    assert store.get(OTHER_KEY) is None
    assert [path.name for path in store.root.iterdir()] == [f"{KEY}.entry"]


def test_put_replaces_the_entry_of_a_key(store):
    store.put(KEY, FILES, {"llvm": "18"})
    store.put(KEY, {"other.h": b"new"}, {})
    assert store.get(KEY) == CacheEntry(files={"other.h": b"new"}, facts={})


def test_an_entry_truncated_anywhere_is_removed_and_a_miss(store):
    store.put(KEY, FILES, {"llvm": "18"})
    whole = entry_file(store).read_bytes()
    for length in range(len(whole)):
        entry_file(store).write_bytes(whole[:length])
        assert store.get(KEY) is None, length
        assert not entry_file(store).exists(), length
    entry_file(store).write_bytes(whole)
    assert store.get(KEY) is not None


def test_an_entry_with_a_changed_or_extra_byte_is_removed_and_a_miss(store):
    store.put(KEY, FILES, {"llvm": "18"})
    whole = entry_file(store).read_bytes()
    spoilt = [
        whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :] for place, byte in enumerate(whole)
    ]
    for content in (*spoilt, whole + b"\0"):
        entry_file(store).write_bytes(content)
        assert store.get(KEY) is None, content
        assert not entry_file(store).exists()


def test_an_entry_renamed_to_another_key_is_removed_and_a_miss(store):
    store.put(KEY, FILES, {})
    entry_file(store).rename(entry_file(store, OTHER_KEY))
    assert store.get(OTHER_KEY) is None
    assert list(store.root.iterdir()) == []


@pytest.mark.parametrize(
    "head",
    [
        {"schema": 2, "key": KEY, "facts": {}, "files": []},
        {"schema": 1, "key": KEY, "facts": {}},
        {"schema": 1, "key": KEY, "facts": [], "files": []},
        {"schema": 1, "key": KEY, "facts": {}, "files": ["jit_stencils.h"]},
        {
            "schema": 1,
            "key": KEY,
            "facts": {},
            "files": [{"name": "../x", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()}],
        },
        {
            "schema": 1,
            "key": KEY,
            "facts": {},
            "files": [{"name": "x", "size": "0", "sha256": hashlib.sha256(b"").hexdigest()}],
        },
        {
            "schema": 1,
            "key": KEY,
            "facts": {},
            "files": [{"name": "x", "size": 9, "sha256": hashlib.sha256(b"").hexdigest()}],
        },
        [1],
        "text",
    ],
)
def test_an_intact_head_with_unexpected_content_is_a_miss(store, head):
    store.root.mkdir(parents=True)
    text = json.dumps(head).encode()
    entry_file(store).write_bytes(hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n")
    assert store.get(KEY) is None
    assert not entry_file(store).exists()


def test_the_smallest_valid_head_is_an_entry(store):
    """The negative tests above would pass for any reason without this one."""
    store.root.mkdir(parents=True)
    text = json.dumps({"schema": 1, "key": KEY, "facts": {}, "files": []}).encode()
    entry_file(store).write_bytes(hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n")
    assert store.get(KEY) == CacheEntry(files={}, facts={})


@pytest.mark.parametrize(
    "key",
    ["", "short", "../../../../etc/passwd", "a/aaaaaaaaaa", ".aaaaaaaaaa", "A" * 64, "a" * 200],
)
def test_keys_that_could_leave_the_folder_are_rejected(store, key):
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        store.put(key, FILES, {})
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        store.get(key)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "/etc/passwd", ".hidden", "a\nb"])
def test_file_names_that_could_leave_the_folder_are_rejected(store, name):
    with pytest.raises(ValueError, match=f"^{re.escape(name)}$"):
        store.put(KEY, {name: b""}, {})


def test_a_folder_that_cannot_be_written_raises_nothing(store):
    store.root.parent.mkdir()
    store.root.write_text("a file stands where the folder should be")
    store.put(KEY, FILES, {})
    store.record_lookup(hit=True)
    assert store.get(KEY) is None
    assert store.statistics() == EntryStatistics()
    assert store.root.read_text().startswith("a file")


def test_the_folder_may_be_deleted_between_any_two_calls(store):
    store.put(KEY, FILES, {})
    store.record_lookup(hit=True)
    shutil.rmtree(store.root)
    assert store.get(KEY) is None
    assert store.statistics() == EntryStatistics()
    store.record_lookup(hit=False)
    store.put(KEY, FILES, {})
    assert store.get(KEY).files == FILES
    assert store.statistics().misses == 1


def test_the_least_recently_used_entry_is_removed_first(tmp_path):
    roomy = EntryStore(tmp_path / "roomy", 1_000_000)
    roomy.put(KEY, {"x": b"x" * 1000}, {})
    size = roomy.statistics().bytes
    store = EntryStore(tmp_path / "full", 3 * size)
    keys = [letter * 64 for letter in "abcd"]
    for age, key in enumerate(keys[:3]):
        store.put(key, {"x": b"x" * 1000}, {})
        os.utime(entry_file(store, key), (1000 + age, 1000 + age))
    assert store.get(keys[0]) is not None, "used now"
    store.put(keys[3], {"x": b"x" * 1000}, {})
    assert [key for key in keys if store.get(key)] == [keys[0], keys[2], keys[3]]
    assert store.statistics().bytes == 3 * size


def test_an_entry_larger_than_the_store_is_not_kept_and_evicts_nothing(tmp_path):
    store = EntryStore(tmp_path / "small", 2000)
    store.put(KEY, {"x": b"x"}, {})
    store.put(OTHER_KEY, {"x": b"x" * 3000}, {})
    assert store.get(OTHER_KEY) is None
    assert store.get(KEY) is not None


def test_only_old_partial_files_are_removed(store):
    store.root.mkdir(parents=True)
    old, young = store.root / ".0123456789abcdef.part", store.root / ".456789abcdef0123.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (1, 1))
    store.put(KEY, FILES, {})
    assert not old.exists()
    assert young.exists()
    assert store.statistics().entries == 1


def test_a_failed_write_leaves_no_file(store, monkeypatch):
    def full(_self, _path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    store.put(KEY, FILES, {})
    assert list(store.root.iterdir()) == []


def test_threads_count_hits_and_misses_at_once(store):
    def count(hit):
        for _ in range(50):
            store.record_lookup(hit=hit)

    threads = [threading.Thread(target=count, args=(number % 4 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.put(KEY, FILES, {})
    assert store.statistics() == EntryStatistics(
        entries=1, bytes=entry_file(store).stat().st_size, hits=100, misses=300
    )
