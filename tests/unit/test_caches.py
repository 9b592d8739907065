"""Caches: a hit is exactly what was kept, and anything else is a miss, whatever happens to the folder meanwhile."""

import hashlib
import json
import os
import re
import shutil
import threading
from pathlib import Path

import pytest

from jitbuild.building.caches import configure, entries
from jitbuild.building.caches.autoconf import askable_again
from jitbuild.building.caches.configure import ConfigureCache, headers_digest, search_folders
from jitbuild.building.caches.entries import CacheEntry, EntryStore, Summary
from jitbuild.building.caches.stencils import StencilCache
from jitbuild.planning import planner
from jitbuild.recipes import catalog as recipes
from jitbuild.request import Axes, Patch, parse
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS

KEY, OTHER = "a" * 64, "b" * 64
FILES = {"jit_stencils.h": b"// one\n\xff\x00two", "empty.o": b""}
CATALOG = recipes.load()
LINE = f"// {'5' * 64}"
HEADER = f"{LINE}\n// $ python build.py\n\nstatic const char code[] = {{0x90}};\n".encode()


@pytest.fixture
def kept(tmp_path):
    return EntryStore(tmp_path / "store" / "kept", 1_000_000)


def file_of(kept, key=KEY):
    return kept.root / f"{key}.entry"


# ---- entries


def test_what_was_put_is_what_is_got(kept):
    assert kept.get(KEY) is None
    kept.put(KEY, FILES, {"llvm": "18.1.8"})
    assert kept.get(KEY) == CacheEntry(files=FILES, facts={"llvm": "18.1.8"})
    assert kept.get(OTHER) is None
    assert [path.name for path in kept.root.iterdir()] == [f"{KEY}.entry"]


def test_a_second_entry_of_a_key_takes_the_place_of_the_first(kept):
    kept.put(KEY, FILES, {"llvm": "18"})
    kept.put(KEY, {"other.h": b"new"}, {})
    assert kept.get(KEY) == CacheEntry(files={"other.h": b"new"}, facts={})


def test_an_entry_cut_short_anywhere_is_a_miss_and_removed(kept):
    kept.put(KEY, FILES, {"llvm": "18"})
    whole = file_of(kept).read_bytes()
    for length in range(len(whole)):
        file_of(kept).write_bytes(whole[:length])
        assert kept.get(KEY) is None, length
        assert not file_of(kept).exists(), length
    file_of(kept).write_bytes(whole)
    assert kept.get(KEY) is not None


def test_an_entry_with_any_byte_changed_or_one_more_is_a_miss(kept):
    kept.put(KEY, FILES, {"llvm": "18"})
    whole = file_of(kept).read_bytes()
    spoilt = [
        whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :] for place, byte in enumerate(whole)
    ]
    for content in (*spoilt, whole + b"\0"):
        file_of(kept).write_bytes(content)
        assert kept.get(KEY) is None, content
        assert not file_of(kept).exists()


def test_an_entry_under_another_key_s_name_is_foreign(kept):
    kept.put(KEY, FILES, {})
    file_of(kept).rename(file_of(kept, OTHER))
    assert kept.get(OTHER) is None
    assert list(kept.root.iterdir()) == []


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
def test_a_head_that_is_whole_and_not_ours_is_a_miss(kept, head):
    kept.root.mkdir(parents=True)
    text = json.dumps(head).encode()
    file_of(kept).write_bytes(hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n")
    assert kept.get(KEY) is None
    assert not file_of(kept).exists()


def test_the_smallest_whole_head_is_an_entry(kept):
    """The negative tests above would pass for any reason without this one."""
    kept.root.mkdir(parents=True)
    text = json.dumps({"schema": 1, "key": KEY, "facts": {}, "files": []}).encode()
    file_of(kept).write_bytes(hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n")
    assert kept.get(KEY) == CacheEntry(files={}, facts={})


@pytest.mark.parametrize(
    "key",
    ["", "short", "../../../../etc/passwd", "a/aaaaaaaaaa", ".aaaaaaaaaa", "A" * 64, "a" * 200],
)
def test_a_key_that_could_leave_the_folder_is_refused(kept, key):
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        kept.put(key, FILES, {})
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        kept.get(key)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "/etc/passwd", ".hidden", "a\nb"])
def test_a_file_s_name_that_could_leave_the_folder_is_refused(kept, name):
    with pytest.raises(ValueError, match=f"^{re.escape(name)}$"):
        kept.put(KEY, {name: b""}, {})


