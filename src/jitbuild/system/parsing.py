"""Parse TOML and JSON that may contain anything.

Python's parsers raise RecursionError for a text that is nested too deeply, and ValueError for a
number with thousands of digits. Here, both are errors of the text.
"""

from __future__ import annotations

from typing import Any


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of the TOML file `text`. Raises ValueError if it is not TOML."""
    import tomllib

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
