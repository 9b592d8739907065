"""Text that the encoding of stdout lacks, and output that cannot be written."""

import io
import json

import pytest

from jitbuild.cli import streams
from jitbuild.cli.output import print_json


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("ascii", "Z\u00fcrich", "Z\u00fcrich".encode()),
        ("latin-1", "\u65e5", "\u65e5".encode()),
        ("latin-1", "Z\u00fcrich", b"Z\xfcrich"),
        ("utf-8", "b\udcffd", b"b\xffd"),
        ("ascii", "Z\udcc3\udcbcrich", "Z\u00fcrich".encode()),
        # Half of a surrogate pair is in no path.
        ("utf-8", "\ud800", b"\\ud800"),
    ],
)
def test_a_path_is_written_with_the_bytes_that_it_has_on_the_disk(encoding, text, written):
    out = stream(encoding)
    streams.accept_every_text([out])
    out.write(text)
    out.flush()
    assert out.buffer.getvalue() == written


def test_streams_that_are_no_files_are_left_alone():
    streams.accept_every_text([None, io.StringIO()])


@pytest.mark.parametrize(
    ("encoding", "value", "read"),
    [
        ("utf-8", "Z\u00fcrich", "Z\u00fcrich"),
        ("ascii", "Z\u00fcrich", "Z\u00fcrich"),
        ("ascii", "Z\udcc3\udcbcrich", "Z\u00fcrich"),
        ("utf-8", "b\udcffd", "b\udcffd"),
    ],
)
def test_json_can_be_read_whatever_the_encoding_is(monkeypatch, encoding, value, read):
    out = stream(encoding)
    monkeypatch.setattr("sys.stdout", out)
    print_json({"path": value})
    out.flush()
    assert json.loads(out.buffer.getvalue().decode(encoding)) == {"path": read}


def test_a_closed_stream_accepts_everything():
    assert streams.can_print("\u65e5", None)
    assert not streams.can_print("\u65e5", stream("ascii"))
