"""Large files for the user, which get their names only when they are complete."""

from __future__ import annotations

import os

import pytest

from jitbuild.errors import UsageError
from jitbuild.system.output_file import output_file


def test_a_file_gets_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with output_file(path, overwrite=True) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.skipif(os.name != "posix", reason="POSIX has pipes and devices as files")
def test_a_pipe_and_a_link_to_a_device_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    for name in ("pipe", "device"):
        path = tmp_path / name
        with (
            pytest.raises(UsageError, match="not a regular file"),
            output_file(path, overwrite=True) as file,
        ):
            file.write(b"new")
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "device").is_symlink()
    assert len([*tmp_path.iterdir()]) == 2
