"""The archive of a release, verified, in the cache: from there, the mirror that the person named, the distribution or python.org.

A mirror that is named is the only one asked; whatever the road, the pin decides, and after wrong bytes nothing else is tried.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, assert_never
from urllib.parse import quote, urlsplit, urlunsplit

from jitbuild.errors import DownloadError, MissingError, UsageError
from jitbuild.sources import distro
from jitbuild.system import download, files
from jitbuild.system.checksums import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jitbuild.planning.plan import Source
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

_ROADS = (
    "Other roads: a mirror (--mirror URL|FOLDER), on Debian and Ubuntu the distribution's own archive (--mirror distro), or the "
    "archive itself, fetched elsewhere: jitbuild install ./{name}"
)


class Fetch(Protocol):
    """Has a file from an address, verified: `jitbuild.download.download`."""

    def __call__(self, url: str, dest: Path, *, sha256: str | None, reporter: Reporter) -> Path: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Road:
    """Where releases come from. `place` is a mirror's URL or a folder's path, in python.org's layout or flat."""

    kind: Literal["python.org", "mirror", "folder", "distro"] = "python.org"
    place: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Road:
        """The road that --mirror names; python.org when it names none. Raises UsageError for what is no road."""
        text = (text or "").strip()
        if not text:
            return cls()
        if text.lower() == "distro":
            return cls(kind="distro")
        scheme, mark, _ = text.partition("://")
        if scheme.lower() in {"http", "https"} and mark and _host(text):
            return cls(kind="mirror", place=text)
        if text.lower().startswith("file:"):
            if not (path := _path(text)).is_dir():
                raise UsageError(
                    f"{download.redacted(text)} is no folder that is there.",
                    remedy="Check the path.",
                )
            return cls._folder(text, path)
        if mark:
            raise _no_road(text)
        return cls._folder(text, Path(text).expanduser())

    @classmethod
    def _folder(cls, text: str, path: Path) -> Road:
        if not path.is_dir():
            raise _no_road(text)
        return cls(kind="folder", place=str(path.absolute()))


@dataclass(frozen=True, slots=True)
class Release:
    """The archive of one release on its way into the cache, where it stands under its digest: a name alone may be another's."""

    source: Source
    cache: Path
    scratch: Path
    runner: Runner
    reporter: Reporter
    fetch: Fetch

    def provide(self, road: Road) -> tuple[Path, str]:
        """The verified archive in the cache, and the road that it came by."""
        with files.store_errors(self.cache):
            for name, pin in self.source.files:
                kept = self._kept(name, pin)
                if kept.is_file() and sha256_of(kept) == pin.lower():
                    return kept, "cache"
        match road.kind:
            case "distro":
                return self._from_distro()
            case "folder":
                return self._from_folder(Path(road.place))
            case "mirror":
                return self._from_urls(
                    [(_below(road.place, name), pin) for name, pin in self._layout()]
                )
            case "python.org":
                return self._from_python_org()
            case _:
                assert_never(road.kind)

    def _kept(self, name: str, pin: str) -> Path:
        return self.cache / pin[:16].lower() / name

    def _layout(self) -> Iterator[tuple[str, str]]:
        """Where a mirror may have the archives, below its base, with their pins: as python.org has them, and flat."""
        folder = self._home().rpartition("/")[2]
        for name, pin in self.source.files:
            yield f"{folder}/{name}", pin
            yield name, pin

    def _home(self) -> str:
        """The release's folder at python.org."""
        return self.source.location.rpartition("/")[0]

    def _from_urls(self, places: list[tuple[str, str]]) -> tuple[Path, str]:
        """The first of `places` that is there. Wrong bytes end it: that is not a MissingError."""
        for url, pin in places:
            name = urlsplit(url).path.rpartition("/")[2]
            try:
                return self.fetch(
                    url, self._kept(name, pin), sha256=pin, reporter=self.reporter
                ), download.redacted(url)
            except MissingError:
                continue
        raise self._missing([download.redacted(url) for url, _ in places])

    def _from_folder(self, base: Path) -> tuple[Path, str]:
        places = [(base / name, pin) for name, pin in self._layout()]
        for path, pin in places:
            if path.is_file():
                files.copy_verified(
                    path, self._kept(path.name, pin), sha256=pin, reporter=self.reporter
                )
                return self._kept(path.name, pin), str(path)
        raise self._missing([str(path) for path, _ in places])

    def _from_distro(self) -> tuple[Path, str]:
        own = self.scratch / "apt"
        try:
            path, pin = distro.fetch(self.source, own, runner=self.runner, reporter=self.reporter)
            name = next(name for name, known in self.source.files if known.lower() == pin)
            return files.copy_verified(
                path, self._kept(name, pin), sha256=pin, reporter=self.reporter
            ), "distro"
        finally:
            shutil.rmtree(own, ignore_errors=True)  # the lists alone are as large as a source tree

    def _from_python_org(self) -> tuple[Path, str]:
        try:
            return self._from_urls(
                [(f"{self._home()}/{name}", pin) for name, pin in self.source.files]
            )
        except DownloadError as error:
            first = (
                "the version"
                if isinstance(error, MissingError)
                else "the network and the proxy settings (HTTPS_PROXY)"
            )
            roads = _ROADS.format(name=self.source.files[0][0])
            raise type(error)(error.what, remedy=f"Check {first}. {roads}") from error

    def _missing(self, places: list[str]) -> MissingError:
        tried = "\n".join(f"  {place}" for place in places)
        return MissingError(
            f"{self.source.files[0][0]} is not there. It was looked for at:\n{tried}",
            remedy="Check the address and the version, or name another place with --mirror (without it, python.org is asked).",
        )


def _below(base: str, name: str) -> str:
    """The address of `name` under the mirror `base`, whose query (a signature, on some stores) is kept."""
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}", fragment=""))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _path(url: str) -> Path:
    try:
        return Path(download.path_of_file_url(url))
    except DownloadError as error:
        raise UsageError(error.what, remedy=error.remedy) from error


def _no_road(text: str) -> UsageError:
    near = (
        "Did you mean distro? " if get_close_matches(text.lower(), ["distro"], cutoff=0.7) else ""
    )
    return UsageError(
        f"{download.redacted(text)} is neither a folder nor an http, https or file URL.",
        remedy=f"{near}--mirror takes such a URL, a folder that is there, or the word distro.",
    )
