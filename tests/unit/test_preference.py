"""Versions of interpreters are ordered as packaging orders them."""

import itertools

from packaging.version import Version

from jitbuild.store.preference import version_order

RELEASES = ["3.9.20", "3.13.0", "3.13.15", "3.14.2", "3.14.10", "3.15.0", "3.15.1", "3.20.0"]
PHASES = ["a1", "a7", "a10", "b1", "b2", "b10", "rc1", "rc2", ""]


def test_versions_have_the_order_of_packaging():
    versions = [release + phase for release, phase in itertools.product(RELEASES, PHASES)]
    assert sorted(versions, key=version_order) == sorted(versions, key=Version)
