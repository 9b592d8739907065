"""An interpreter has the same permissions, whatever umask it was built with."""

import os
import stat

import pytest

from jitbuild.store.permissions import equalize, permissions_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


@pytest.mark.parametrize(
    ("mode", "is_folder", "expected"),
    [
        (0o600, False, 0o644),  # umask 077
        (0o700, False, 0o755),
        (0o700, True, 0o755),
        (0o666, False, 0o644),  # umask 000
        (0o777, True, 0o755),
        (0o555, False, 0o755),  # a shared library, as make installs it
        (0o444, False, 0o644),
    ],
)
def test_permissions_are_those_of_umask_022(mode, is_folder, expected):
    assert permissions_of(mode, is_folder=is_folder) == expected


def modes(folder):
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def build(folder, umask):
    before = os.umask(umask)
    try:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python3").write_text("")
        (folder / "bin" / "python3").chmod(0o777 & ~umask)
        (folder / "lib" / "__pycache__").mkdir(parents=True)
        (folder / "lib" / "__pycache__" / "a.pyc").write_text("")
        (folder / "outside").symlink_to(folder.parent / "outside")
    finally:
        os.umask(before)
    return folder


def test_the_umask_makes_no_difference(tmp_path):
    (tmp_path / "outside").write_text("")
    (tmp_path / "outside").chmod(0o600)
    seen = []
    for umask in (0o077, 0o000, 0o022):
        prefix = build(tmp_path / f"{umask:03o}", umask)
        equalize(prefix)
        seen.append((stat.S_IMODE(prefix.stat().st_mode), modes(prefix)))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][1]["bin/python3"] == "0o755"
    assert stat.S_IMODE((tmp_path / "outside").stat().st_mode) == 0o600  # links are not followed
