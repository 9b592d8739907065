"""Home folders in paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitbuild.errors import UsageError
from jitbuild.system.paths import absolute_path, expanded_path, is_recordable


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert expanded_path("~/cpython") == Path("/home/me/cpython")


@pytest.mark.parametrize("text", ["~no-such-user/x", "~3.15.0-0", "~\0/x", "~\ud800", "./x", "x"])
def test_a_path_without_a_known_home_folder_is_kept(text):
    assert expanded_path(text) == Path(text)


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps the current folder of a process")
def test_a_path_in_a_deleted_current_folder_is_a_usage_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="which was deleted"):
        absolute_path("./cpython")
    assert absolute_path("/cpython") == Path("/cpython")


@pytest.mark.parametrize(
    ("path", "recordable"),
    [("/home/me", True), ("/home/Z\u00fcrich", True), ("/home/b\udcffd", False)],
)
def test_bytes_that_are_not_text_cannot_be_recorded(path, recordable):
    assert is_recordable(path) is recordable
