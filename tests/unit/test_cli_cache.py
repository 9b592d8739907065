"""`jitbuild cache` and `jitbuild cache clear`."""

import contextlib
import json
from pathlib import Path

import pytest
from cli_fixtures import caches_in, fill, put

from jitbuild import api
from jitbuild.building.caches import inventory
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.errors import UsageError
from jitbuild.system.formatting import format_size
from jitbuild.system.process import Completed
from jitbuild.target import host

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def no_programs(monkeypatch):
    monkeypatch.setenv("PATH", "")


def test_an_unknown_action_is_refused(run):
    code, out, err = run("cache", "foo")
    assert (code, out) == (2, "")
    assert "argument ACTION: invalid choice: 'foo' (choose from clear)" in err


def test_the_sizes_and_hits_of_the_caches_are_shown(run, store, no_programs):
    fill(store, "llvm", "ccache")
    stencils = StencilStore.below(store.root).entries
    stencils.put("a" * 64, {"jit_stencils.h": b"x" * 5000}, {})
    for hit in (True, True, False):
        stencils.record_lookup(hit=hit)
    code, out, err = run("cache", "--json")
    assert code == 0
    assert "ccache" in err, "whose hits nobody can tell"
    rows = {row["name"]: row for row in json.loads(out)}
    assert list(rows) == list(inventory.NAMES)
    assert set(rows["llvm"]) == {"name", "path", "bytes", "entries", "hits", "misses"}
    assert rows["llvm"]["path"] == str(store.root / "llvm")
    assert (rows["llvm"]["bytes"], rows["llvm"]["hits"]) == (2000, None)
    assert rows["sources"]["bytes"] == 0
    assert rows["measurements"]["entries"] is None, "its folders are no cache entries"
    assert [rows["stencils"][each] for each in ("entries", "hits", "misses")] == [1, 2, 1]
    assert 5000 < rows["stencils"]["bytes"] < 6000
    assert [rows["configure"][each] for each in ("bytes", "entries", "hits", "misses")] == [
        0,
        0,
        0,
        0,
    ]
    assert rows["ccache"]["bytes"] == 2000
    lines = run("cache")[1].splitlines()
    assert lines[0].split() == ["size", "entries", "hits", "misses"]
    table = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert list(table) == [*inventory.NAMES, "total"]
    assert table["llvm"] == ["2.0", "kB"]
    assert table["stencils"][-3:] == ["1", "2", "1"]
    assert " ".join(table["total"]) == format_size(sum(row["bytes"] for row in rows.values()))


def test_a_store_that_does_not_exist_is_not_created(run, home):
    code, out, err = run("cache", "--json")
    assert (code, err) == (0, "")
    assert {row["bytes"] for row in json.loads(out)} == {0}
    assert run("cache", "clear", "-q") == (0, "", "")
    assert not Path(home).exists()


def find_ccache(store, runner, **options):
    pins = api.catalog().ccache.wheel
    return inventory.find_ccache(store, pins, host().target, runner=runner, **options)


def test_statistics_are_read_by_a_ccache_on_path_and_none_is_downloaded(
    store, no_programs, monkeypatch, tmp_path
):
    asked = []

    def runner(argv, **_):
        asked.append(argv)
        return Completed(
            argv=tuple(argv), returncode=0, stdout="ccache version 4.10.2\nFeatures: http-storage\n"
        )

    assert find_ccache(store, runner) is None
    fill(store, "ccache")
    assert find_ccache(store, runner) is None
    assert asked == []
    program = tmp_path / "tools" / "ccache"
    program.parent.mkdir()
    program.touch(mode=0o755)
    found = find_ccache(store, runner, environ={"PATH": str(program.parent)})
    assert found.program == program
    assert asked == [[str(program), "--version"]]


def test_only_the_named_caches_are_cleared(run, store):
    fill(store, *inventory.NAMES)
    code, out, err = run("cache", "clear", "stencils", "ccache", "stencils")
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        f"removed {store.root / name} (2.0 kB)" for name in ("stencils", "ccache")
    ]
    assert set(caches_in(store)) == {*inventory.NAMES} - {"stencils", "ccache"}
    for more in ((), ("-n",)):
        nothing = run("cache", "clear", "stencils", *more)
        assert nothing == (0, "", "There is nothing to remove.\n")
    assert list(store.scratches.iterdir()) == []


def test_without_names_every_cache_is_cleared_and_nothing_else(run, store):
    mine = put(store, "cpython-3.15.2")
    fill(store, *inventory.NAMES)
    assert len(run("cache", "clear", "--dry-run")[2].splitlines()) == len(inventory.NAMES)
    assert caches_in(store) == sorted(inventory.NAMES)
    assert run("cache", "clear")[0] == 0
    assert caches_in(store) == []
    assert store.installed() == [mine]


def test_caches_that_a_running_build_needs_are_kept_with_code_1(run, store):
    fill(store, "llvm", "stencils", "configure", "ccache")
    with store.scratch():
        code, _, err = run("cache", "clear")
        assert code == 1
        assert "These caches are kept: llvm." in err
        assert caches_in(store) == ["ccache", "llvm"]
        assert [path.name for path in (store.root / "ccache").rglob("*")] == ["0"], (
            "which a ccache at work may need"
        )
        assert run("cache", "clear", "stencils")[0] == 0, (
            "what was not there is no reason to complain"
        )
    assert run("cache", "clear")[0] == 0
    assert caches_in(store) == []


def test_json_before_clear_is_a_usage_error_and_nothing_is_cleared(run, store):
    store.cache("stencils").mkdir(parents=True)
    code, out, err = run("cache", "--json", "clear")
    assert (code, out) == (2, "")
    assert "no option --json" in err
    assert store.cache("stencils").is_dir()


def test_an_unknown_cache_is_a_usage_error_and_nothing_is_cleared(run, store):
    fill(store, "stencils", "llvm")
    code, _, err = run("cache", "clear", "llvm", "stencil")
    assert code == UsageError.exit_code
    assert "Did you mean stencils?" in err
    assert caches_in(store) == ["llvm", "stencils"]


def test_options_of_clear_may_precede_the_names(run, store):
    fill(store, "stencils")
    assert run("cache", "clear", "-n", "stencils")[0] == 0
    assert caches_in(store) == ["stencils"]


@pytest.mark.parametrize("building", [True, False])
@pytest.mark.parametrize("name", ["stencils", "ccache"])
def test_what_jitbuild_did_not_create_is_kept_in_a_cache(run, store, name, building):
    fill(store, name)
    thesis = store.cache(name) / "thesis.tex"
    thesis.write_text("mine")
    with store.scratch() if building else contextlib.nullcontext():
        code, _, err = run("cache", "clear", name)
    assert code == 0
    assert err.splitlines() == [
        f"{store.cache(name)} keeps what jitbuild did not create: thesis.tex",
        f"removed {store.cache(name)} (2.0 kB)",
    ]
    assert [path for path in store.cache(name).rglob("*") if path.is_file()] == [thesis]


def test_a_broken_link_is_removed(run, store):
    store.prepared()
    store.cache("sources").symlink_to("nowhere")
    assert run("cache", "clear")[::2] == (0, f"removed the link {store.cache('sources')}\n")
    assert not store.cache("sources").is_symlink()
