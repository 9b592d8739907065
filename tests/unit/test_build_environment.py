"""The environment that build steps see."""

from __future__ import annotations

import os

import pytest

from jitbuild.building.build_environment import clean_environment


@pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")
def test_nothing_of_the_user_s_reaches_a_build():
    environ = {
        "PATH": "/home/me/.pyenv/shims:/home/me/.pyenv/plugins/pyenv-virtualenv/shims"
        ":/home/me/venv/bin:/usr/bin::/bin",
        "VIRTUAL_ENV": "/home/me/venv",
        "HOME": "/home/me",
        "CFLAGS": "-O0",
        "LDFLAGS": "-L/x",
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "PYENV_VERSION": "3.8",
        "MAKEFLAGS": "-j99",
        "CC": "tcc",
        "LANG": "de_DE.UTF-8",
    }
    assert clean_environment(environ) == {
        "HOME": "/home/me",
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }


@pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")
@pytest.mark.parametrize(
    "folder",
    [
        "/home/me/.asdf/shims",
        "/home/me/.local/share/mise/shims",
        "/home/me/.rbenv/versions/3/bin",
        "/home/me/.pyenv/bin/",
    ],
)
def test_folders_of_version_managers_are_not_on_path(folder):
    assert clean_environment({"PATH": f"{folder}:/bin"})["PATH"] == "/bin"


def test_windows_variables_are_passed_on_in_any_case():
    environ = {"SystemRoot": r"C:\Windows", "Path": "x"}
    assert clean_environment(environ)["SystemRoot"] == r"C:\Windows"
