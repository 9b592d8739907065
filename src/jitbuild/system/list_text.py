"""Split the lists that users write in options and environment variables, and join words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_AROUND_COMMAS = re.compile(r"\s*,\s*")
# A comma within a requirement's extras (package[a,b]) does not separate items.
_COMMA = re.compile(r",(?![^\[]*\])")
_OPERATOR = re.compile(r"[<>]|[=!~]=")
_AFTER_OPERATORS = re.compile(r"([<>]=?|[=!~]==?)\s+")
_BEFORE_OPERATORS = re.compile(r"\s+(?=[<>]|[=!~]=)")


def split_list(text: str, *, spaces: bool = True) -> list[str]:
    """Return the items of `text`, which are separated by commas.

    Spaces separate items, too, unless `spaces` is False. Spaces around commas and empty items are
    ignored. The clauses of a version specifier are one item, even if spaces separate them.

    >>> split_list("3.13, >= 3.14, <3.16 main")
    ['3.13', '>=3.14,<3.16', 'main']
    """
    text = _AROUND_COMMAS.sub(",", text.strip())
    items: list[str] = []
    if spaces:
        text = _BEFORE_OPERATORS.sub(",", _AFTER_OPERATORS.sub(r"\1", text))
    for word in text.split() if spaces else [text]:
        items += _items_of(word)
    return items


def joined(words: Sequence[str], conjunction: str = "and") -> str:
    """Return `words` as a text such as `a, b and c`."""
    return f" {conjunction} ".join([*filter(None, [", ".join(words[:-1])]), *words[-1:]])


def _items_of(word: str) -> list[str]:
    items: list[str] = []
    for part in filter(None, _COMMA.split(word)):
        if items and _OPERATOR.match(part) and _OPERATOR.search(items[-1]):
            items[-1] += f",{part}"
        else:
            items.append(part)
    return items
