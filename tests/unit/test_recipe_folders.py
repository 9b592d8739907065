"""The folder of recipes: the stated one, or the user's own."""

from __future__ import annotations

from jitbuild.recipe_folders import own_folder, recipes_folder


def test_the_users_own_recipes_are_used_if_there_are_any_and_no_folder_is_stated(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("JITBUILD_RECIPES", raising=False)
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "jitbuild" / "recipes"
    assert own_folder() == own
    assert recipes_folder() is None
    own.mkdir(parents=True)
    assert recipes_folder() is None, "nothing is read from an empty folder"
    (own / "cpython-3.15.toml").write_text('series = "3.15"')
    assert recipes_folder() == own
    (own / "cpython-3.15.toml").rename(own / "prebuilt.toml")
    assert recipes_folder() == own, "`jitbuild recipes update prebuilt` writes only this file"
    assert recipes_folder(tmp_path / "other") == tmp_path / "other"
    monkeypatch.setenv("JITBUILD_RECIPES", str(tmp_path / "third"))
    assert recipes_folder() == tmp_path / "third"
