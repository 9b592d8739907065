"""The folder of recipes that is used in addition to the shipped ones."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jitbuild import settings

if TYPE_CHECKING:
    from pathlib import Path

PREBUILT = "prebuilt.toml"


def recipes_folder(flag: object = None) -> Path | None:
    """Return the folder of recipes to use in addition to the shipped ones, or None.

    It is the setting `recipes` or, if that is not set, the user's own folder, if it has recipes.
    """
    stated = settings.folder("recipes", flag)
    if stated is not None:
        return stated
    own = own_folder()
    return own if own and has_recipes(own) else None


def has_recipes(folder: Path) -> bool:
    """Return True if `folder` contains files of recipes."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:  # usually, it does not exist
        return False
    return any(fnmatchcase(name, "cpython-*.toml") or name == PREBUILT for name in names)


def own_folder() -> Path | None:
    """Return the folder for the user's own recipes, which need not exist; None without a home."""
    file = settings.user_file()
    return file.with_name("recipes") if file else None
