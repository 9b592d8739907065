"""The clean environment in which build steps run.

The user's CFLAGS, PYTHONPATH and version managers must not affect a build, because the plan's key
does not contain them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Variables that locate things on this machine without changing the result of a build.
_PASSED_ON = (
    *("HOME", "USER", "LOGNAME", "TMPDIR", "DEVELOPER_DIR"),
    # build.bat downloads libraries and LLVM.
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("APPDATA", "COMSPEC", "LOCALAPPDATA", "NUMBER_OF_PROCESSORS", "PATHEXT"),
    *("PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "WINDIR"),
)
# The folders of version managers. Programs there hide the system's programs, and may be shims that
# do not work.
_SHIM_FOLDER = re.compile(
    r"[/\\](\.?pyenv|\.?asdf|mise|\.?rbenv|\.?nodenv)[/\\](.*[/\\])?(shims|bin)$"
)


def clean_environment(environ: Mapping[str, str], *, home: Path | None = None) -> dict[str, str]:
    """Return the environment for a build step, derived from `environ`.

    PATH contains neither version managers nor an active virtual environment, so that the build does
    not find their Pythons. LC_ALL makes messages English, so that known failures are recognised. If
    HOME is not set in `environ`, as for an arbitrary user in a container, it is set to `home`,
    because programs such as ccache do not run without HOME.
    """
    given = {} if environ.get("HOME") or home is None else {"HOME": str(home)}
    passed_on = {name: value for name, value in environ.items() if name.upper() in _PASSED_ON}
    return passed_on | given | {"PATH": _clean_path(environ), "LC_ALL": "C.UTF-8"}


def _clean_path(environ: Mapping[str, str]) -> str:
    environments = {
        os.path.join(environ[name], folder)  # noqa: PTH118
        for name in ("VIRTUAL_ENV", "CONDA_PREFIX")
        if name in environ
        for folder in ("bin", "Scripts")
    }
    folders = [
        folder
        for folder in environ.get("PATH", os.defpath).split(os.pathsep)
        if folder and folder not in environments and not _SHIM_FOLDER.search(folder.rstrip("/\\"))
    ]
    return os.pathsep.join(folders)