def test_a_folder_that_cannot_be_written_costs_nobody_a_build(kept):
    kept.root.parent.mkdir()
    kept.root.write_text("a file stands where the folder should be")
    kept.put(KEY, FILES, {})
    kept.count(True)
    assert kept.get(KEY) is None
    assert kept.summary() == Summary()
    assert kept.root.read_text().startswith("a file")


def test_deleting_the_folder_between_any_two_calls_is_only_a_miss(kept):
    kept.put(KEY, FILES, {})
    kept.count(True)
    shutil.rmtree(kept.root)
    assert kept.get(KEY) is None
    assert kept.summary() == Summary()
    kept.count(False)
    kept.put(KEY, FILES, {})
    assert kept.get(KEY).files == FILES
    assert kept.summary().misses == 1
    kept.clear()
    assert not kept.root.exists()
    kept.clear()


def test_the_least_recently_used_goes_first(tmp_path):
    size = len(entries._format(KEY, {"x": b"x" * 1000}, {}))
    kept = EntryStore(tmp_path / "kept", 3 * size)
    keys = [letter * 64 for letter in "abcd"]
    for age, key in enumerate(keys[:3]):
        kept.put(key, {"x": b"x" * 1000}, {})
        os.utime(file_of(kept, key), (1000 + age, 1000 + age))
    assert kept.get(keys[0]) is not None, "used now"
    kept.put(keys[3], {"x": b"x" * 1000}, {})
    assert [key for key in keys if kept.get(key)] == [keys[0], keys[2], keys[3]]
    assert kept.summary().bytes == 3 * size


def test_what_is_larger_than_the_whole_shelf_is_not_kept_and_takes_nothing_away(tmp_path):
    kept = EntryStore(tmp_path / "kept", 2000)
    kept.put(KEY, {"x": b"x"}, {})
    kept.put(OTHER, {"x": b"x" * 3000}, {})
    assert kept.get(OTHER) is None
    assert kept.get(KEY) is not None


def test_what_a_killed_process_left_is_swept_and_what_one_writes_now_is_not(kept):
    kept.root.mkdir(parents=True)
    old, young = kept.root / ".0123.part", kept.root / ".4567.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (1, 1))
    kept.put(KEY, FILES, {})
    assert not old.exists()
    assert young.exists()
    assert kept.summary().entries == 1


