"""Derive pins of prebuilt archives from the metadata that their builders publish. Pure.

python-build-standalone publishes a line of JSON for each release (v1/python-build-standalone.ndjson
in github.com/astral-sh/versions), and python.org publishes the feed of its install manager
(index-windows.json, whose pages are chained by `next`). Neither says a word about the JIT: that an
archive has it follows from its builder's `jit-since`, and is then probed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urljoin

import msgspec

from jitbuild.errors import RecipeError
from jitbuild.recipes.prebuilt import PrebuiltArchive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.recipes.prebuilt import Builder

_T = TypeVar("_T")
STANDALONE = "python-build-standalone"
PYTHON_ORG = "python.org"
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
_VERSION = re.compile(r"(?P<version>3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+(?P<build>\d{8})")
# Neither the embeddable zips nor those with tests or of free-threaded builds have such a name.
_WINDOWS_ZIP = re.compile(
    r"https://.*/python-(?P<version>3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)-(?P<arch>amd64|arm64)\.zip"
)
_WINDOWS_TARGETS = {"amd64": "x86_64-windows", "arm64": "aarch64-windows"}


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


class _Feed(msgspec.Struct):
    versions: list[_Package]
    next: str | None = None


class FeedPage(NamedTuple):
    """The archives on one page of python.org's feed, and the URL of the next page, or ""."""

    archives: tuple[PrebuiltArchive, ...]
    next: str


def standalone_archives(
    lines: Iterable[bytes | str], builder: Builder, *, stated_by: str
) -> tuple[PrebuiltArchive, ...]:
    """Return the archives with the JIT in the release metadata of python-build-standalone.

    `lines` are those of the NDJSON file. Of each version and target, only the newest build is
    returned. Artifacts without a sha256 are ignored: without a checksum, nothing is downloaded.
    Raises RecipeError if a line is not such metadata.
    """
    newest: dict[tuple[str, str], PrebuiltArchive] = {}
    for line in lines:
        if not line.strip():
            continue
        release = _decoded(line, _Release)
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


def windows_archives(page: bytes | str, builder: Builder, *, url: str) -> FeedPage:
    """Return the archives with the JIT on a page of python.org's feed for Windows.

    `url` is the URL of the page, to which that of the next page may be relative. Only the zips of
    the usual builds are returned, chosen by the names of their files; the probe decides whether
    they have the JIT and the GIL. Raises RecipeError if the page is not such a feed.
    """
    feed = _decoded(page, _Feed)
    archives: dict[tuple[str, str], PrebuiltArchive] = {}
    for package in feed.versions:
        match = _WINDOWS_ZIP.fullmatch(package.url)
        if match is None or not _SHA256.fullmatch(package.hash.sha256):
            continue
        version, target = match["version"], _WINDOWS_TARGETS[match["arch"]]
        if builder.has_jit(version, target, ""):
            archives[version, target] = PrebuiltArchive(
                builder=builder.name,
                version=version,
                target=target,
                url=package.url,
                sha256=package.hash.sha256,
                stated_by=(PYTHON_ORG,),
            )
    return FeedPage(tuple(archives.values()), urljoin(url, feed.next) if feed.next else "")


def _decoded(text: bytes | str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"The metadata of prebuilt archives cannot be read: {error}.",
            remedy="Their format may have changed. Please report this.",
        ) from error
