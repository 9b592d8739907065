"""Check that a manifest belongs to the folder in which it is.

A manifest can be damaged or edited, and its folder renamed or replaced.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from jitbuild.request import is_full_version

if TYPE_CHECKING:
    from jitbuild.store.manifest import Manifest

# The folders of interpreters are named `cpython-VERSION-VARIANT-KEY`. The version of a
# free-threaded interpreter has a `t` at its end.
_FOLDER = re.compile(r"cpython-(?P<version>[0-9][^-]*?)t?-.+")


def defect(manifest: Manifest, folder: str) -> str:
    """Return what contradicts that `manifest` is that of the folder named `folder`, or ""."""
    if not is_full_version(manifest.version):
        return f"{manifest.version!r} is not a version of CPython"
    if manifest.name != folder:
        return f"it is the manifest of {manifest.name}"
    named = _FOLDER.fullmatch(folder)
    if named and named["version"] != manifest.version:
        return f"it states the version {manifest.version}"
    if not _is_expected(manifest.executable, adopted=manifest.adopted):
        place = "no absolute path" if manifest.adopted else "outside its folder"
        return f"its executable {manifest.executable!r} is {place}"
    return ""


def _is_expected(executable: str, *, adopted: bool) -> bool:
    """Return True for an absolute path of an adopted program, or a path below the folder."""
    if "\0" in executable:
        return False
    if adopted:
        return os.path.isabs(executable)  # noqa: PTH117
    path = PurePath(executable)
    return bool(path.parts) and not path.anchor and ".." not in path.parts
