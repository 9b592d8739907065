"""Read TOML into frozen structs. Errors name the file, the key and the nearest known name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import msgspec.inspect

from jitbuild.errors import JitbuildError, RecipeError
from jitbuild.system.parsing import parse_toml
from jitbuild.system.small_file import read_small
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T", bound=msgspec.Struct)

# Parts of the messages of msgspec.ValidationError.
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<word>[^`]*)`")
_INVALID_CHOICE = re.compile(r"Invalid enum value '(?P<word>[^']*)'")
_PATH = re.compile(r" - at (?P<key>`key` in )?`(?P<path>[^`]*)`$")


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The base class of all structs read from TOML; keys are the fields' names with hyphens."""


def load(path: Path, kind: type[T], *, error: type[JitbuildError] = RecipeError) -> T:
    """Return the content of the TOML file `path` as an instance of `kind`.

    Raises `error` if the file cannot be read or does not fit `kind`.
    """
    try:
        data = parse_toml(read_small(path).decode())
    except OSError as cause:
        raise error(
            f"{path} cannot be read: {cause.strerror}.",
            remedy="Check the path and its permissions.",
        ) from cause
    except ValueError as cause:
        raise error(
            f"{path} is not TOML: {cause}.", remedy="Correct the file at that place."
        ) from cause
    return convert(data, kind, where=str(path), error=error)


def convert(data: Any, kind: type[T], *, where: str, error: type[JitbuildError] = RecipeError) -> T:
    """Return plain data, such as a parsed TOML file, as an instance of `kind`.

    If the data does not fit, raises `error` with a message that begins with `where`.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as cause:
        raise _translated(str(cause), kind, where, error) from cause


def _translated(
    text: str, kind: type[msgspec.Struct], where: str, error: type[JitbuildError]
) -> JitbuildError:
    """Return the error for `text`, a message of msgspec, with the nearest known key or value."""
    match = _PATH.search(text)
    path, of_key = (match["path"], bool(match["key"])) if match else ("$", False)
    place = f"{where}, at {path.removeprefix('$.')}" if path != "$" else where
    what = f"{place}{', a key' if of_key else ''}: {_PATH.sub('', text)}."
    type_ = _type_at(kind, path)
    if unknown := _UNKNOWN_FIELD.search(text):
        return error(what, remedy=_suggestion(unknown["word"], _keys(type_), "keys"))
    if invalid := _INVALID_CHOICE.search(text):
        choices = _choices(type_, of_key=of_key)
        return error(what, remedy=_suggestion(invalid["word"], choices, "values"))
    return error(what, remedy="Correct the value. docs/recipes.md describes the keys and types.")


def _suggestion(word: str, known: list[str], plural: str) -> str:
    return did_you_mean(word, known).strip() or f"The known {plural} are: {', '.join(known)}."


def _type_at(kind: type[msgspec.Struct], path: str) -> Any:
    """Return the type of the value at `path` in an instance of `kind`.

    `path` has the notation of msgspec: `$.tag[0]`, `$.env[...]`.
    """
    type_: Any = msgspec.inspect.type_info(kind)
    for key in re.findall(r"\.([^.\[]+)|\[", path):
        if isinstance(type_, msgspec.inspect.StructType) and key:
            type_ = next(field.type for field in type_.fields if field.encode_name == key)
        else:
            item = getattr(type_, "item_type", None) or getattr(type_, "value_type", None)
            type_ = item or type_
        type_ = _without_none(type_)
    return type_


def _without_none(type_: Any) -> Any:
    """Return the type `type_` without None, if it is an optional type."""
    if not isinstance(type_, msgspec.inspect.UnionType):
        return type_
    members = (member for member in type_.types if not isinstance(member, msgspec.inspect.NoneType))
    return next(members, type_)


def _keys(type_: Any) -> list[str]:
    if not isinstance(type_, msgspec.inspect.StructType):
        return []
    return [field.encode_name for field in type_.fields]


def _choices(type_: Any, *, of_key: bool) -> list[str]:
    if of_key and isinstance(type_, msgspec.inspect.DictType):
        type_ = type_.key_type
    return list(map(str, type_.values)) if isinstance(type_, msgspec.inspect.LiteralType) else []
