"""Derive pins of prebuilt archives from the metadata that their builders publish. Pure.

python-build-standalone publishes a line of JSON for each release (v1/python-build-standalone.ndjson
in github.com/astral-sh/versions), and python.org publishes the feed of its install manager for
Windows. Neither says a word about the JIT: that an archive has it follows from its builder's
`jit-since`, and is then probed.

The feed is `index-windows.json`. Its form is the schema in src/manage/indexutils.py of
github.com/python/pymanager, which was compared with the copies of the feed in tests/data there
(April 2026): `{"versions": [ENTRY, ...], "next": "index-windows-recent.json"}`. The URL `next` is
relative to the page, and the last page has none. An entry has `"schema": 1`, an `id` such as
`pythoncore-3.15-64`, a `sort-version` such as `3.15.0b2`, a `url`, which may be relative to the
page, and, if its file is on python.org, `"hash": {"sha256": "..."}`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from packaging.version import Version

from jitbuild.pins.release_api import parse_answer
from jitbuild.recipes.prebuilt import PrebuiltArchive
from jitbuild.system.urls import Address, resolved_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.recipes.prebuilt import Builder

# The smallest archives with an optimized build: without debug symbols, static library and objects.
_FLAVOUR = "install_only_stripped"
_TARGETS = {
    "x86_64-unknown-linux-gnu": "x86_64-linux-gnu",
    "aarch64-unknown-linux-gnu": "aarch64-linux-gnu",
    "aarch64-apple-darwin": "aarch64-macos",
    "x86_64-apple-darwin": "x86_64-macos",
    "x86_64-pc-windows-msvc": "x86_64-windows",
    "aarch64-pc-windows-msvc": "aarch64-windows",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"(?a)(?P<version>3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+(?P<build>\d{8})")
# Neither the embeddable zips nor those with tests or of free-threaded builds have such a name.
_WINDOWS_ZIP = re.compile(
    r"(?a)https://www\.python\.org/.*/"
    r"python-(?P<version>3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)-(?P<arch>amd64|arm64)\.zip"
)
_WINDOWS_TARGETS = {"amd64": "x86_64-windows", "arm64": "aarch64-windows"}
# The first release after python.org began to sign the manifests, by which the pins are verified
# (github.com/python/release-tools, commits b63dc24c and 5b0b3903).
_FIRST_MANIFEST = Version("3.14.0b2")


class _Artifact(msgspec.Struct):
    platform: str
    variant: str
    url: str
    sha256: str | None = None


class _Release(msgspec.Struct):
    version: str
    artifacts: list[_Artifact]


class _Hash(msgspec.Struct):
    sha256: str = ""


class _Package(msgspec.Struct):
    id: str
    url: str
    hash: _Hash = msgspec.field(default_factory=_Hash)
    schema: Literal[1] = 1


class _Feed(msgspec.Struct):
    versions: list[_Package]
    next: str | None = None


class FeedPage(NamedTuple):
    """The archives on one page of python.org's feed, and the URL of the next page, or ""."""

    archives: tuple[PrebuiltArchive, ...]
    next: str


def standalone_archives(
    lines: Iterable[bytes], builder: Builder, *, url: str, stated_by: str
) -> tuple[PrebuiltArchive, ...]:
    """Return the archives with the JIT in the release metadata of python-build-standalone.

    `lines` are those of the NDJSON file at `url`. Of each version and target, only the newest build
    is returned. Artifacts without a sha256 are ignored: without a checksum, nothing is downloaded.
    Raises DownloadError if a line is not such metadata.
    """
    newest: dict[tuple[str, str], PrebuiltArchive] = {}
    for line in lines:
        if not line.strip():
            continue
        release = parse_answer(Address(url), line, _Release)
        match = _VERSION.fullmatch(release.version)
        for artifact in release.artifacts if match else ():
            target = _TARGETS.get(artifact.platform, "")
            version, build = (match["version"], match["build"]) if match else ("", "")
            if artifact.variant != _FLAVOUR or not builder.has_jit(version, target, build):
                continue
            if not _SHA256.fullmatch(artifact.sha256 or ""):
                continue
            known = newest.get((version, target))
            if known is None or known.build < build:
                newest[version, target] = PrebuiltArchive(
                    builder=builder.name,
                    version=version,
                    target=target,
                    url=artifact.url,
                    sha256=artifact.sha256 or "",
                    build=build,
                    stated_by=(stated_by,),
                )
    return tuple(newest.values())


def windows_archives(page: bytes, builder: Builder, *, url: str) -> FeedPage:
    """Return the archives with the JIT on a page of python.org's feed for Windows.

    `url` is the URL of the page. Only the zips of the usual builds are returned, chosen by the
    names of their files; the probe decides whether they have the JIT and the GIL. Releases before
    3.14.0b2 are left out: they have no signed manifest. Raises DownloadError if the page is not
    such a feed.
    """
    feed = parse_answer(Address(url), page, _Feed)
    archives: dict[tuple[str, str], PrebuiltArchive] = {}
    for package in feed.versions:
        location = resolved_url(url, package.url)
        match = _WINDOWS_ZIP.fullmatch(location)
        if match is None or not _SHA256.fullmatch(package.hash.sha256):
            continue
        version, target = match["version"], _WINDOWS_TARGETS[match["arch"]]
        if Version(version) >= _FIRST_MANIFEST and builder.has_jit(version, target, ""):
            archives[version, target] = PrebuiltArchive(
                builder=builder.name,
                version=version,
                target=target,
                url=location,
                sha256=package.hash.sha256,
                stated_by=(builder.name,),
            )
    return FeedPage(tuple(archives.values()), resolved_url(url, feed.next) if feed.next else "")
