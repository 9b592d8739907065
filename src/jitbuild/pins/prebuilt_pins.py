"""Get new pins of prebuilt archives from the metadata of their builders, and write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import tomli_w

from jitbuild.errors import RecipeError
from jitbuild.recipe_folders import PREBUILT
from jitbuild.recipes.prebuilt_releases import (
    PYTHON_ORG,
    STANDALONE,
    standalone_archives,
    windows_archives,
)
from jitbuild.system import http_get
from jitbuild.system.files import make_folders, write_atomically
from jitbuild.system.parsing import parse_toml
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from jitbuild.recipes.prebuilt import PrebuiltArchive, PrebuiltRecipe

RELEASES = (
    "https://raw.githubusercontent.com/astral-sh/versions/main/v1/python-build-standalone.ndjson"
)
FEED = "https://www.python.org/ftp/python/index-windows.json"
# In March 2026, the list of all releases of python-build-standalone had 12 MB.
_MOST_BYTES = 100_000_000
_MOST_PAGES = 20


def fetch(url: str) -> bytes:
    """Return the document at `url`. Raises the errors of `http_get.get_document`."""
    return http_get.fetch(Address(url), most_bytes=_MOST_BYTES)


def new_archives(
    known: PrebuiltRecipe, *, get: Callable[[str], bytes] = fetch
) -> list[PrebuiltArchive]:
    """Return the published archives with the JIT that differ from those in `known`.

    Without a checksum in the metadata, an archive is left out. An archive whose sha256 is known for
    another build, and a newer one than the published, is left out, too. Raises DownloadError if the
    metadata cannot be fetched, and RecipeError if they have another form.
    """
    builders = {builder.name: builder for builder in known.builder}
    pinned = {(each.version, each.target): each for each in known.archive}
    lines = get(RELEASES).splitlines()
    found = [
        *standalone_archives(lines, builders[STANDALONE], stated_by="astral-sh/versions"),
        *_windows(known, get),
    ]
    return [
        archive
        for archive in found
        if (old := pinned.get((archive.version, archive.target))) is None
        or (old.sha256 != archive.sha256 and old.build <= archive.build)
    ]


def _windows(known: PrebuiltRecipe, get: Callable[[str], bytes]) -> list[PrebuiltArchive]:
    builder = next(each for each in known.builder if each.name == PYTHON_ORG)
    archives: list[PrebuiltArchive] = []
    url = FEED
    for _ in range(_MOST_PAGES):
        page = windows_archives(get(url), builder, url=url)
        archives += page.archives
        url = page.next
        if not url.startswith("https://www.python.org/"):
            break
    return archives


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
