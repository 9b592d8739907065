"""How a file comes into being, whole or not at all, and what a disk says when it is full or cannot be written.

A file gets its own name only when it is whole and its hash is the expected one: until then it is `<name>.part`, and
whoever wants the same file waits for `<name>.lock`. The lock file stays: removing it would let two processes hold it.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from jitbuild.errors import DiskFullError, DownloadError, StoreError
from jitbuild.system import cancellation
from jitbuild.system.checksums import checksum_error, remove_if_different, sha256_of
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jitbuild.system.progress import Reporter, Stage

_CHUNK = 1 << 18
_SILENT = SilentReporter()
# Windows' ERROR_DISK_FULL is ENOSPC too (CPython, PC/errmap.h); EDQUOT is a person's quota, and Windows has no such name.
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextlib.contextmanager
def store_errors(where: Path) -> Iterator[None]:
    """Work on files under `where`: an OSError leaves the block as DiskFullError or, for anything else, StoreError."""
    try:
        yield
    except BrokenPipeError:  # of whoever read what we print: the disk has no part in it
        raise
    except OSError as error:
        raise as_store_error(error, where) from error


def as_store_error(error: OSError, where: Path) -> StoreError:
    """`error`, met while working under `where`, as the error to raise instead."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DiskFullError(
            f"No space is left for {where} ({reason}).",
            remedy="Free some space (`jitbuild prune` helps), or set JITBUILD_HOME to a larger disk.",
        )
    return StoreError(
        f"{error.filename or where} cannot be read or written ({reason}).",
        remedy="Give yourself write permission there, or set JITBUILD_HOME to a folder that you can write.",
    )


def copy_verified(
    source: Path,
    dest: Path,
    *,
    sha256: str | None,
    reporter: Reporter = _SILENT,
    title: str | None = None,
) -> Path:
    """Have a copy of the file `source` as `dest`, without being seen half-done.

    A `dest` that is there with the right hash is taken as it is; one with another hash is replaced. Raises DownloadError
    when the source cannot be read, IntegrityError when its hash is not `sha256` (None: not checked), DiskFullError and
    StoreError; none of them leaves anything behind.
    """

    def fetch(part: Path, stage: Stage) -> None:
        try:
            _copy(source, part, stage)
            got = remove_if_different(part, sha256)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if got is not None:
            raise checksum_error(str(source), sha256, got)

    return provide_file(dest, fetch, sha256=sha256, reporter=reporter, title=title)


def provide_file(
    dest: Path,
    fetch: Callable[[Path, Stage], None],
    *,
    sha256: str | None,
    reporter: Reporter,
    title: str | None,
) -> Path:
    """Unless `dest` is there, let `fetch` fill and verify its part, alone among all processes, and move that to `dest`.

    What `fetch` leaves of the part when it fails is for its next call, save when the disk is full: then it is removed.
    """
    part = dest.with_name(dest.name + ".part")
    with store_errors(dest.parent):
        if _is_there(dest, sha256):
            return dest
        dest.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(
            dest, lambda: reporter.note(f"Waiting for another process that fetches {dest.name}.")
        ):
            if _is_there(dest, sha256):
                return dest
            if dest.exists():
                reporter.warn(f"{dest} is not the file that it should be, and is fetched anew.")
            with (
                reporter.stage(title or f"Fetching {dest.name}") as stage,
                _giving_space_back(part),
            ):
                fetch(part, stage)
                _settle(part, dest)
    return dest


def _is_there(dest: Path, sha256: str | None) -> bool:
    return dest.is_file() and (sha256 is None or sha256_of(dest) == sha256.lower())


@contextlib.contextmanager
def exclusive_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of `path`, for as long as another process or thread has it waiting; `on_wait` is called once then.

    Raises Cancelled when the current task group is cancelled before it is free.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        while not lock.is_locked:
            cancellation.check_cancelled()
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0.5, poll_interval=0.1)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _giving_space_back(part: Path) -> Iterator[None]:
    try:
        with store_errors(part.parent):
            yield
    except DiskFullError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _settle(part: Path, dest: Path) -> None:
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    part.replace(dest)


def _copy(source: Path, part: Path, stage: Stage) -> None:
    total, done = _source_size(source), 0
    with part.open("wb") as file:
        for chunk in _chunks(source):
            file.write(chunk)
            done += len(chunk)
            stage.advance(done, total)


def _source_size(source: Path) -> int:
    """The size of `source`; DownloadError when it is no file, so that nobody waits for a pipe."""
    with _readable(source):
        if source.exists() and not source.is_file():
            raise DownloadError(f"{source} is not a file.", remedy="Name the file itself.")
        return source.stat().st_size


def _chunks(source: Path) -> Iterator[bytes]:
    with _readable(source):
        file = source.open("rb")
    with file:
        while True:
            with _readable(source):
                chunk = file.read(_CHUNK)
            if not chunk:
                return
            yield chunk


@contextlib.contextmanager
def _readable(source: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{source} cannot be read ({error.strerror}).",
            remedy="Check the path and its permissions, or name another place with --mirror.",
        ) from error
