"""Typed reading of TOML: a file becomes a frozen struct, or one message with the file, the key and the closest known name."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import msgspec.inspect

from jitbuild.errors import JitbuildError, RecipeError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T", bound=msgspec.Struct)

# What msgspec's messages look like.
_UNKNOWN = re.compile(r"unknown field `(?P<word>[^`]*)`")
_NO_CHOICE = re.compile(r"Invalid enum value '(?P<word>[^']*)'")
_AT = re.compile(r" - at (?P<key>`key` in )?`(?P<at>[^`]*)`$")


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The base of everything read from TOML: frozen, keyword-only, unknown keys refused, names written with hyphens."""


def load(path: Path, kind: type[T], *, error: type[JitbuildError] = RecipeError) -> T:
    """Read `path` as a `kind`. Raises `error`, naming the file and the key, for whatever does not fit."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise error(
            f"{path} cannot be read: {cause.strerror}.",
            remedy="Check the path and its permissions.",
        ) from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise error(
            f"{path} is not TOML: {cause}.", remedy="Correct the file at that place."
        ) from cause
    return convert(data, kind, where=str(path), error=error)


def convert(data: Any, kind: type[T], *, where: str, error: type[JitbuildError] = RecipeError) -> T:
    """Turn plain data into a `kind`; `where` names it in messages."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as cause:
        raise _refused(str(cause), kind, where, error) from cause


def _refused(
    text: str, kind: type[msgspec.Struct], where: str, error: type[JitbuildError]
) -> JitbuildError:
    """The error for what msgspec says of a value: where it is, and which name or value may have been meant."""
    found = _AT.search(text)
    at, of_keys = (found["at"], bool(found["key"])) if found else ("$", False)
    place = f"{where}, at {at.removeprefix('$.')}" if at != "$" else where
    what = f"{place}{', a key' if of_keys else ''}: {_AT.sub('', text)}."
    here = _at(kind, at)
    if word := _UNKNOWN.search(text):
        return error(what, remedy=_meant(word["word"], _keys(here), "keys"))
    if word := _NO_CHOICE.search(text):
        return error(what, remedy=_meant(word["word"], _choices(here, of_keys=of_keys), "values"))
    return error(
        what,
        remedy="Correct the value; the recipes' keys and types are described in docs/recipes.md.",
    )


def _meant(word: str, known: list[str], what: str) -> str:
    near = get_close_matches(word, known, n=1)
    return (
        f"Did you mean `{near[0]}`?" if near else f"The {what} known there are: {', '.join(known)}."
    )


def _at(kind: type[msgspec.Struct], at: str) -> Any:
    """The type at `at`, a path as msgspec writes it (`$.tag[0]`, `$.env[...]`), in a document of type `kind`."""
    here: Any = msgspec.inspect.type_info(kind)
    for word in re.findall(r"\.([^.\[]+)|\[", at):
        if isinstance(here, msgspec.inspect.StructType) and word:
            here = next(field.type for field in here.fields if field.encode_name == word)
        else:
            here = getattr(here, "item_type", None) or getattr(here, "value_type", None) or here
        if isinstance(here, msgspec.inspect.UnionType):  # with None: what may be left out
            here = next(
                (each for each in here.types if not isinstance(each, msgspec.inspect.NoneType)),
                here,
            )
    return here


def _keys(here: Any) -> list[str]:
    return (
        [field.encode_name for field in here.fields]
        if isinstance(here, msgspec.inspect.StructType)
        else []
    )


def _choices(here: Any, *, of_keys: bool) -> list[str]:
    kind = here.key_type if of_keys and isinstance(here, msgspec.inspect.DictType) else here
    return list(map(str, kind.values)) if isinstance(kind, msgspec.inspect.LiteralType) else []
