"""The origin of release archives, parsed from the value of --mirror."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from jitbuild.errors import DownloadError, UsageError
from jitbuild.system.paths import absolute_path, expanded_path
from jitbuild.system.suggestions import did_you_mean
from jitbuild.system.urls import Address, path_of_file_url


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveOrigin:
    """The origin of the archives of releases.

    `place` is the address of a mirror or the path of a folder (sources/mirror.py describes the
    layouts). It is empty if `kind` is `python.org` or `distro`.
    """

    kind: Literal["python.org", "mirror", "folder", "distro"] = "python.org"
    place: Address | str = ""

    @classmethod
    def parse(cls, value: Address | str | None) -> ArchiveOrigin:
        """Return the origin that the value of --mirror names; python.org for None or blanks.

        Raises UsageError if any other value is not `distro`, an existing folder, or an http, https
        or file URL.
        """
        text = Address(value or "").reveal().strip()
        if not text:
            return cls()
        if text.lower() == "distro":
            return cls(kind="distro")
        scheme, separator, _ = text.partition("://")
        if scheme.lower() in {"http", "https"} and separator and _host(text):
            return cls(kind="mirror", place=Address(text))
        if text.lower().startswith("file:"):
            return cls._from_file_url(text)
        path = expanded_path(text)
        if separator or not path.is_dir():
            raise _not_an_origin(text)
        return cls(kind="folder", place=str(absolute_path(text)))

    @classmethod
    def _from_file_url(cls, url: str) -> ArchiveOrigin:
        try:
            path = Path(path_of_file_url(url))
        except DownloadError as error:
            raise UsageError(error.what, remedy=error.remedy) from error
        if not path.is_dir():
            raise UsageError(f"{Address(url)} is not an existing folder.", remedy="Check the path.")
        return cls(kind="folder", place=str(path.absolute()))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _not_an_origin(text: str) -> UsageError:
    hint = did_you_mean(text.lower(), ["distro"], cutoff=0.7)
    return UsageError(
        f"{Address(text)} is neither a folder nor an http, https or file URL.",
        remedy=f"{hint}Give --mirror such a URL, an existing folder, or the word `distro`.",
    )