def test_a_write_that_fails_leaves_nothing_behind(kept, monkeypatch):
    def full(_self, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    kept.put(KEY, FILES, {})
    assert list(kept.root.iterdir()) == []


def test_hits_and_misses_are_counted_by_many_at_once(kept):
    def count(hit):
        for _ in range(50):
            kept.count(hit)

    threads = [threading.Thread(target=count, args=(number % 4 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.put(KEY, FILES, {})
    assert kept.summary() == Summary(
        entries=1, bytes=file_of(kept).stat().st_size, hits=100, misses=300
    )


# ---- stencils -----------------------------------------------------------------------------------------------------------

RECIPE = "$(PYTHON_FOR_REGEN) $(srcdir)/Tools/jit/build.py x86_64-pc-linux-gnu"
RECIPE_315 = (
    "$(PYTHON_FOR_REGEN) $(srcdir)/Tools/jit/build.py x86_64-pc-linux-gnu --output-dir . --pyconfig-dir . "
    '--cflags="-O2" --llvm-version="21" --llvm-tools-install-dir="/scratch/one/llvm"'
)


def makefile(recipe=RECIPE, *, variables=""):
    return f"""\
srcdir=\t\t.
PYTHON_FOR_REGEN?=python3.13
CFLAGS_JIT=\t-O2
{variables}
JIT_DEPS = \\
\t\t$(srcdir)/Tools/jit/*.py \\
\t\tpyconfig.h
jit_stencils.h: $(JIT_DEPS)
\t{recipe}

regen-jit:
\t{recipe}
all: python
\techo $(srcdir)
"""


def grow(tree, recipe=RECIPE):
    """A configured tree, as much of it as stencils are made from."""
    files = {
        "Makefile": makefile(recipe),
        "pyconfig.h": "#define HAVE_FORK 1\n",
        "Include/object.h": "struct _object;\n",
        "Include/internal/pycore_frame.h": "struct _PyInterpreterFrame;\n",
        "Python/ceval_macros.h": "#define TARGET\n",
        "Python/executor_cases.c.h": "case _NOP:\n",
        "Python/jit.c": '#include "jit_stencils.h"\n',
        "Tools/jit/build.py": "import _targets\n",
        "Tools/jit/_llvm.py": "_LLVM_VERSION = 18\n",
        "Lib/os.py": "name = 'posix'\n",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return tree


@pytest.fixture
def tree(tmp_path):
    return grow(tmp_path / "scratch" / "source")


@pytest.fixture
def stencils(tmp_path):
    return StencilCache.in_store(tmp_path / "store")


def key_of(stencils, tree, **given):
    return stencils.key(tree, **{"llvm_major": 18, "libc": "glibc 2.36", **given})


def test_the_key_is_of_what_is_in_the_tree_and_not_of_where_it_is(stencils, tree, tmp_path):
    key = key_of(stencils, tree)
    assert len(key) == 64
    assert key == key_of(stencils, grow(tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "pyconfig.h",
            "Include/object.h",
            "Include/internal/pycore_frame.h",
            "Python/ceval_macros.h",
        ),
        *("Python/executor_cases.c.h", "Tools/jit/build.py", "Tools/jit/_llvm.py"),
        *("Include/new.h", "Tools/jit/shim.c", "Python/new.h"),
    ],
)
def test_a_changed_or_new_source_of_stencils_changes_the_key(stencils, tree, name):
    before = key_of(stencils, tree)
    with (tree / name).open("a") as file:
        file.write("changed")
    assert key_of(stencils, tree) != before


def test_a_file_that_is_gone_or_has_another_name_changes_the_key(stencils, tree):
    keys = [key_of(stencils, tree)]
    (tree / "Include/object.h").rename(tree / "Include/objects.h")
    keys.append(key_of(stencils, tree))
    (tree / "Include/objects.h").unlink()
    keys.append(key_of(stencils, tree))
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Lib/os.py",
            "Python/jit.c",
            "Tools/jit/__pycache__/_llvm.cpython-313.pyc",
            "jit_stencils.h",
        ),
        *("Python/jit_stencils.h", "config.log"),
    ],
)
def test_what_stencils_are_not_made_from_does_not_count(stencils, tree, name):
    before = key_of(stencils, tree)
    (tree / name).parent.mkdir(exist_ok=True)
    with (tree / name).open("a") as file:
        file.write("changed")
    assert key_of(stencils, tree) == before


def test_llvm_s_major_and_the_libc_count(stencils, tree):
    keys = {
        key_of(stencils, tree),
        key_of(stencils, tree, llvm_major=19),
        key_of(stencils, tree, libc="glibc 2.41"),
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE.replace("x86_64", "aarch64"),
        f"{RECIPE} --debug",
        f"{RECIPE} $(CFLAGS_JIT)",
        RECIPE_315,
    ],
)
def test_the_recipe_in_the_makefile_counts(stencils, tree, recipe):
    before = key_of(stencils, tree)
    (tree / "Makefile").write_text(makefile(recipe))
    assert key_of(stencils, tree) != before


def test_a_variable_that_the_recipe_uses_counts_by_its_value(stencils, tree):
    recipe = f'{RECIPE} --cflags="$(CFLAGS_JIT) ${{MORE}}"'

    def key(more):
        (tree / "Makefile").write_text(
            makefile(recipe, variables=f"MORE = $(DEEP)\nDEEP := {more}\nSELF = $(SELF)")
        )
        return key_of(stencils, tree)

    assert key("-DX") == key("-DX")
    assert key("-DX") != key("-DY")


def test_other_lines_of_the_makefile_do_not_count(stencils, tree):
    before = key_of(stencils, tree)
    (tree / "Makefile").write_text(
        makefile(variables="prefix = /somewhere/else\nPY_CORE_CFLAGS = -O3")
    )
    assert key_of(stencils, tree) == before


def test_a_recipe_over_several_lines_is_read_whole(stencils, tree):
    before = key_of(stencils, tree)
    (tree / "Makefile").write_text(makefile(RECIPE.replace("build.py ", "build.py \\\n\t\t")))
    assert key_of(stencils, tree) == before
    (tree / "Makefile").write_text(
        makefile(RECIPE.replace("build.py ", "build.py --debug \\\n\t\t"))
    )
    assert key_of(stencils, tree) != before


def test_where_llvm_is_does_not_count_but_another_major_does(stencils, tree):
    def key(recipe):
        (tree / "Makefile").write_text(makefile(recipe))
        return key_of(stencils, tree, llvm_major=21)

    same = {
        key(RECIPE_315),
        key(RECIPE_315.replace("/scratch/one", "/usr/lib")),
        key(RECIPE_315.replace('"/scratch/one/llvm"', '""')),
        key(RECIPE_315.replace('"/scratch/one/llvm"', '""').replace('"21"', '""')),
    }
    assert len(same) == 1
    assert key(RECIPE_315.replace('"21"', '"22"')) not in same
    assert key(RECIPE_315.replace("-O2", "-O3")) not in same


