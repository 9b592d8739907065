"""The folder of recipes that is used in addition to the shipped ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jitbuild import settings

if TYPE_CHECKING:
    from pathlib import Path


def recipes_folder(flag: object = None) -> Path | None:
    """Return the folder of recipes to use in addition to the shipped ones, or None.

    It is the setting `recipes` or, if that is not set, the user's own folder, if it has recipes.
    """
    stated = settings.folder("recipes", flag)
    if stated is not None:
        return stated
    own = own_folder()
    try:
        names = os.listdir(own) if own else []  # noqa: PTH208
    except OSError:  # usually, it does not exist
        return None
    is_used = any(name.startswith("cpython-") and name.endswith(".toml") for name in names)
    return own if is_used else None


def own_folder() -> Path | None:
    """Return the folder for the user's own recipes, which need not exist; None without a home."""
    file = settings.user_file()
    return file.with_name("recipes") if file else None
