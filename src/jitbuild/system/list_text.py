"""Split the lists that users write in options and environment variables."""

from __future__ import annotations

import re

_AROUND_COMMAS = re.compile(r"\s*,\s*")
# Two kinds of commas do not separate items: commas before a comparison operator, which join the
# clauses of a version specifier (>=3.14,<3.16), and commas within a requirement's extras
# (package[a,b]).
_COMMA = r",(?![<>=!~])(?![^\[]*\])"
_COMMAS = re.compile(_COMMA)
_COMMAS_AND_SPACES = re.compile(rf"{_COMMA}|\s+")


def split_list(text: str, *, spaces: bool = True) -> list[str]:
    """Return the items of `text`, which are separated by commas.

    Spaces separate items, too, unless `spaces` is False. Spaces around commas and empty items are
    ignored.

    >>> split_list("3.13, >=3.14,<3.16 main")
    ['3.13', '>=3.14,<3.16', 'main']
    """
    pattern = _COMMAS_AND_SPACES if spaces else _COMMAS
    items = pattern.split(_AROUND_COMMAS.sub(",", text.strip()))
    return [item for item in items if item]
