"""python.org's release API: the releases of CPython, and the files of each release.

The shapes are those of pythondotorg's serializers (downloads/serializers.py). The API answers about
100 anonymous requests a day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec

from jitbuild.errors import DownloadError
from jitbuild.recipes.series import archive_name
from jitbuild.system.parsing import parse_json
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable

API = Address("https://www.python.org/api/v2/downloads")
_T = TypeVar("_T")
# Names such as `Python 3.15.0rc2` and `Python install manager 25.0 (beta)`.
_NAME = re.compile(r"[A-Za-z0-9 .,()_+-]{1,200}")
_VERSION = re.compile(r"Python (3\.\d{1,3}\.\d{1,3}(?:(?:a|b|rc)\d{1,3})?)", re.ASCII)
_ID = re.compile(r".*/release/(\d{1,9})/", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_URL = re.compile(r"https?://[!-~]{1,1000}")


class _ListedRelease(msgspec.Struct, frozen=True):
    """An entry of the list of releases."""

    name: str
    is_published: bool
    resource_uri: str


class _ListedFile(msgspec.Struct, frozen=True):
    """An entry of the list of a release's files."""

    url: str
    is_source: bool
    sha256_sum: str = ""
    filesize: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0
    sigstore_bundle_file: str = ""
    sbom_spdx2_file: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatedArchive:
    """The .tar.xz of a release as the API states it: its sha256, and its size (0: unknown).

    `bundle` is the address of its Sigstore bundle, and `spdx` that of its SPDX document.
    """

    version: str
    name: str
    sha256: str
    size: int
    bundle: Address
    spdx: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseAPI:
    """The release API at `base`. `get` returns the content of an address."""

    get: Callable[..., bytes]
    base: Address = API

    @property
    def host(self) -> str:
        """The host that states the pins, as recipes record it: `python.org`."""
        return (urlsplit(self.base.reveal()).hostname or "").removeprefix("www.")

    def releases(self) -> dict[str, int]:
        """Return the id of each published release of Python 3, by version.

        Raises DownloadError if the list cannot be fetched, or is not a list of releases.
        """
        address = Address(f"{self.base.reveal()}/release/?is_published=true")
        found: dict[str, int] = {}
        for release in self._ask(address, list[_ListedRelease]):
            if not _NAME.fullmatch(release.name) or ".." in release.name:
                raise unusable(address, f"it names a release {release.name[:60]!r}")
            version = _VERSION.fullmatch(release.name)
            if version is None or not release.is_published:
                continue  # Python 2, for example, or the install manager of Windows
            number = _ID.fullmatch(release.resource_uri)
            if number is None or version[1] in found:
                fault = "no valid id" if number is None else "two entries"
                raise unusable(address, f"{release.name} has {fault}")
            found[version[1]] = int(number[1])
        return found

    def archive(self, version: str, release: int) -> StatedArchive | None:
        """Return the .tar.xz of the release `version`, whose id is `release`.

        Return None if the API lists no such file, or states no sha256 for it. Raises DownloadError
        if the list of files cannot be fetched or used.
        """
        address = Address(f"{self.base.reveal()}/release_file/?release={release}")
        name = archive_name(version)
        files = [
            file
            for file in self._ask(address, list[_ListedFile])
            if file.is_source and file.url.rpartition("/")[2] == name
        ]
        if not files or not files[0].sha256_sum:
            return None
        file, *others = files
        if others or not _SHA256.fullmatch(file.sha256_sum):
            fault = "two entries" if others else "no valid sha256"
            raise unusable(address, f"{name} has {fault}")
        return StatedArchive(
            version=version,
            name=name,
            sha256=file.sha256_sum,
            size=file.filesize,
            bundle=self._on_the_same_server(file.sigstore_bundle_file or f"{file.url}.sigstore"),
            spdx=self._on_the_same_server(file.sbom_spdx2_file or f"{file.url}.spdx.json"),
        )

    def _ask(self, address: Address, kind: type[_T]) -> _T:
        def parse(body: bytes) -> _T:
            return parse_answer(address, body, kind)

        return parse(self.get(address, check=parse))

    def _on_the_same_server(self, url: str) -> Address:
        """Return the address `url`. Raises DownloadError if it is not on the API's own server."""
        address = Address(url)
        if not _URL.fullmatch(url) or _server(address) != _server(self.base):
            raise DownloadError(
                f"{self.base} names a file on another server: {address}.",
                remedy="Nothing was written. Check the address of the API.",
            )
        return address


def _server(address: Address) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port of `address`, or None if it is not a URL."""
    try:
        parts = urlsplit(address.reveal())
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port


def parse_answer(address: Address, body: bytes, kind: type[_T]) -> _T:
    """Return the JSON text `body`, the answer of `address`, as a value of the type `kind`.

    Raises DownloadError if it is not JSON, or has another shape.
    """
    try:
        value = parse_json(body)
    except ValueError as error:
        raise unusable(address, f"it is not JSON ({error})") from error
    try:
        return msgspec.convert(value, kind)
    except (
        msgspec.ValidationError,
        UnicodeEncodeError,
    ) as error:  # the latter for a lone surrogate
        raise unusable(address, f"{error}") from error


def unusable(address: Address, reason: str) -> DownloadError:
    """Return the error for an answer that has another content than the API's documentation says."""
    return DownloadError(
        f"The answer of {address.public} cannot be used: {reason}.",
        remedy="Nothing was written. Run the command again later. If that does not help, report "
        "it: the API may have changed.",
    )
