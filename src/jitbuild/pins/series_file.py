"""Edit the text of a series file (cpython-*.toml), and keep its comments.

A file is divided into blocks: the keys at the top, and one block for each table header with the
lines that follow it. Blank lines and comments above a header belong to its block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.version import Version

from jitbuild.system.parsing import parse_toml

_HEADER = re.compile(r"\[\[?[^\[\]]+\]\]?\s*(#.*)?")

Value = str | int | Sequence[str]


def with_tag(text: str, version: str, keys: Mapping[str, Value]) -> str:
    """Return `text` with `keys` in the `[[tag]]` of `version`, and without its `[[unpinned]]`.

    Keys that the tag already has are replaced, and other keys of the tag are kept. If the tag does
    not exist, it is added in the order of versions.
    """
    blocks = [
        _without_table(block) if _version_of(block, "unpinned") == version else block
        for block in _blocks(text)
    ]
    for index, block in enumerate(blocks):
        if _version_of(block, "tag") == version:
            blocks[index] = _with_keys(block, keys)
            return "".join(blocks)
    table = "\n".join(
        ["[[tag]]", _line("version", version), *(_line(*item) for item in keys.items())]
    )
    blocks.insert(_place(blocks, version), f"\n{table}\n")
    return "".join(blocks)


def new_file(series: str) -> str:
    """Return the text of a series file without tags."""
    return (
        "# Written by `jitbuild recipes update`, which adds tags and keeps everything else.\n\n"
        f"{_line('series', series)}\n"
    )


def _blocks(text: str) -> list[str]:
    """Return the blocks of `text`; joined, they are `text` again, ending with a newline."""
    blocks, pending = [""], ""
    for line in text.rstrip("\n").split("\n"):
        if _HEADER.fullmatch(line.strip()):
            blocks.append(f"{pending}{line}\n")
            pending = ""
        elif not line.strip() or line.lstrip().startswith("#"):
            pending += f"{line}\n"
        else:
            blocks[-1] += f"{pending}{line}\n"
            pending = ""
    blocks[-1] += pending
    return blocks


def _version_of(block: str, table: str) -> str:
    """Return the version of a block with a table `[[table]]`; "" for any other block."""
    try:
        content: Any = parse_toml(block)
    except ValueError:  # a part of a string that has several lines
        return ""
    tables = content.get(table)
    if not isinstance(tables, list) or not isinstance(tables[0], dict):
        return ""
    return str(tables[0].get("version", ""))


def _place(blocks: Sequence[str], version: str) -> int:
    """Return the index at which the tag `version` is inserted."""
    tags = [
        (index, name) for index, block in enumerate(blocks) if (name := _version_of(block, "tag"))
    ]
    older = [index for index, name in tags if Version(name) < Version(version)]
    if older:
        return older[-1] + 1
    return tags[0][0] if tags else len(blocks)


def _without_table(block: str) -> str:
    """Return the comments of `block` that a blank line separates from its header."""
    lead = re.split(r"^\[", block, maxsplit=1, flags=re.MULTILINE)[0]
    kept, blank, _ = lead.rpartition("\n\n")
    return kept + blank[:1] if kept.strip() else ""


def _with_keys(block: str, keys: Mapping[str, Value]) -> str:
    for key, value in keys.items():
        line = f"{_line(key, value)}\n"
        before, old, after = _split_at_key(block, key)
        block = f"{before}{line}{after}" if old else f"{block}{line}"
    return block


def _split_at_key(block: str, key: str) -> tuple[str, str, str]:
    """Return what precedes the line of `key`, the line itself ("" if there is none), the rest."""
    match = re.search(rf"^{re.escape(key)}\s*=.*\n", block, re.MULTILINE)
    if match is None:
        return block, "", ""
    return block[: match.start()], match[0], block[match.end() :]


def _line(key: str, value: Value) -> str:
    # JSON's strings, numbers and lists of strings are also TOML's.
    return f"{key} = {json.dumps(value)}"
