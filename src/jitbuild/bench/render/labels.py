"""Estimate the width of labels, and shorten names that are too wide.

Widths are in ems and estimated for DejaVu Sans, which is wider than most fonts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.safe_text import hide_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDEST = 1.0  # the width of Chinese characters and most emoji
_ELLIPSIS = "…"


def shorten(name: str, ems: float) -> str:
    """Return a name as one line that is at most `ems` wide.

    The middle of a longer name is left out, because names tend to differ at their ends.
    """
    line = one_line(name)
    if width(line) <= ems:
        return line
    half = (ems - _WIDEST) / 2
    return f"{_prefix(line, half)}{_ELLIPSIS}{_prefix(reversed(line), half)[::-1]}"


def one_line(text: str) -> str:
    """Return a text on one line, without line breaks and repeated spaces.

    Characters that XML cannot contain (control characters and unpaired surrogates) are replaced,
    and secrets in URLs are hidden.
    """
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in " ".join(hide_secrets(text).split())
    )


def width(text: str) -> float:
    """Return an upper estimate of a text's width in ems."""
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if letter in "fijlrtI.,:;'|!()[]-/ ":
        return 0.42
    if letter.islower() or letter.isdecimal() or letter == "_":
        return _WIDEST if letter in "mw" else 0.65
    return _WIDEST if letter in "MW@%" or not letter.isascii() else 0.84


def _prefix(letters: Iterable[str], ems: float) -> str:
    prefix = ""
    for letter in letters:
        ems -= _letter_width(letter)
        if ems < 0:
            break
        prefix += letter
    return prefix
