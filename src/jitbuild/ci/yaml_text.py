"""Fill in the templates of CI files, with values quoted as YAML."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = Path(__file__).with_name("templates")
# Texts that every version of YAML reads as strings without quotes: between brackets, and elsewhere.
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z][\w./()-]*(?: [\w./()-]+)*", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z](?:[!-9;-~]|:(?=[!-~])| (?=[!-~])(?!#))*")
_KEYWORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class _Template(string.Template):
    """A template whose placeholders are written `%{name}`, because `${{` means more to GitHub."""

    delimiter = "%"


def fill(name: str, values: Mapping[str, str]) -> str:
    """Return the template `name` with each placeholder replaced by its value in `values`."""
    return _Template((_FOLDER / name).read_text(encoding="utf-8")).substitute(values)


def scalar(text: str, *, plain: re.Pattern[str] = _PLAIN) -> str:
    """Return `text` as a YAML string on one line, with quotes unless it matches `plain`.

    A quoted string is written as in JSON, which is valid YAML.
    """
    if plain.fullmatch(text) and text.lower() not in _KEYWORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    # YAML does not allow these characters, or ends the line at them.
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda match: f"\\u{ord(match[0]):04x}", quoted)


def flow_scalar(text: str) -> str:
    """Return `text` as a YAML string that may stand between brackets."""
    return scalar(text, plain=_PLAIN_IN_FLOW)


def flow_mapping(values: Mapping[str, str]) -> str:
    """Return `values` as a YAML mapping on one line."""
    return f"{{ {', '.join(f'{name}: {flow_scalar(text)}' for name, text in values.items())} }}"


def comment(text: str) -> str:
    """Return `text` on one line, so that it can stand in a comment."""
    return " ".join(text.splitlines())
