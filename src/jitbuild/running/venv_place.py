"""The places of virtual environments in the store, and when an environment can be reused."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import UsageError
from jitbuild.system.files import store_errors
from jitbuild.system.small_file import read_small

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Sequence
    from pathlib import Path

    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

# The name of the file that is written into an environment once the environment is complete.
_MARKER = "jitbuild-environment.json"
# Environments are renewed, because a requirement without a version may have a newer release.
_MAX_AGE_SECONDS = 24 * 60 * 60
ARCHIVE_SUFFIXES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz")


class VenvPlace(NamedTuple):
    """The place of a virtual environment in the store.

    `record` is the content of the file that marks it as complete. `may_change` is True if the same
    requirements may install different files the next time.
    """

    folder: Path
    record: str
    may_change: bool

    @classmethod
    def of(
        cls, store: Store, instance: str, packages: Sequence[str], files: Sequence[Path]
    ) -> VenvPlace:
        """Return the place of the environment of the interpreter `instance` with `packages`.

        `files` are requirements files, whose contents are installed as well.

        Raises UsageError when one of them cannot be read.
        """
        texts = [_read(file) for file in files]
        contents = json.dumps([instance, list(packages), texts])
        digest = hashlib.sha256(contents.encode()).hexdigest()
        folder = store.cache("environments") / digest[:16]
        # An environment contains its own path, so it is not usable after its store was moved.
        # Only the digest is recorded, because a requirement may contain a password.
        record = json.dumps({"folder": os.path.realpath(folder), "contents": digest})
        return cls(folder, record, _may_change(packages, texts))

    @property
    def python(self) -> Path:
        return self.folder / ("bin/python" if os.name == "posix" else "Scripts/python.exe")

    def lock(
        self, store: Store, reporter: Reporter, *, shared: bool = False
    ) -> contextlib.AbstractContextManager[None]:
        """Return a context manager that holds the lock of the environment."""
        waiting = f"Waiting for {self.folder}: another process is using it."
        return store.lock(
            f"environment-{self.folder.name}", on_wait=lambda: reporter.note(waiting), shared=shared
        )

    def is_current(self, now: float) -> bool:
        """Return True if the environment is complete, and was created less than a day ago."""
        marker = self.folder / _MARKER
        try:
            recent = self.python.exists() and now - marker.stat().st_mtime < _MAX_AGE_SECONDS
            return recent and marker.read_text(encoding="utf-8") == self.record
        except (OSError, UnicodeDecodeError):
            return False

    def mark_complete(self) -> None:
        """Record that the environment is complete.

        Raises StoreError or DiskFullError when the record cannot be written.
        """
        with store_errors(self.folder):
            (self.folder / _MARKER).write_text(self.record, encoding="utf-8")


def _read(file: Path) -> str:
    try:
        return read_small(file).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"The requirements file {file} cannot be read: {reason}.", remedy="Check the path."
        ) from error


def _may_change(packages: Sequence[str], texts: Sequence[str]) -> bool:
    """Return whether any requirement is something other than the name of a package on an index.

    The same text of such a requirement (a folder, an archive, a URL, another requirements file) may
    install different files the next time.
    """
    lines = [
        *packages,
        *(line.split("#")[0].strip() for text in texts for line in text.splitlines()),
    ]
    return any(
        line.startswith(("-", "."))
        or "/" in line
        or "\\" in line
        or line.endswith(ARCHIVE_SUFFIXES)
        for line in lines
    )
