"""Parse the sha256 of a file as users write it.

This module is imported by every command, so it does not import hashlib, as checksums.py does.
"""

from __future__ import annotations

import re

from jitbuild.errors import UsageError


def parse_sha256(text: str) -> str:
    """Return the sha256 `text` as 64 lower-case hexadecimal digits, without a prefix `sha256:`.

    Raises UsageError if `text` is not a sha256.
    """
    digest = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise UsageError(
            f"{text!r} is not a sha256.",
            remedy="A sha256 has 64 hexadecimal digits: sha256sum FILE prints it.",
        )
    return digest