def test_flags_that_name_scratch_count_as_the_same_wherever_that_is(stencils, tmp_path):
    keys = []
    for name in ("one", "two"):
        tree = tmp_path / name / "source"
        grow(tree, f"{RECIPE} --cflags='-I{tree}/Include -I{tmp_path / name}/x'")
        keys.append(stencils.key(tree, llvm_major=18, libc="", forgetting=[tmp_path / name]))
    assert keys[0] == keys[1]


@pytest.mark.parametrize("recipe", ["@true", ":"])
def test_a_tree_that_makes_no_stencils_has_no_key(stencils, tree, recipe):
    (tree / "Makefile").write_text(makefile(recipe))
    assert key_of(stencils, tree) == ""
    assert stencils.restore(tree, "") is None
    (tree / "jit_stencils.h").write_bytes(HEADER)
    stencils.keep(tree, "", "f" * 64, {})
    assert stencils.entries.summary().entries == 0
    assert (tree / "jit_stencils.h").exists()


def test_a_tree_that_is_not_configured_has_no_key(stencils, tree):
    (tree / "pyconfig.h").unlink()
    assert key_of(stencils, tree) == ""
    (tree / "Makefile").unlink()
    assert key_of(stencils, tree) == ""


UNITS = {
    "3.13": {"jit_stencils.h": HEADER},
    "3.14": {
        "jit_stencils.h": b'#include "jit_stencils-x86_64-pc-linux-gnu.h"\n',
        "jit_stencils-x86_64-pc-linux-gnu.h": HEADER,
    },
    "3.15": {
        "jit_stencils.h": b"#if 1\n",
        "jit_stencils-x86_64-unknown-linux-gnu.h": HEADER,
        "jit_unwind_info.h": b"#if 1\n",
        "jit_unwind_info-x86_64-unknown-linux-gnu.h": b"#define X 1\n",
        "jit_shim-x86_64-unknown-linux-gnu.o": b"\x7fELF",
    },
}


def write(tree, files):
    for name, content in files.items():
        (tree / name).write_bytes(content)


def unit(tree):
    return {path.name: path.read_bytes() for path in tree.glob("jit_*")}


@pytest.mark.parametrize("series", UNITS)
def test_what_build_py_wrote_comes_back_as_one_unit(stencils, tree, tmp_path, series):
    key = key_of(stencils, tree)
    write(tree, UNITS[series])
    (tree / "jit_stencils.h.new").write_text("half")
    stencils.keep(tree, key, "f" * 64, {"llvm": "18.1.8"})
    other = grow(tmp_path / "other")
    entry = stencils.restore(other, key)
    assert unit(other) == UNITS[series] == entry.files
    assert entry.facts["llvm"] == "18.1.8"
    assert {path.stat().st_mtime for path in other.glob("jit_*")} == {1}
    assert stencils.unchanged(other, entry)


def test_settled_stencils_are_as_new_as_what_they_come_from_and_older_than_what_comes_of_them(
    stencils, tree
):
    key = key_of(stencils, tree)
    write(tree, UNITS["3.15"])
    stencils.keep(tree, key, "f" * 64, {})
    stencils.restore(tree, key)
    (tree / ".jit-stamp").touch()
    os.utime(tree / "pyconfig.h", (5000, 5000))
    for path in (tree / "Tools/jit").iterdir():
        os.utime(path, (4000, 4000))
    os.utime(tree / "Python/executor_cases.c.h", (4000, 4000))
    os.utime(tree / ".jit-stamp", (6000, 6000))
    stencils.settle(tree)
    assert {path.stat().st_mtime for path in tree.glob("jit_*")} == {6000}
    (tree / ".jit-stamp").unlink()
    write(tree, UNITS["3.15"])
    written = {path: path.stat().st_mtime_ns for path in tree.glob("jit_*")}
    stencils.settle(tree)
    assert {path: path.stat().st_mtime_ns for path in tree.glob("jit_*")} == written, (
        "none is made older"
    )


def test_stencils_that_build_py_wrote_anew_are_seen(stencils, tree):
    key = key_of(stencils, tree)
    write(tree, UNITS["3.15"])
    stencils.keep(tree, key, "f" * 64, {})
    entry = stencils.restore(tree, key)
    shim = tree / "jit_shim-x86_64-unknown-linux-gnu.o"
    for content in (b"other", None):
        shim.unlink()
        if content is not None:
            shim.write_bytes(content)
        assert not stencils.unchanged(tree, entry)
        shim.write_bytes(b"\x7fELF")
        assert stencils.unchanged(tree, entry)
    (tree / "jit_stencils-aarch64.h").write_bytes(HEADER)
    assert not stencils.unchanged(tree, entry)


