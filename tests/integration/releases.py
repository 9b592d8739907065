"""The archive of a real CPython release, fetched once, as jitbuild fetches it."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from jitbuild import request
from jitbuild.errors import DownloadError
from jitbuild.planning.planner import resolve_version
from jitbuild.recipes.catalog import load_catalog
from jitbuild.sources.obtain_tree import obtain
from jitbuild.sources.origin import ArchiveOrigin

# The newest first. The last one is in a stable distribution, which keeps it for years.
VERSIONS = ("3.13.15", "3.13.5")


def archive(cache: Path) -> Path:
    """Return the archive of the first available of VERSIONS, stored in `cache`.

    It comes from python.org, or from the distribution if that cannot be reached. Fails the test,
    and does not skip it, if none is available.
    """
    with FileLock(cache / "release.lock"):
        origin, failures = _origin(), []
        for version in VERSIONS:
            try:
                return fetched(version, cache, origin)
            except DownloadError as error:
                failures.append(str(error))
    pytest.fail("No CPython release is available:\n" + "\n".join(failures), pytrace=False)


def fetched(version: str, cache: Path, origin: ArchiveOrigin) -> Path:
    """Return the verified archive of `version` in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    source = resolve_version(request.parse(version), load_catalog()).source
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        tree = obtain(source, Path(scratch) / "source", origin=origin, cache=cache)
        assert (tree.path / "configure").is_file()
    (path,) = (cache / "sources").rglob(f"Python-{version}.tar.xz")
    return path


def _origin() -> ArchiveOrigin:
    try:
        socket.create_connection(("www.python.org", 443), timeout=20).close()
    except OSError:
        return ArchiveOrigin(kind="distro")
    return ArchiveOrigin()
