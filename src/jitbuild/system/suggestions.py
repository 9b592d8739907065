"""Suggestions for misspelt words in error messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `Did you mean WORD? ` with the known word that is most similar to `word`.

    The result ends in a space, so that a remedy can follow; it is "" if no word is similar enough.
    `cutoff` is the minimum similarity, from 0 to 1, as in difflib.get_close_matches.
    """
    from difflib import get_close_matches  # imported here, so that it does not slow every start

    matches = get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"Did you mean {matches[0]}? " if matches else ""