def test_stencils_of_an_earlier_build_are_never_left_in_the_tree(stencils, tree):
    """build.py would take them: its digest forgets headers."""
    key = key_of(stencils, tree)
    write(tree, UNITS["3.15"])
    (tree / ".jit-stamp").touch()
    assert stencils.restore(tree, key) is None
    assert unit(tree) == {}
    assert not (tree / ".jit-stamp").exists()
    write(tree, UNITS["3.13"])
    stencils.keep(tree, key, "f" * 64, {})
    write(tree, UNITS["3.15"])
    stencils.restore(tree, key)
    assert unit(tree) == UNITS["3.13"], "of the entry, and nothing else"


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
def test_what_has_no_digest_in_its_first_line_is_not_kept(stencils, tree, files):
    write(tree, files)
    stencils.keep(tree, key_of(stencils, tree), "f" * 64, {})
    assert stencils.entries.summary().entries == 0
    assert stencils.foreseen("f" * 64) is None


@pytest.mark.parametrize(
    ("files", "facts"),
    [
        ({"jit_stencils.h": HEADER}, {}),
        ({"jit_stencils.h": HEADER}, {"line 1 of jit_stencils.h": f"// {'6' * 64}"}),
        ({"jit_stencils.h": b"// x\n"}, {"line 1 of jit_stencils.h": "// x"}),
        ({"jit_stencils.h": HEADER, "Makefile": b"all:\n"}, {"line 1 of jit_stencils.h": LINE}),
        ({"config.cache": b"x"}, {}),
    ],
)
def test_a_whole_entry_that_is_of_something_else_is_not_restored(stencils, tree, files, facts):
    key = key_of(stencils, tree)
    makefile = (tree / "Makefile").read_bytes()
    stencils.entries.put(key, files, facts)
    stencils.index.put("f" * 64, {}, {"key": key})
    assert stencils.restore(tree, key) is None
    assert stencils.foreseen("f" * 64) is None
    assert unit(tree) == {}
    assert (tree / "Makefile").read_bytes() == makefile


def test_an_entry_with_the_recorded_first_line_is_restored(stencils, tree):
    key = key_of(stencils, tree)
    stencils.entries.put(key, {"jit_stencils.h": HEADER}, {"line 1 of jit_stencils.h": LINE})
    assert stencils.restore(tree, key).files == {"jit_stencils.h": HEADER}


def test_a_hit_is_foreseen_as_long_as_its_entry_is_whole(stencils, tree):
    key = key_of(stencils, tree)
    assert stencils.foreseen("f" * 64) is None
    write(tree, UNITS["3.13"])
    stencils.keep(tree, key, "f" * 64, {})
    assert stencils.foreseen("f" * 64) == key
    path = file_of(stencils.entries, key)
    path.write_bytes(path.read_bytes()[:-1])
    assert stencils.foreseen("f" * 64) is None
    stencils.keep(tree, key, "e" * 64, {})
    assert stencils.foreseen("e" * 64) == key
    stencils.entries.clear()
    assert stencils.foreseen("e" * 64) is None


def test_stencils_made_anew_take_the_place_of_those_that_were_kept(stencils, tree):
    key = key_of(stencils, tree)
    for digit in "12":
        write(tree, {"jit_stencils.h": HEADER.replace(b"5", digit.encode())})
        stencils.keep(tree, key, "f" * 64, {})
    assert stencils.restore(tree, key).files["jit_stencils.h"].startswith(b"// 2222")
    assert stencils.entries.summary().entries == 1, "the index is not among them"


def planned(spec="3.13.15", *, patches=(), target="x86_64-linux-gnu", **axes):
    request = parse(spec)
    variant = Axes(patches=patches, **axes).variant(request)
    return planner.make_plan(
        planner.resolve_version(request, CATALOG), variant, TARGETS[target], CATALOG
    )


def forecast(stencils, plan, compiler="gcc 12", libc="glibc 2.36"):
    return stencils.forecast(plan, compiler=compiler, libc=libc)


def test_the_forecast_is_of_what_is_known_before_configure(stencils):
    first = forecast(stencils, planned())
    assert first == forecast(stencils, planned()) == forecast(stencils, planned(jit="yes")), (
        "yes-off has the stencils of yes"
    )
    others = {
        forecast(stencils, planned("3.13.14")),
        forecast(stencils, planned(jit="no")),
        forecast(stencils, planned(profile="debug")),
        forecast(stencils, planned(configure_args=("CFLAGS_JIT=-O1",))),
        forecast(stencils, planned(patches=(Patch(path="x.patch", sha256="1" * 64),))),
        forecast(stencils, planned(patches=(Patch(path="x.patch", sha256="2" * 64),))),
        forecast(stencils, planned(target="aarch64-linux-gnu")),
        forecast(stencils, planned(), compiler="gcc 13"),
        forecast(stencils, planned(), libc="glibc 2.41"),
    }
    assert len(others) == 9
    assert first not in others


