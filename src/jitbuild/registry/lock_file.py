"""`jitbuild.lock`: which artifact of a registry each request stands for, by its digest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from jitbuild.errors import SettingsError
from jitbuild.request import is_full_version, parse
from jitbuild.system.files import store_errors, write_atomically
from jitbuild.system.parsing import parse_toml
from jitbuild.system.small_file import is_accessible_file, read_small

if TYPE_CHECKING:
    from jitbuild.request import Request

FILE = "jitbuild.lock"
_VERSION = 1
_HEAD = "# Written by `jitbuild lock`: the interpreters of a registry that this project uses.\n"
_Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class LockedInterpreter(
    msgspec.Struct, frozen=True, kw_only=True, order=True, forbid_unknown_fields=True
):
    """The artifact, by its `digest`, of the interpreter with the plan key `key` for `target`."""

    request: str
    version: str
    target: str
    key: str
    digest: _Digest


class LockFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a lock file: the name of a repository, and interpreters in it."""

    version: int = _VERSION
    registry: str
    interpreter: tuple[LockedInterpreter, ...] = ()

    def digest_of(self, key: str) -> str | None:
        """Return the digest of the interpreter with the plan key `key`, or None."""
        return next((each.digest for each in self.interpreter if each.key == key), None)

    def pinned(self, request: Request, target: str) -> Request:
        """Return the request for the very release that `request` stands for on `target`.

        Without it, `3.15` would stand for another release as soon as there is a newer one. A
        request that is not in the file, or for which the file states no release that it names, is
        returned as it is.
        """
        for each in self.interpreter:
            if (each.request, each.target) == (request.text, target):
                fits = is_full_version(each.version) and request.admits(each.version)
                return parse(f"{each.version}{'t' * request.free_threaded}") if fits else request
        return request


def find_lock_file(cwd: Path | None = None) -> Path | None:
    """Return the lock file in `cwd` (default: the current folder) or the nearest folder above."""
    try:
        start = cwd or Path.cwd()
    except FileNotFoundError:  # the current folder was deleted
        return None
    candidates = (folder / FILE for folder in (start, *start.parents))
    return next(filter(is_accessible_file, candidates), None)


def read_lock_file(path: Path) -> LockFile:
    """Return the content of the lock file `path`. Raises SettingsError if it is not valid."""
    try:
        lock = msgspec.convert(parse_toml(read_small(path).decode()), LockFile)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise SettingsError(
            f"{path} cannot be read: {error}.",
            remedy="Restore it, or delete it and write it again: jitbuild lock SPEC",
        ) from error
    if lock.version != _VERSION:
        raise SettingsError(
            f"{path} has the format {lock.version}, and this jitbuild knows {_VERSION}.",
            remedy="Use the same version of jitbuild as the one that wrote it.",
        )
    return lock


def write_lock_file(path: Path, lock: LockFile) -> None:
    """Write `lock` to `path` in one step; equal content has equal bytes.

    Raises StoreError if it cannot be written.
    """
    import tomli_w

    ordered = msgspec.structs.replace(lock, interpreter=tuple(sorted(lock.interpreter)))
    with store_errors(path):
        write_atomically(path, _HEAD + tomli_w.dumps(msgspec.to_builtins(ordered)))
