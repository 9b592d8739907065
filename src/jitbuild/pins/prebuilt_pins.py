"""Get new pins of prebuilt archives from the metadata of their builders, and write them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import tomli_w

from jitbuild.errors import IntegrityError, RecipeError
from jitbuild.pins.prebuilt_releases import standalone_archives, windows_archives
from jitbuild.pins.verification import UNSIGNED, UnverifiableError
from jitbuild.pins.windows_pins import verified_zip
from jitbuild.recipe_folders import PREBUILT
from jitbuild.recipes.prebuilt import PYTHON_ORG_BUILDER, STANDALONE
from jitbuild.recipes.series import series_of
from jitbuild.system.files import make_folders, write_atomically
from jitbuild.system.http import documents
from jitbuild.system.parsing import parse_toml
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from jitbuild.pins.verification import SignatureCheck
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.prebuilt import PrebuiltArchive
    from jitbuild.recipes.series import ReleaseManager

RELEASES = (
    "https://raw.githubusercontent.com/astral-sh/versions/main/v1/python-build-standalone.ndjson"
)
FEED = "https://www.python.org/ftp/python/index-windows.json"
# In March 2026, the list of all releases of python-build-standalone had 12 MB.
_MOST_BYTES = 100_000_000
_MOST_PAGES = 20


class NewArchives(NamedTuple):
    """Archives to write, and a sentence about each archive whose pin cannot be verified."""

    archives: tuple[PrebuiltArchive, ...]
    unverified: tuple[str, ...]


def fetch(address: Address) -> bytes:
    """Return the document at `address`. Raises the errors of `documents.fetch`."""
    return documents.fetch(address, most_bytes=_MOST_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrebuiltPins:
    """The builders of prebuilt archives as sources of pins.

    `catalog` has the known pins. `get` returns the document at an address. `signature` verifies the
    signatures of release managers; if it is None, they are not verified.
    """

    catalog: Catalog
    get: Callable[[Address], bytes] = fetch
    signature: SignatureCheck | None = None

    def find(self) -> NewArchives:
        """Return the published archives with the JIT that the recipes do not have yet.

        These are new releases and newer builds, and archives whose signature can be verified now,
        but was not verified before. Raises IntegrityError if a known build has another sha256 now,
        the errors of `verified_zip` if a verification fails, and DownloadError if an answer cannot
        be fetched or used.
        """
        get = functools.cache(self.get)  # a manifest is that of several archives
        archives, unverified = [], []
        for archive in filter(self._is_news, self._published()):
            if archive.builder != PYTHON_ORG_BUILDER:
                archives.append(archive)
                continue
            manager = self._manager(archive)
            try:
                archives.append(verified_zip(archive, manager, get=get, check=self.signature))
            except UnverifiableError as error:
                unverified.append(
                    f"{archive.file_name} is not added, because it cannot be verified: {error}."
                )
        return NewArchives(tuple(archives), tuple(unverified))

    def _published(self) -> Iterator[PrebuiltArchive]:
        builders = {builder.name: builder for builder in self.catalog.prebuilt.builder}
        yield from standalone_archives(
            self.get(Address(RELEASES)).splitlines(),
            builders[STANDALONE],
            url=RELEASES,
            stated_by="astral-sh/versions",
        )
        url = FEED
        for _ in range(_MOST_PAGES):
            page = windows_archives(self.get(Address(url)), builders[PYTHON_ORG_BUILDER], url=url)
            yield from page.archives
            url = page.next
            if not url.startswith("https://www.python.org/"):
                break

    def _is_news(self, archive: PrebuiltArchive) -> bool:
        """Return True if `archive` is to be written. Raises IntegrityError if its sha256 changed.

        An archive that the recipes have from another builder was chosen by the user, and is kept.
        """
        known = self.catalog.prebuilt.find(archive.version, archive.target)
        if known is None or known.builder != archive.builder:
            return known is None
        if known.build != archive.build:
            return known.build < archive.build
        if known.sha256 != archive.sha256:
            raise IntegrityError(
                f"The sha256 of {archive.file_name} has changed. The recipes: {known.sha256}. "
                f"{archive.builder}: {archive.sha256}.",
                remedy="Nothing was written. If its builder announced the change, remove the old "
                "pin from your own prebuilt.toml.",
            )
        can_verify = self.signature is not None and self._manager(archive) is not None
        return UNSIGNED in known.verified and can_verify

    def _manager(self, archive: PrebuiltArchive) -> ReleaseManager | None:
        recipe = self.catalog.series.get(series_of(archive.version))
        return recipe.release_manager if recipe else None


def write_archives(archives: Iterable[PrebuiltArchive], folder: Path) -> Path:
    """Add `archives` to prebuilt.toml in `folder`, and return the file.

    They replace entries of the same version and target; all other entries are kept. Raises
    RecipeError if the file is invalid or cannot be written.
    """
    path = folder / PREBUILT
    try:
        content: dict[str, Any] = parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} cannot be read: {error}.", remedy="Correct the file.") from error
    entries = {(each["version"], each["target"]): each for each in content.get("archive", [])}
    for archive in archives:
        plain: dict[str, Any] = msgspec.to_builtins(archive)
        entry = {key: value for key, value in plain.items() if value}
        entries[archive.version, archive.target] = entry
    content["archive"] = list(entries.values())
    try:
        make_folders(folder)
        write_atomically(path, tomli_w.dumps(content))
    except OSError as error:
        raise RecipeError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check its permissions."
        ) from error
    return path
