"""Write verified pins into the series files of a recipe folder."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from jitbuild.errors import RecipeError
from jitbuild.pins import series_file
from jitbuild.recipes import toml
from jitbuild.recipes.series import SeriesRecipe, Tag
from jitbuild.system.files import make_folders, write_atomically
from jitbuild.system.parsing import parse_toml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from jitbuild.pins.pin_source import PinFinding
    from jitbuild.pins.series_file import Value


def write_pins(
    findings: Iterable[PinFinding], known: Mapping[str, Tag], folder: Path, host: str
) -> list[Path]:
    """Add the verified pins of `findings` to the series files in `folder`; return these files.

    `findings` are sorted by version. `known` are the tags of the recipes in use, and `host` is the
    publisher of the pins. The new content of every file is checked before the first file is
    written. Raises RecipeError if a file cannot be read, edited or written.
    """
    texts: dict[Path, str] = {}
    verified = [finding for finding in findings if finding.verified]
    for series, group in groupby(verified, key=lambda finding: finding.series):
        path, pins = folder / f"cpython-{series}.toml", list(group)
        old = text = _read(path, series)
        for pin in pins:
            text = series_file.with_tag(text, pin.version, _keys(pin, known.get(pin.version), host))
        _check_edit(path, old, text, [pin.version for pin in pins])
        texts[path] = text
    for path, text in texts.items():
        _write(path, text)
    return list(texts)


def _keys(pin: PinFinding, tag: Tag | None, host: str) -> dict[str, Value]:
    """Return the keys of the tag for `pin`, with all others of `tag`, which it replaces."""
    tag = tag or Tag(version=pin.version, tar_xz=pin.sha256)
    tag = replace(
        tag,
        size=pin.size or tag.size,
        stated_by=tag.stated_by if host in tag.stated_by else (*tag.stated_by, host),
        verified=pin.verified,
    )
    keys: dict[str, Value] = msgspec.to_builtins(tag)
    return {key: value for key, value in keys.items() if value and key != "version"}


def _read(path: Path, series: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return series_file.new_file(series)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} cannot be read: {error}.", remedy="Correct the file.") from error


def _check_edit(path: Path, old: str, new: str, changed: Collection[str]) -> None:
    """Raise RecipeError if the texts differ in anything but the tags `changed`."""
    if _rest(path, old, changed) != _rest(path, new, changed):
        raise RecipeError(
            f"{path} cannot be edited without changing other parts of it.",
            remedy="Write each tag as a table [[tag]] with one key per line.",
        )


def _rest(path: Path, text: str, changed: Collection[str]) -> SeriesRecipe:
    """Return the recipe `text` without the tags `changed`."""
    try:
        content = parse_toml(text)
    except ValueError as error:
        raise RecipeError(f"{path} is not TOML: {error}.", remedy="Correct the file.") from error
    recipe = toml.convert(content, SeriesRecipe, where=str(path))
    return replace(
        recipe,
        tag=tuple(tag for tag in recipe.tag if tag.version not in changed),
        unpinned=tuple(tag for tag in recipe.unpinned if tag.version not in changed),
    )


def _write(path: Path, text: str) -> None:
    try:
        make_folders(path.parent)
        write_atomically(path, text, sync=True)
    except OSError as error:
        raise RecipeError(
            f"{path} cannot be written: {error.strerror}.",
            remedy="Check the folder and its permissions, or name another one with --recipes DIR.",
        ) from error
