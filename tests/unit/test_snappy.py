"""Blocks of Snappy, written by hand after its format description."""

from __future__ import annotations

import pytest

from jitbuild.system.archives.snappy import decompress

BLOCKS = {
    "empty": (b"\x00", b""),
    "literal": (b"\x03\x08abc", b"abc"),
    "literal with its length in a byte": (b"\x46\xf0\x45" + b"x" * 70, b"x" * 70),
    "literal with its length in two bytes": (b"\xac\x02\xf4\x2b\x01" + b"x" * 300, b"x" * 300),
    "near copy": (b"\x08\x0cabcd\x01\x04", b"abcdabcd"),
    "near copy, with an offset of more than a byte": (
        b"\xb0\x02\xf4\x2b\x01" + b"abcd" + b"-" * 296 + b"\x21\x2c",
        b"abcd" + b"-" * 296 + b"abcd",
    ),
    "copy that overlaps": (b"\x06\x04ab\x01\x02", b"ababab"),
    "copy with an offset of two bytes": (b"\x41\x00-\xfe\x01\x00", b"-" * 65),
    "copy with an offset of four bytes": (b"\x06\x08abc\x0b\x03\x00\x00\x00", b"abcabc"),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_decompressed(block: str):
    data, content = BLOCKS[block]
    assert decompress(data, most_bytes=1000) == content


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xff\xff\xff\xff\x01", id="a length of six bytes"),
        pytest.param(b"\x04\x08abc", id="less than stated"),
        pytest.param(b"\x02\x08abc", id="more than stated"),
        pytest.param(b"\x05\x08abc\x01", id="a copy that is cut off"),
        pytest.param(b"\x03\x08ab", id="a literal that is cut off"),
        pytest.param(b"\x07\x08abc\x01\x04", id="a copy from before the beginning"),
        pytest.param(b"\x07\x08abc\x01\x00", id="a copy from nowhere"),
    ],
)
def test_a_damaged_block_is_refused(data: bytes):
    with pytest.raises(ValueError, match="it "):
        decompress(data, most_bytes=1000)


def test_a_block_that_would_be_too_large_is_refused_before_it_is_decompressed():
    with pytest.raises(ValueError, match="1001 bytes, and at most 1000"):
        decompress(b"\xe9\x07\x00-" + b"\xfe\x01\x00" * 20, most_bytes=1000)
