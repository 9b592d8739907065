"""A real CPython release's archive, fetched as the tool fetches it, once."""

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
from jitbuild.sources.obtain import obtain
from jitbuild.sources.origin import ArchiveOrigin

# The newest first; the last one is in a stable distribution, and stays when the others move on.
VERSIONS = ("3.13.15", "3.13.5")


def archive(cache: Path) -> Path:
    """The archive of the first of VERSIONS that can be had, from python.org or else the distribution, kept in `cache`.

    Fails the test, and does not skip it, when neither has any.
    """
    with FileLock(cache / "release.lock"):
        origin, failures = _origin(), []
        for version in VERSIONS:
            try:
                return fetched(version, cache, origin)
            except DownloadError as error:
                failures.append(str(error))
    pytest.fail("No CPython release can be had:\n" + "\n".join(failures), pytrace=False)


def fetched(version: str, cache: Path, origin: ArchiveOrigin) -> Path:
    """The verified archive of `version` in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    source = resolve_version(request.parse(version), load_catalog()).source
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        obtained = obtain(source, Path(scratch) / "source", origin=origin, cache=cache)
        assert (obtained.path / "configure").is_file()
    (found,) = (cache / "sources").rglob(f"Python-{version}.tar.xz")
    return found


def _origin() -> ArchiveOrigin:
    try:
        socket.create_connection(("www.python.org", 443), timeout=3).close()
    except OSError:
        return ArchiveOrigin(kind="distro")
    return ArchiveOrigin()
