"""The values of placeholders in a plan's steps."""

from __future__ import annotations

import hashlib
from pathlib import Path, PureWindowsPath

import pytest
from cache_samples import CATALOG, LINUX

from jitbuild.building.placeholders import HOOKS, BuildSite, Placeholders
from jitbuild.errors import BuildError, PreflightError
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.request import Patch, Variant, parse
from jitbuild.system.process import Completed


@pytest.fixture
def make_placeholders(tmp_path):
    """Make the placeholders of a plan for 3.13.15; `runner` runs the machine's tools."""

    def make_placeholders(*, llvm=Path("/llvm"), runner=None, **variant):
        plan = make_plan(
            resolve_version(parse("3.13.15"), CATALOG), Variant(**variant), LINUX.target, CATALOG
        )
        site = BuildSite(
            source=tmp_path / "source",
            prefix=Path("/store/interpreters/x"),
            stage=tmp_path / "stage",
            scratch=tmp_path,
            log=tmp_path / "log",
            python=Path("/usr/bin/python3.12"),
            llvm=llvm,
        )
        return Placeholders(plan=plan, site=site, runner=runner)

    return make_placeholders


def value(placeholders, name):
    return placeholders.value(name, path="/ccache:/bin", jobs=3)


def test_every_place_of_a_build_has_a_value(make_placeholders, tmp_path):
    placeholders = make_placeholders()
    assert {
        name: value(placeholders, name)
        for name in ("source", "prefix", "stage", "scratch", "hooks", "python", "path", "jobs")
    } == {
        "source": str(tmp_path / "source"),
        "prefix": "/store/interpreters/x",
        "stage": str(tmp_path / "stage"),
        "scratch": str(tmp_path),
        "hooks": str(HOOKS),
        "python": "/usr/bin/python3.12",
        "path": "/ccache:/bin",
        "jobs": "3",
    }
    assert (HOOKS / "sitecustomize.py").is_file()


def test_the_llvm_is_a_root_its_bin_folder_and_a_major_version(make_placeholders):
    placeholders = make_placeholders()
    names = ("llvm", "llvm_root", "llvm_major")
    assert [value(placeholders, name) for name in names] == ["/llvm/bin", "/llvm", "18"]


@pytest.mark.parametrize("name", ["llvm", "llvm_root", "llvm_major", "unknown"])
def test_a_placeholder_without_a_value_is_an_error(make_placeholders, name):
    with pytest.raises(BuildError, match=f"needs {{{name}}}"):
        value(make_placeholders(llvm=None), name)


def test_a_patch_is_copied_as_it_was_when_the_key_was_made(make_placeholders, tmp_path):
    patch = tmp_path / "my fix.patch"
    patch.write_text("--- a\n")
    digest = hashlib.sha256(b"--- a\n").hexdigest()
    placeholders = make_placeholders(patches=(Patch(path=str(patch), sha256=digest),))
    copy = Path(value(placeholders, "patch:1"))
    assert (copy.parent, copy.read_text()) == (tmp_path, "--- a\n")
    patch.write_text("--- b\n")
    with pytest.raises(BuildError, match="changed since"):
        value(placeholders, "patch:1")
    patch.unlink()
    with pytest.raises(BuildError, match="cannot be read"):
        value(placeholders, "patch:1")


def test_homebrew_and_the_sdk_are_asked_for_their_folders(make_placeholders):
    def run(argv, **_):
        return Completed(argv=tuple(argv), returncode=0, stdout=f"/{' '.join(argv)}\n")

    placeholders = make_placeholders(runner=run)
    assert value(placeholders, "brew:openssl@3") == "/brew --prefix openssl@3"
    assert value(placeholders, "sdkroot") == "/xcrun --show-sdk-path"


def test_a_tool_that_fails_or_is_missing_is_a_preflight_error(make_placeholders):
    def fail(argv, **_):
        return Completed(argv=tuple(argv), returncode=1)

    def missing(argv, **_):
        raise FileNotFoundError(argv[0])

    for runner in (fail, missing):
        with pytest.raises(PreflightError, match="`brew --prefix xz` failed"):
            value(make_placeholders(runner=runner), "brew:xz")


def test_the_prefix_is_staged_below_destdir_on_posix_and_directly_on_windows(tmp_path):
    common = {"source": Path("s"), "scratch": Path("x"), "log": Path("l"), "python": Path("p")}
    posix = BuildSite(prefix=Path("/store/x"), stage=Path("/stage"), **common)
    assert posix.staged_prefix == Path("/stage/store/x")
    windows = BuildSite(
        prefix=PureWindowsPath(r"C:\store\x"), stage=PureWindowsPath(r"C:\stage"), **common
    )
    assert windows.staged_prefix == PureWindowsPath(r"C:\stage")
