"""The folders of a user's data and settings, without reading this machine's."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitbuild.system.user_folders import data_folder, settings_folder


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("environ", [{}, {"XDG_DATA_HOME": ""}, {"XDG_DATA_HOME": "data"}])
def test_data_is_in_local_share_unless_xdg_states_an_absolute_path(environ, platform):
    folder = data_folder("jitbuild", environ=environ, platform=platform)
    assert folder == Path.home() / ".local" / "share" / "jitbuild"


def test_an_absolute_path_of_xdg_data_home_is_used(tmp_path):
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    assert data_folder("jitbuild", environ=environ, platform="linux") == tmp_path / "jitbuild"


def test_settings_are_in_the_folder_of_xdg_config_home(tmp_path):
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert settings_folder("jitbuild", environ=environ, platform="linux") == tmp_path / "jitbuild"
    assert settings_folder("jitbuild", environ={}, platform="linux") == Path.home().joinpath(
        ".config", "jitbuild"
    )


def test_other_systems_have_folders_of_their_own():
    from platformdirs import user_config_path, user_data_path

    data = data_folder("jitbuild", platform="win32")
    assert data == user_data_path("jitbuild", appauthor=False)
    settings = settings_folder("jitbuild", platform="darwin")
    assert settings == user_config_path("jitbuild", appauthor=False)