def test_windows_and_macos_have_forecasts_too(stencils):
    assert len({forecast(stencils, planned("3.15.2", target=name)) for name in TARGETS}) == len(
        TARGETS
    )


# ---- configure's answers ------------------------------------------------------------------------------------------------

QUESTION = {
    "configure": b"#!/bin/sh\n",
    "arguments": ["--with-lto"],
    "env": {"OPT": "-O3", "CC": "gcc"},
    "compiler": "gcc 12",
    "libc": "glibc 2.36",
    "headers": "h" * 64,
    "kernel": "Linux 6.1",
}
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
def answers(tmp_path):
    return ConfigureCache.in_store(tmp_path / "store")


@pytest.fixture
def cache(tmp_path):
    """A config.cache beside a script whose tests do nothing but set their answers."""
    names = re.findall(r"^(\w+)=\$\{", CACHE, re.MULTILINE)
    (tmp_path / "configure").write_text("".join(asking(name, f"  {name}=yes") for name in names))
    path = tmp_path / "config.cache"
    path.write_text(CACHE)
    return path


def asking(name, *lines):
    """A test as autoconf writes it (AC_CACHE_CHECK)."""
    return f"""\
if test ${{{name}+y}}
then :
  printf %s "(cached) " >&6
else $as_nop
  cat confdefs.h - <<_ACEOF >conftest.$ac_ext
int main (void) {{ OTHER=1; return {name}_shown; }}
_ACEOF
{chr(10).join(lines)}
fi
{{ printf "%s\\n" "$as_me:${{as_lineno-$LINENO}}: result: ${name}" >&5
printf "%s\\n" "${name}" >&6; }}
"""


def test_the_key_of_the_answers_is_of_every_part_of_the_question(answers):
    keys = {answers.key(**QUESTION)}
    for name, given in QUESTION.items():
        other = (
            given + type(given)("x" if isinstance(given, str) else b"x")
            if isinstance(given, str | bytes)
            else None
        )
        if isinstance(given, list):
            other = [*given, "--disable-gil"]
        elif isinstance(given, dict):
            other = {**given, "OPT": "-O2"}
        keys.add(answers.key(**{**QUESTION, name: other}))
    keys.add(answers.key(**{**QUESTION, "arguments": ["--with-lto", ""]}))
    assert len(keys) == len(QUESTION) + 2
    assert answers.key(**{**QUESTION, "env": {"CC": "gcc", "OPT": "-O3"}}) in keys


