"""The links and variables through which a build uses ccache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitbuild.building.caches import ccache_settings
from jitbuild.building.caches.ccache import Ccache
from jitbuild.errors import SettingsError

FEATURES = frozenset(
    ("file-storage", "http-storage", "redis+unix-storage", "redis-storage", "remote-storage")
)


def ccache(version="4.14.2", features=FEATURES) -> Ccache:
    return Ccache(program=Path("/opt/ccache"), version=version, origin="system", features=features)


def settings(tmp_path: Path, *, scratch="scratch", storage=None, **changes) -> dict[str, str]:
    return ccache_settings.environment(
        ccache(**changes), store=tmp_path, scratch=tmp_path / scratch, storage=storage
    )


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


# ---- the links


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
def test_compilers_have_the_usual_names_and_that_of_a_bare_cc(cc, stencils, more):
    names = ccache_settings.compiler_names(cc, stencils=stencils)
    assert names == ("cc", "gcc", "c++", "g++", *more)


needs_links = pytest.mark.skipif(os.name == "nt", reason="links, and programs without a suffix")


@needs_links
def test_only_a_name_with_a_compiler_behind_it_is_linked(tmp_path):
    """configure takes any g++ on PATH, and would record one that leads nowhere in sysconfig."""
    program(tmp_path / "usr" / "gcc")
    other = program(tmp_path / "opt" / "ccache")
    (tmp_path / "lib").mkdir()
    for name in ("gcc", "g++"):  # as in Debian's /usr/lib/ccache
        (tmp_path / "lib" / name).symlink_to(other)
    folder = tmp_path / "links"
    (folder / "x").mkdir(parents=True)
    (folder / "g++").symlink_to("gone")
    path = f"{tmp_path / 'lib'}{os.pathsep}{os.pathsep}{tmp_path / 'usr'}"
    names = ccache_settings.compiler_names(stencils=True)
    assert ccache_settings.link_compilers(ccache(), folder, names, path=path) == folder
    links = {link.name: str(link.readlink()) for link in folder.iterdir() if link.is_symlink()}
    assert links == {"gcc": "/opt/ccache"}


@needs_links
def test_a_compiler_called_by_its_path_is_not_linked(tmp_path):
    gcc = program(tmp_path / "usr" / "gcc")
    names = [str(gcc), "../usr/gcc", "gcc"]
    folder = ccache_settings.link_compilers(
        ccache(), tmp_path / "links", names, path=str(gcc.parent)
    )
    assert [link.name for link in folder.iterdir()] == ["gcc"]
    assert not gcc.is_symlink()


@needs_links
def test_compilers_are_looked_for_on_this_processs_path_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(program(tmp_path / "usr" / "gcc").parent))
    folder = ccache_settings.link_compilers(ccache(), tmp_path / "links", ["gcc", "cc"])
    assert [link.name for link in folder.iterdir()] == ["gcc"]


# ---- the variables


def test_two_scratch_folders_differ_in_their_own_paths_alone(tmp_path):
    first, second = (settings(tmp_path, scratch=name) for name in ("a", "b"))
    assert {name for name in first if first[name] != second[name]} == {
        "CCACHE_BASEDIR",
        "CCACHE_STATSLOG",
        "CCACHE_TEMPDIR",
    }
    assert first["CCACHE_STATSLOG"] == str(ccache_settings.stats_log(tmp_path / "a"))


def test_entries_of_another_scratch_folder_are_hit(tmp_path):
    """Neither the working folder nor absolute paths below scratch are part of the hash."""
    variables = settings(tmp_path, scratch="a")
    assert variables["CCACHE_NOHASHDIR"] == "1"
    assert variables["CCACHE_BASEDIR"] == str(tmp_path / "a")


def test_no_settings_of_the_users_are_read(tmp_path):
    variables = settings(tmp_path)
    assert variables["CCACHE_CONFIGPATH"] == os.devnull
    assert variables["CCACHE_DIR"] == str(tmp_path / "ccache")
    assert all(name.startswith("CCACHE_") for name in variables)


def test_no_setting_trades_correctness_for_speed(tmp_path):
    variables = settings(tmp_path)
    assert variables["CCACHE_COMPILERCHECK"] == "content"
    assert not variables.keys() & {
        "CCACHE_SLOPPINESS",
        "CCACHE_HARDLINK",
        "CCACHE_DEPEND",
        "CCACHE_IGNOREOPTIONS",
        "CCACHE_IGNOREHEADERS",
    }


@pytest.mark.parametrize(
    ("version", "kind"),
    [("4.14.2", "REMOTE"), ("4.8", "REMOTE"), ("4.7.5", "SECONDARY"), ("4.4", "SECONDARY")],
)
def test_a_remote_storage_is_set_by_the_variable_that_the_version_has(tmp_path, version, kind):
    storage = "redis://user:word@host:6379/1|read-only http://other/x read-only"
    variables = settings(tmp_path, version=version, storage=storage)
    assert {name: value for name, value in variables.items() if "STORAGE" in name} == {
        f"CCACHE_{kind}_STORAGE": storage
    }


@pytest.mark.parametrize(
    ("storage", "problem"),
    [
        ("https://host/x", "does not support https as"),
        ("redis://host s3://bucket", "does not support s3 as"),
        ("garbage", "does not begin with a URL"),
        ("read-only redis://host", "does not begin with a URL"),
        (" ", "does not begin with a URL"),
        ("/a/b", "does not begin with a URL"),
    ],
)
def test_a_storage_that_would_fail_every_call_is_refused(tmp_path, storage, problem):
    with pytest.raises(SettingsError, match=problem) as error:
        settings(tmp_path, storage=storage)
    assert "JITBUILD_CCACHE_STORAGE" in error.value.remedy
    assert "file, http, redis, redis+unix." in error.value.remedy


@pytest.mark.parametrize("storage", ["rediss://user:secret@host", "redis//user:secret@host"])
def test_the_refusal_of_a_storage_repeats_no_password(tmp_path, storage):
    with pytest.raises(SettingsError) as error:
        settings(tmp_path, storage=storage)
    assert "secret" not in str(error.value)


def test_a_ccache_that_lists_no_features_gets_any_storage(tmp_path):
    variables = settings(tmp_path, features=frozenset(), storage="redis://host")
    assert variables["CCACHE_REMOTE_STORAGE"] == "redis://host"
    with pytest.raises(SettingsError) as error:
        settings(tmp_path, features=frozenset(), storage="garbage")
    assert "file, http." in error.value.remedy
