"""Deleting folders of the store, whatever the modes in them."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

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


def nested(folder, levels):
    """Create so many folders inside each other below `folder`."""
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    try:
        for _ in range(levels):
            Path("d").mkdir()
            os.chdir("d")
        Path("file").touch()
        Path().chmod(0o500)
    finally:
        os.chdir(before)


@pytest.mark.skipif(not shutil.rmtree.avoids_symlink_attacks, reason="Windows has shorter paths")
def test_very_many_folders_inside_each_other_are_deleted(tmp_path):
    nested(tmp_path / "folder", 1100)
    delete(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_link_is_deleted_and_its_target_kept(tmp_path):
    target = tmp_path / "person"
    target.mkdir(mode=0o750)
    (target / "thesis.tex").touch(mode=0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    delete(link)
    assert not link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o750
    assert stat.S_IMODE((target / "thesis.tex").stat().st_mode) == 0o640


def test_nothing_is_deleted_through_a_link(tmp_path):
    (tmp_path / "person" / "folder").mkdir(parents=True)
    (tmp_path / "person" / "file").touch()
    (tmp_path / "scratch").symlink_to("person")
    delete(tmp_path / "scratch" / "folder")
    delete(tmp_path / "scratch" / "file")
    assert sorted(path.name for path in (tmp_path / "person").iterdir()) == ["file", "folder"]


@pytest.mark.skipif(not shutil.rmtree.avoids_symlink_attacks, reason="Windows cannot")
def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(tmp_path, monkeypatch):
    """The parent is replaced by a link after it was checked, and before it is opened."""
    (tmp_path / "scratch" / "folder").mkdir(parents=True)
    (tmp_path / "person" / "folder").mkdir(parents=True)
    opened = os.open

    def open_late(path, flags, *more, **options):
        if path == tmp_path / "scratch":
            path.rename(tmp_path / "moved")
            path.symlink_to("person")
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", open_late)
    delete(tmp_path / "scratch" / "folder")
    assert (tmp_path / "person" / "folder").exists()
