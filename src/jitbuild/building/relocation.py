"""Rewrite the files of an interpreter whose folder was copied, moved or mounted elsewhere.

CPython finds its library next to its program, so sys.prefix is right in any folder. But the
shebangs in bin/, the records of the build (sysconfig, Makefile, pkg-config) and files of installed
packages contain the path of the folder in which the interpreter was installed.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.store import manifest
from jitbuild.system.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

# The longest shebang that every Linux kernel accepts, with `#!` (BINPRM_BUF_SIZE before Linux 5.1).
_SHEBANG_LIMIT = 127
# The name of a file that `write_atomically` leaves if it is killed.
_PART = re.compile(r"\.[0-9a-f]{16}\.part")


def affected(prefix: Path, old: Path) -> list[Path]:
    """Return the files and links in `prefix` that contain the path `old`, sorted.

    Bytecode is ignored, because Python replaces the paths in it when loading it. Binary files are
    ignored as well: CPython's program uses the prefix that it contains only as a last resort.
    """
    return sorted(path for path, _ in _changes(prefix, old, prefix))


def relocate(prefix: Path, old: Path, final: Path | None = None) -> list[Path]:
    """Replace the path `old` by `final` in all files and links in `prefix`.

    `final` is the folder that `prefix` will have later; None if it is `prefix`. Return the files
    and links that changed, sorted. Each of them is replaced in one step. After an interruption,
    another call completes the work. Raises OSError if a file cannot be read or written.
    """
    changed = []
    for path, new in _changes(prefix, old, final or prefix):
        if isinstance(new, str):
            _replace_link(path, new)
        else:
            replace_file(path, new)
        changed.append(path)
    for part in _files(prefix):
        if _PART.fullmatch(part.name):
            Path(part.path).unlink(missing_ok=True)
    return sorted(changed)


def moved_text(text: bytes, old: bytes, new: bytes) -> bytes:
    """Return `text` with the path `old` replaced by `new`.

    Paths that already begin with `new` are not changed, even if `new` contains `old`, so a second
    call changes nothing. Longer names that begin with `old` are other paths, and are not changed
    either.
    """
    either = sorted((old, new), key=len, reverse=True)
    pattern = rb"(?:%s)(?![\w-])" % b"|".join(map(re.escape, either))
    return re.sub(pattern, lambda _: new, text)


def working_shebang(script: bytes, prefix: bytes) -> bytes:
    """Return `script` with a working shebang, if it runs a Python in the folder `prefix`.

    A kernel splits a shebang at spaces, and cuts it off if it is too long. In both cases, the
    returned script is run by /bin/sh instead. Its first lines start the Python when /bin/sh
    executes them, and are a string when Python reads them (the method of pip's distlib).
    """
    match = re.match(rb"#!(%s/[^ \t\r\n]+)(.*)\r?\n" % re.escape(prefix), script)
    if match is None:
        return script
    program, options = match.groups()
    if len(match[0].rstrip()) <= _SHEBANG_LIMIT and not re.search(rb"\s", program):
        return script
    quoted = os.fsencode(shlex.quote(os.fsdecode(program)))
    head = b"#!/bin/sh\n'''exec' %s%s \"$0\" \"$@\"\n' '''\n" % (quoted, options.rstrip())
    return head + script[match.end() :]


def _changes(prefix: Path, old: Path, final: Path) -> Iterator[tuple[Path, bytes | str]]:
    """Yield each file and link that contains `old`, with its new content or its new target."""
    old_bytes, new_bytes = os.fsencode(old), os.fsencode(final)
    own = os.path.join(prefix, manifest.FILE)  # noqa: PTH118
    for file in _files(prefix):
        if file.is_symlink():
            target = os.fsencode(os.readlink(file.path))  # noqa: PTH115
            new_target = moved_text(target, old_bytes, new_bytes)
            if new_target != target:
                yield Path(file.path), os.fsdecode(new_target)
            continue
        content = _content(file.path)
        if old_bytes not in content or b"\0" in content or file.path == own:
            continue
        new = working_shebang(moved_text(content, old_bytes, new_bytes), new_bytes)
        if new != content:
            yield Path(file.path), new


def _content(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - an interpreter has thousands of files
        return file.read()


def _files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Yield the regular files and links in `folder` and below, except for bytecode.

    os.scandir knows without a further call of the system which of them are links.
    """
    with os.scandir(folder) as entries:
        listed = list(entries)  # files in the folder may be replaced meanwhile
    for entry in listed:
        if entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield entry
        elif entry.is_dir(follow_symlinks=False) and entry.name != "__pycache__":
            yield from _files(entry.path)


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of the file `path`, and remove the bytecode of the old content.

    The permissions stay as they are. Raises OSError if the file cannot be written.
    """
    for bytecode in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        bytecode.unlink(missing_ok=True)
    status = path.stat()
    write_atomically(path, content, mode=status.st_mode & 0o7777)


def _replace_link(path: Path, target: str) -> None:
    part = path.with_name(f".{os.urandom(8).hex()}.part")
    part.symlink_to(target)
    part.replace(path)
