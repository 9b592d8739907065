"""Stencils are restored as one unit, and only if they have the recorded digests."""

import os
import shutil

import pytest
from cache_samples import (
    DIGEST_LINE,
    FORECAST,
    HEADER,
    UNITS,
    entry_file,
    make_tree,
    read_unit,
    write_unit,
)

from jitbuild.building.caches.stencil_key import stencil_key
from jitbuild.building.caches.stencil_store import StencilStore, is_unchanged, mark_up_to_date


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path / "scratch" / "source")


@pytest.fixture
def store(tmp_path):
    return StencilStore.below(tmp_path / "store")


def key_of(tree):
    return stencil_key(tree, llvm_major=18, libc="glibc 2.36")


def test_without_a_key_nothing_is_restored_kept_or_removed(store, tree):
    (tree / "jit_stencils.h").write_bytes(HEADER)
    assert store.restore(tree, "") is None
    store.put(tree, "", FORECAST, {})
    assert store.entries.statistics().entries == 0
    assert (tree / "jit_stencils.h").exists()


@pytest.mark.parametrize("series", UNITS)
def test_the_files_of_build_py_are_restored_as_one_unit(store, tree, tmp_path, series):
    key = key_of(tree)
    write_unit(tree, UNITS[series])
    (tree / "jit_stencils.h.new").write_text("half")
    store.put(tree, key, FORECAST, {"llvm": "18.1.8"})
    other = make_tree(tmp_path / "other")
    entry = store.restore(other, key)
    assert read_unit(other) == UNITS[series] == entry.files
    assert entry.facts["llvm"] == "18.1.8"
    assert {path.stat().st_mtime for path in other.glob("jit_*")} == {1}
    assert is_unchanged(other, entry)


def test_accepted_stencils_get_the_time_of_their_newest_source(store, tree):
    key = key_of(tree)
    write_unit(tree, UNITS["3.15"])
    store.put(tree, key, FORECAST, {})
    store.restore(tree, key)
    (tree / ".jit-stamp").touch()
    os.utime(tree / "pyconfig.h", (5000, 5000))
    for path in (tree / "Tools/jit").iterdir():
        os.utime(path, (4000, 4000))
    os.utime(tree / "Python/executor_cases.c.h", (4000, 4000))
    os.utime(tree / ".jit-stamp", (6000, 6000))
    mark_up_to_date(tree)
    assert {path.stat().st_mtime for path in tree.glob("jit_*")} == {6000}
    (tree / ".jit-stamp").unlink()
    write_unit(tree, UNITS["3.15"])
    written = {path: path.stat().st_mtime_ns for path in tree.glob("jit_*")}
    mark_up_to_date(tree)
    assert {path: path.stat().st_mtime_ns for path in tree.glob("jit_*")} == written, (
        "none is made older"
    )


def test_any_changed_missing_or_new_stencil_file_is_noticed(store, tree):
    key = key_of(tree)
    write_unit(tree, UNITS["3.15"])
    store.put(tree, key, FORECAST, {})
    entry = store.restore(tree, key)
    shim = tree / "jit_shim-x86_64-unknown-linux-gnu.o"
    for content in (b"other", None):
        shim.unlink()
        if content is not None:
            shim.write_bytes(content)
        assert not is_unchanged(tree, entry)
        shim.write_bytes(b"\x7fELF")
        assert is_unchanged(tree, entry)
    (tree / "jit_stencils-aarch64.h").write_bytes(HEADER)
    assert not is_unchanged(tree, entry)


def test_stencils_of_an_earlier_build_are_removed_from_the_tree(store, tree):
    """build.py would take them: its digest forgets headers."""
    key = key_of(tree)
    write_unit(tree, UNITS["3.15"])
    (tree / ".jit-stamp").touch()
    assert store.restore(tree, key) is None
    assert read_unit(tree) == {}
    assert not (tree / ".jit-stamp").exists()
    write_unit(tree, UNITS["3.13"])
    store.put(tree, key, FORECAST, {})
    write_unit(tree, UNITS["3.15"])
    store.restore(tree, key)
    assert read_unit(tree) == UNITS["3.13"], "of the entry, and nothing else"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"jit_stencils.h": b"// no digest\n"},
        {"jit_stencils.h": b""},
        {"jit_stencils.h": f"// {'F' * 64}\n".encode()},
        {"jit_stencils-a.h": HEADER, "jit_stencils-b.h": b"#if 1\n"},
        {"jit_shim-x.o": b"\x7fELF"},
    ],
)
def test_stencils_without_a_digest_in_the_first_line_are_not_kept(store, tree, files):
    write_unit(tree, files)
    store.put(tree, key_of(tree), FORECAST, {})
    assert store.entries.statistics().entries == 0
    assert store.predict(FORECAST) is None


@pytest.mark.parametrize(
    ("files", "facts"),
    [
        ({"jit_stencils.h": HEADER}, {}),
        ({"jit_stencils.h": HEADER}, {"line 1 of jit_stencils.h": f"// {'6' * 64}"}),
        ({"jit_stencils.h": b"// x\n"}, {"line 1 of jit_stencils.h": "// x"}),
        (
            {"jit_stencils.h": HEADER, "Makefile": b"all:\n"},
            {"line 1 of jit_stencils.h": DIGEST_LINE},
        ),
        ({"config.cache": b"x"}, {}),
    ],
)
def test_an_intact_entry_that_is_not_stencils_with_their_digests_is_not_restored(
    store, tree, files, facts
):
    key = key_of(tree)
    makefile = (tree / "Makefile").read_bytes()
    store.entries.put(key, files, facts)
    store.index.put(FORECAST, {}, {"key": key})
    assert store.restore(tree, key) is None
    assert store.predict(FORECAST) is None
    assert read_unit(tree) == {}
    assert (tree / "Makefile").read_bytes() == makefile


def test_an_entry_with_the_recorded_digest_is_restored(store, tree):
    key = key_of(tree)
    store.entries.put(key, {"jit_stencils.h": HEADER}, {"line 1 of jit_stencils.h": DIGEST_LINE})
    assert store.restore(tree, key).files == {"jit_stencils.h": HEADER}


def test_a_hit_is_predicted_while_its_entry_is_intact(store, tree):
    key = key_of(tree)
    assert store.predict(FORECAST) is None
    write_unit(tree, UNITS["3.13"])
    store.put(tree, key, FORECAST, {})
    assert store.predict(FORECAST) == store.entries.get(key)
    path = entry_file(store.entries, key)
    path.write_bytes(path.read_bytes()[:-1])
    assert store.predict(FORECAST) is None
    store.put(tree, key, "e" * 64, {})
    assert store.predict("e" * 64) is not None
    shutil.rmtree(store.entries.root)
    assert store.predict("e" * 64) is None


def test_new_stencils_replace_those_of_the_same_key(store, tree):
    key = key_of(tree)
    for digit in "12":
        write_unit(tree, {"jit_stencils.h": HEADER.replace(b"5", digit.encode())})
        store.put(tree, key, FORECAST, {})
    assert store.restore(tree, key).files["jit_stencils.h"].startswith(b"// 2222")
    assert store.entries.statistics().entries == 1, "the index is not among them"
