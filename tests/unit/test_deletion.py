"""Deleting folders of the store, whatever the modes in them."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from jitbuild.store.deletion import delete


@pytest.fixture
def closed(tmp_path):
    """A folder whose inner folder permits nothing, with a link to a file elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's")
    elsewhere.chmod(0o400)
    folder = tmp_path / "folder"
    (folder / "closed").mkdir(parents=True)
    (folder / "closed" / "file").touch()
    (folder / "closed" / "link").symlink_to(elsewhere)
    return folder


def test_a_folder_is_deleted_with_everything_in_it(closed):
    delete(closed)
    assert not closed.exists()


def test_deleting_a_missing_folder_does_nothing(tmp_path):
    delete(tmp_path / "missing")


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_modes_that_prevent_deletion_are_changed_first(closed, tmp_path):
    """root may delete anything, so the first attempt is made to fail as it does for others."""
    modes = []

    def remove_tree(folder, *, ignore_errors):
        modes.append(stat.S_IMODE((closed / "closed").stat().st_mode))
        if len(modes) > 1:
            shutil.rmtree(folder)

    (closed / "closed").chmod(0o500)
    delete(closed, remove_tree=remove_tree)
    assert modes == [0o500, 0o700]
    assert not closed.exists()
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o400


def test_a_folder_that_cannot_be_deleted_is_left(closed):
    delete(closed, remove_tree=lambda *_, **__: None)
    assert closed.exists()
