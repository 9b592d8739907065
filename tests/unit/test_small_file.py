"""Files that should be small and regular, with something else in their place."""

from __future__ import annotations

import errno
import os

import pytest
from cli_fixtures import put

from jitbuild.errors import SettingsError, StoreError, UsageError
from jitbuild.store.layout import MARKER
from jitbuild.store.manifest import FILE
from jitbuild.system.small_file import MOST_BYTES, read_small

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX has pipes and devices as files")
NAME = "cpython-3.15.2-jit-fast-kkkkkkkk"


def make_pipe(path):
    os.mkfifo(path)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_huge(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


STRANGERS = [
    pytest.param(make_pipe, "not a regular file", marks=posix),
    pytest.param(make_device, "not a regular file", marks=posix),
    (make_huge, "larger than"),
]


def test_a_small_file_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"a\r\n")
    assert read_small(tmp_path / "file") == b"a\r\n"


@pytest.mark.parametrize(("make", "reason"), STRANGERS)
def test_anything_else_is_an_error_of_the_system(tmp_path, make, reason):
    make(tmp_path / "file")
    with pytest.raises(OSError, match=reason) as caught:
        read_small(tmp_path / "file")
    assert caught.value.errno in {errno.EINVAL, errno.EFBIG}


def test_the_limit_is_that_of_the_caller(tmp_path):
    (tmp_path / "file").write_bytes(bytes(3))
    assert len(read_small(tmp_path / "file", most=3)) == 3 < MOST_BYTES
    with pytest.raises(OSError, match="larger than 2 bytes"):
        read_small(tmp_path / "file", most=2)


@pytest.mark.parametrize(("make", "reason"), STRANGERS)
def test_a_manifest_that_never_ends_is_one_broken_entry(run, store, make, reason):
    file = put(store, NAME).path / FILE
    file.unlink()
    make(file)
    code, out, err = run("list")
    assert (code, out) == (0, "")
    assert f"{NAME} in the store is broken: its manifest cannot be read ({reason}" in err


@pytest.mark.parametrize(("make", "reason"), STRANGERS)
def test_a_marker_that_never_ends_is_an_error_of_the_store(run, store, make, reason):
    file = store.prepared() / MARKER
    file.unlink()
    make(file)
    code, _, err = run("list")
    assert (code, reason in err) == (StoreError.exit_code, True)


@pytest.mark.parametrize(("make", "reason"), STRANGERS)
def test_a_patch_that_never_ends_is_an_error_of_the_command_line(run, tmp_path, make, reason):
    make(tmp_path / "x.patch")
    code, _, err = run("plan", "3.15", "--patch", str(tmp_path / "x.patch"))
    assert (code, reason in err) == (UsageError.exit_code, True)


def test_settings_that_never_end_are_an_error_of_the_settings(run, tmp_path):
    make_huge(tmp_path / "pyproject.toml")
    code, _, err = run("config")
    assert (code, "larger than" in err) == (SettingsError.exit_code, True)
