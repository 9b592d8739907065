"""A file on stdin is passed to every run; a pipe is not."""

from __future__ import annotations

import os

import pytest
from reporters import RecordingReporter

from jitbuild.diff.standard_input import copy_of_stdin


def test_a_file_is_copied_from_its_present_position(tmp_path):
    (tmp_path / "data").write_text("one\ntwo\n")
    with (tmp_path / "data").open() as stream:
        os.lseek(stream.fileno(), 4, os.SEEK_SET)
        copy = copy_of_stdin(tmp_path, RecordingReporter(), stream)
        assert os.lseek(stream.fileno(), 0, os.SEEK_CUR) == 4
    assert copy.read_text() == "two\n"


@pytest.mark.skipif(os.name != "posix", reason="FIONREAD")
@pytest.mark.parametrize("data", [b"", b"data"])
def test_a_pipe_is_not_read_and_a_warning_names_lost_data(tmp_path, data):
    reader, writer = os.pipe()
    os.write(writer, data)
    reporter = RecordingReporter()
    with os.fdopen(reader) as stream, os.fdopen(writer, "wb"):
        assert copy_of_stdin(tmp_path, reporter, stream) is None
    assert len(reporter.warnings) == len(data[:1])


def test_a_closed_stdin_is_empty(tmp_path):
    with (tmp_path / "data").open("w") as stream:
        pass
    assert copy_of_stdin(tmp_path, RecordingReporter(), stream) is None
