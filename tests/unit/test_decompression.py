"""Tests of reading the content of archives ahead, in a thread."""

import gzip
import io
import threading

import pytest

from jitbuild.system.archives.decompression import decompressed, read_ahead

CONTENT = bytes(range(256)) * 20_000  # more than is read ahead


def test_the_content_is_read_as_it_is_and_seeking_forward_skips_some():
    with read_ahead(io.BytesIO(CONTENT)) as file:
        assert file.read(1000) == CONTENT[:1000]
        file.seek(3_000_000)
        assert file.tell() == 3_000_000
        assert file.read() == CONTENT[3_000_000:]
        assert file.read() == b""
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)


def test_the_thread_ends_when_only_the_beginning_is_read():
    threads = threading.active_count()
    with read_ahead(io.BytesIO(CONTENT)) as file:
        file.read(1)
    assert threading.active_count() == threads


def test_an_error_of_the_thread_is_raised_where_the_content_is_read():
    damaged = bytearray(gzip.compress(CONTENT))
    damaged[-8] ^= 1  # the checksum
    file = decompressed(io.BytesIO(damaged))
    with read_ahead(file) as ahead, pytest.raises(gzip.BadGzipFile, match="CRC"):
        ahead.read()


def test_plain_content_is_read_without_another_file():
    file = io.BytesIO(CONTENT)
    assert decompressed(file) is file
    assert file.read() == CONTENT
