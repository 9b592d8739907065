"""The folders in which programs keep a user's data and settings.

On Linux, they are the folders of the XDG Base Directory Specification. This module determines them
itself, because importing platformdirs takes a tenth of the time of `jitbuild which`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def data_folder(
    program: str, *, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Return the folder for the data of `program`, which need not exist.

    On POSIX, the folder is in ~/.local/share by default. macOS normally uses `Application Support`,
    but configure and make cannot build in a path that contains a space.
    """
    if platform != "win32":
        return _xdg_folder("XDG_DATA_HOME", ".local/share", environ) / program
    from platformdirs import user_data_path

    return user_data_path(program, appauthor=False)


def settings_folder(
    program: str, *, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """Return the folder for the settings of `program`, which need not exist."""
    if platform not in {"win32", "darwin"}:
        return _xdg_folder("XDG_CONFIG_HOME", ".config", environ) / program
    from platformdirs import user_config_path

    return user_config_path(program, appauthor=False)


def _xdg_folder(variable: str, default: str, environ: Mapping[str, str]) -> Path:
    """Return the folder that `variable` names, or else the folder `default` in the home folder.

    As the specification requires, a relative path in the variable is ignored.
    """
    stated = environ.get(variable, "")
    return Path(stated) if os.path.isabs(stated) else Path.home() / default  # noqa: PTH117
