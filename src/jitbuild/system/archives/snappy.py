"""Decompress the block format of Snappy, in which GitHub stores build attestations.

The format is described in format_description.txt of github.com/google/snappy. A package is not
needed for it: attestations have some kilobytes.
"""

from __future__ import annotations

_MOST_LENGTH_BYTES = 5


def decompress(data: bytes, *, most_bytes: int) -> bytes:
    """Return the content of the Snappy block `data`.

    Raises ValueError if `data` is damaged, or if its content has more than `most_bytes`.
    """
    length, place = _length(data)
    if length > most_bytes:
        raise ValueError(f"it has {length} bytes, and at most {most_bytes} are accepted")
    content = bytearray()
    while place < len(data) and len(content) <= length:
        kind, header = data[place] & 3, data[place] >> 2
        place += 1
        if kind == 0:
            place = _add_literal(content, data, place, header)
        else:
            place = _add_copy(content, data, place, (kind, header))
    if len(content) != length or place != len(data):
        raise ValueError("it is damaged or cut off")
    return bytes(content)


def _length(data: bytes) -> tuple[int, int]:
    """Return the length of the content, and the place where the first element begins.

    The length is a number in groups of seven bits, the lowest first; a set high bit means that
    another group follows.
    """
    length = 0
    for place, byte in enumerate(data[:_MOST_LENGTH_BYTES]):
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return length, place + 1
    raise ValueError("it has no length")


def _add_literal(content: bytearray, data: bytes, place: int, header: int) -> int:
    """Add the bytes at `place` to `content`, and return the place of the next element.

    `header` is their number less one or, from 60 on, tells that one to four bytes state it.
    """
    size = max(0, header - 59)
    count = 1 + (int.from_bytes(data[place : place + size], "little") if size else header)
    end = place + size + count
    content += data[place + size : end]
    return end


def _add_copy(content: bytearray, data: bytes, place: int, tag: tuple[int, int]) -> int:
    """Repeat bytes of `content` at its end, and return the place of the next element.

    `tag` is the kind of the copy (with an offset of 11, 16 or 32 bits), and the rest of its byte.
    """
    kind, header = tag
    size = {1: 1, 2: 2, 3: 4}[kind]
    offset = int.from_bytes(data[place : place + size], "little")
    count = header + 1
    if kind == 1:
        count, offset = 4 + (header & 7), offset | (header >> 3) << 8
    if not 0 < offset <= len(content):
        raise ValueError("it is damaged: it repeats bytes that it does not have")
    # The copy may begin to repeat itself, if it is longer than its distance from the end.
    start = len(content) - offset
    period = content[start : start + count]
    content += (period * (count // len(period) + 1))[:count]
    return place + size
