"""Parse TOML and JSON that may contain anything.

Python's parsers raise RecursionError for a text that is nested too deeply, and ValueError for a
number with thousands of digits. Here, both are errors of the text. tomllib needs quadratic time for
keys of very many parts, so such a key is an error, too.
"""

from __future__ import annotations

import re
from typing import Any

_MOST_PARTS = 100
_MANY_DOTS = 1000  # with fewer, no key takes long


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of the TOML file `text`. Raises ValueError if it is not TOML."""
    import tomllib

    if text.count(".") > _MANY_DOTS and _has_long_key(text):
        raise ValueError(f"It has a key of more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("It is nested too deeply") from error


def parse_json(text: str | bytes) -> Any:
    """Return the value of `text`. Raises ValueError if it is not JSON."""
    import json

    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("It is nested too deeply") from error


def _has_long_key(text: str) -> bool:
    """Return True if there are more than 100 words in TOML's syntax of keys, with dots between."""
    part = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
    dotted = rf"(?<![\w.-]){part}(?:[ \t]*\.[ \t]*{part}){{{_MOST_PARTS}}}"
    return re.search(dotted, text) is not None
