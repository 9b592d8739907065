"""Home folders in paths as users write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitbuild.system.paths import expanded_path


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert expanded_path("~/cpython") == Path("/home/me/cpython")


@pytest.mark.parametrize("text", ["~no-such-user/x", "~3.15.0-0", "~\0/x", "~\ud800", "./x", "x"])
def test_a_path_without_a_known_home_folder_is_kept(text):
    assert expanded_path(text) == Path(text)