def test_answers_come_back_without_what_may_have_changed(answers, cache, tmp_path):
    key = answers.key(**QUESTION)
    assert not answers.restore(key, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    answers.keep(key, cache, ["/scratch/one", "/opt/python3", "/"])
    assert answers.restore(key, tmp_path / "restored")
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


def test_the_person_s_own_values_are_kept_as_they_are_when_they_name_nothing_that_goes(
    answers, cache, tmp_path
):
    key = answers.key(**QUESTION)
    answers.keep(key, cache, ["/scratch/two"])
    answers.restore(key, tmp_path / "restored")
    assert (
        "ac_cv_env_CC_value=${ac_cv_env_CC_value=/scratch/one/llvm/bin/clang}\n"
        in (tmp_path / "restored").read_text()
    )


@pytest.mark.parametrize("text", [None, "", "# nothing but comments\n", "not a cache\n"])
def test_a_file_without_answers_is_not_kept(answers, tmp_path, text):
    (tmp_path / "configure").touch()
    if text is not None:
        (tmp_path / "empty").write_text(text)
    answers.keep(answers.key(**QUESTION), tmp_path / "empty", [])
    assert answers.entries.summary().entries == 0


def test_answers_cut_short_are_a_miss(answers, cache, tmp_path):
    key = answers.key(**QUESTION)
    answers.keep(key, cache, [])
    path = file_of(answers.entries, key)
    path.write_bytes(path.read_bytes()[:-20])
    assert not answers.restore(key, tmp_path / "restored")


def test_an_entry_without_answers_is_a_miss(answers, tmp_path):
    answers.entries.put(KEY, {"jit_stencils.h": HEADER}, {})
    assert not answers.restore(KEY, tmp_path / "restored")


def test_answers_that_cannot_be_written_are_a_miss(answers, cache, tmp_path):
    key = answers.key(**QUESTION)
    answers.keep(key, cache, [])
    assert not answers.restore(key, tmp_path / "no such folder" / "config.cache")


@pytest.fixture
def include(tmp_path):
    folder = tmp_path / "include"
    (folder / "openssl").mkdir(parents=True)
    (folder / "openssl" / "ssl.h").write_text("one")
    return folder


def test_the_headers_digest_sees_packages_come_change_and_go(include):
    digests = [headers_digest([include])]
    assert headers_digest([include, include]) == digests[0], "each folder once"

    def upgrade():
        """As dpkg and others replace a file: a new one is renamed over it."""
        (include / "new").write_text("two")
        (include / "new").rename(include / "openssl" / "ssl.h")

    steps = [
        (include / "zlib.h").touch,
        (include / "openssl" / "new.h").touch,
        upgrade,
        (include / "lzma").mkdir,
        (include / "openssl" / "ssl.h").unlink,
    ]
    for number, step in enumerate(steps):
        step()
        for folder in (include, include / "openssl"):  # a clock may be coarser than these few steps
            os.utime(folder, ns=(0, folder.stat().st_mtime_ns + 1000 * (number + 1)))
        digests.append(headers_digest([include]))
    assert len(set(digests)) == len(steps) + 1


def test_a_header_that_comes_counts_though_its_folder_s_time_is_put_back(include):
    before, times = headers_digest([include]), include.stat()
    (include / "zlib.h").touch()
    os.utime(include, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert headers_digest([include]) != before


def test_folders_that_are_not_there_and_links_in_circles_are_harmless(include, tmp_path):
    missing = tmp_path / "not there"
    before = headers_digest([include, missing])
    assert before != headers_digest([include])
    (include / "circle").symlink_to(include)
    assert headers_digest([include, missing]) not in {before, ""}
    missing.mkdir()
    after = headers_digest([include, missing])
    assert after not in {before, headers_digest([include])}


SAID = """\
Using built-in specs.
 /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -E -quiet -v -
ignoring nonexistent directory "/usr/local/include/x86_64-linux-gnu"
#include "..." search starts here:
#include <...> search starts here:
 /usr/lib/gcc/x86_64-linux-gnu/12/include
 /usr/lib/gcc/x86_64-linux-gnu/12/../../include
 /usr/include
 /System/Library/Frameworks (framework directory)
End of search list.
 /not/one
# 0 "/dev/null"
"""


class FakeRunner:
    """Programs by their name: what each prints to stdout and stderr, or that it fails; others are not there."""

    def __init__(self, **programs):
        self.programs = programs
        self.asked = []

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.asked.append((tuple(argv), dict(env)))
        if argv[0] not in self.programs:
            raise FileNotFoundError(argv[0])
        out, err, code = self.programs[argv[0]]
        return Completed(argv=tuple(argv), returncode=code, stdout=out, stderr=err)


def test_the_folders_of_headers_and_of_pc_files_are_asked_of_the_tools():
    runner = FakeRunner(
        **{"cc": ("", SAID, 0), "pkg-config": ("/usr/lib/pkgconfig:/usr/share/pkgconfig\n", "", 0)}
    )
    environ = {
        "PATH": "/usr/bin",
        "PKG_CONFIG_PATH": os.pathsep.join(("/opt/pc", "/usr/lib/pkgconfig")),
    }
    assert search_folders(runner, environ) == [
        *map(
            Path,
            ("/usr/lib/gcc/x86_64-linux-gnu/12/include", "/usr/lib/gcc/include", "/usr/include"),
        ),
        *map(
            Path,
            ("/System/Library/Frameworks", "/opt/pc", "/usr/lib/pkgconfig", "/usr/share/pkgconfig"),
        ),
    ]
    assert all(env == environ for _, env in runner.asked)
    assert runner.asked[0][0] == ("cc", "-E", "-v", "-x", "c", os.devnull)


def test_the_compiler_that_is_named_is_the_one_that_is_asked():
    runner = FakeRunner(**{"gcc-13": ("", SAID, 0)})
    assert Path("/usr/include") in search_folders(runner, {"CC": "gcc-13 -m64"})
    assert runner.asked[0][0][:2] == ("gcc-13", "-m64")


@pytest.mark.parametrize("programs", [{}, {"cc": ("", SAID, 1)}])
def test_without_a_compiler_that_answers_there_are_no_folders(programs):
    assert search_folders(FakeRunner(**programs), {}) == []


def test_a_look_up_of_a_program_is_forgotten_and_a_test_of_the_compiler_is_not():
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
    script = "".join(asking(name, f"  {name}=yes") for name in (*forgotten, *lasting))
    kept = "".join(configure._lasting(text, script, []))
    assert [line.partition("=")[0] for line in kept.splitlines()] == lasting


def test_answers_without_their_script_are_not_kept(answers, cache):
    cache.with_name("configure").unlink()
    answers.keep(answers.key(**QUESTION), cache, [])
    assert answers.entries.summary().entries == 0


OWN = "ac_cv_wl_no_as_needed"


@pytest.mark.parametrize(
    "script",
    [
        asking(OWN, f"  {OWN}=yes"),
        asking(OWN, f"  if true; then {OWN}=yes; else {OWN}=no; fi"),
        # What a test sets for its own use, and puts back.
        asking(
            OWN,
            '  save_LDFLAGS="$LDFLAGS"',
            '  as_fn_append LDFLAGS " -Wl,--x"',
            f"  {OWN}=yes",
            '  LDFLAGS="$save_LDFLAGS"',
        ),
        # Looked at after its test, as often as one likes.
        asking(OWN, f"  {OWN}=yes") + f'if test "x${OWN}" = xyes; then NO_AS_NEEDED=-Wl; fi\n' * 2,
        # A test of older autoconfs.
        asking(OWN, f"  {OWN}=yes").replace(f"test ${{{OWN}+y}}", f"${{{OWN}+:}} false"),
        asking(OWN, f"  {OWN}=yes").replace(f"test ${{{OWN}+y}}", f'test "${{{OWN}+set}}" = set'),
    ],
)
def test_an_answer_whose_test_does_nothing_else_may_be_given(script):
    assert askable_again(script, [OWN]) == set()


@pytest.mark.parametrize(
    "script",
    [
        # As CPython 3.13's: a variable is set within.
        asking(OWN, '  NO_AS_NEEDED="-Wl,--no-as-needed"', f"  {OWN}=yes"),
        asking(OWN, f"  {OWN}=yes; NO_AS_NEEDED=yes"),
        asking(OWN, f"  if true; then NO_AS_NEEDED=yes; {OWN}=yes; fi"),
        asking(OWN, '  as_fn_append BASECFLAGS_OWN " -x"', f"  {OWN}=yes"),
        asking(OWN, '  printf "%s\\n" "#define X 1" >>confdefs.h', f"  {OWN}=yes"),
        # Another answer is set within.
        asking(OWN, "  ac_cv_kthread=no", f"  {OWN}=yes"),
        asking(
            OWN,
            '  ac_fn_c_check_header_compile "$LINENO" "db.h" "ac_cv_header_db_h"',
            f"  {OWN}=yes",
        ),
        # As ac_cv_gcc_asm_for_x64 in 3.13: it is looked at before its test, when it is always empty without a cache.
        f'if test "${OWN}" = yes; then machine=x64; fi\n' + asking(OWN, f"  {OWN}=yes"),
        # It becomes something else after its test, or is asked for twice.
        asking(OWN, f"  {OWN}=yes") + f"{OWN}=no\n",
        asking(OWN, f"  {OWN}=yes") + f"{{ {OWN}=; unset {OWN};}}\n" + asking(OWN, f"  {OWN}=no"),
        asking(OWN, f"  {OWN}=yes") + f"unset {OWN}\n",
        # Nobody can tell.
        f"{OWN}=yes\n",
        "",
    ],
)
def test_an_answer_that_would_change_what_the_script_does_is_asked_again(script):
    assert askable_again(script, [OWN]) == {OWN}


def test_autoconf_s_own_tests_need_not_be_seen():
    """Loops over names, and functions that are given the name to set."""
    names = [
        "ac_cv_header_stdio_h",
        "ac_cv_func_fork",
        "ac_cv_type_size_t",
        "ac_cv_wl_x",
        "py_cv_module_zlib",
    ]
    script = 'ac_fn_c_check_func "$LINENO" "fork" "ac_cv_func_fork"\nif test "x$ac_cv_func_fork" = xyes\nthen :\nfi\n'
    assert askable_again(script, names) == {"ac_cv_wl_x", "py_cv_module_zlib"}
    assert askable_again(f"echo $ac_cv_func_fork\n{script}", ["ac_cv_func_fork"]) == {
        "ac_cv_func_fork"
    }
    assert askable_again(f"{script}ac_cv_func_fork=no\n", ["ac_cv_func_fork"]) == {
        "ac_cv_func_fork"
    }


def test_the_person_s_variables_are_never_asked_again():
    assert (
        askable_again("echo $ac_cv_env_CC_value\n", ["ac_cv_env_CC_value", "ac_cv_env_CC_set"])
        == set()
    )
