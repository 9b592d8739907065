"""Archives for tests."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path


def zipped(path: Path, entries: dict[str, bytes], *, modes: dict[str, int] | None = None) -> Path:
    """Write a zip; `modes` are the Unix modes of its members, a plain file's by default."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, (2024, 8, 5, 19, 3, 0))
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            file.writestr(info, content)
    return path
