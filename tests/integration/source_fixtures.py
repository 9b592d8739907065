"""Fixtures of the tests of sources, and helpers; conftest.py imports the fixtures."""

from __future__ import annotations

import pytest

from jitbuild import request
from jitbuild.recipes.catalog import load_catalog
from jitbuild.sources.obtain_tree import obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.sources.resolve import describe

CATALOG = load_catalog()


@pytest.fixture
def described(tmp_path):
    """Return a function that describes a request."""

    def describe_request(text, **options):
        return describe(
            request.parse(str(text)), cache=tmp_path / "cache", catalog=CATALOG, **options
        )

    return describe_request


@pytest.fixture
def obtained(tmp_path):
    """Return a function that obtains a source into a new folder."""

    def obtain_into_new_folder(source, origin=None):
        dest = tmp_path / f"dest {len(list(tmp_path.glob('dest*')))}"
        return obtain(source, dest, origin=origin or ArchiveOrigin(), cache=tmp_path / "cache")

    return obtain_into_new_folder


def state(folder):
    """Return the paths, times and sizes of all files below `folder`."""
    return {
        (str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")
    }
