"""Create files atomically, hold locks between processes, and translate the errors of a disk.

`provide_file` gives a file its final name only when it is complete and has the expected hash. Until
then, the file is named `<name>.part`, and other processes that want the same file wait for the lock
`<name>.lock`. The lock file is never removed: otherwise two processes could hold the lock at the
same time.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from jitbuild.errors import DiskFullError, DownloadError, StoreError
from jitbuild.system import cancellation
from jitbuild.system.checksums import checksum_error, remove_if_different, sha256_of
from jitbuild.system.http.transfer_limits import size_error
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jitbuild.system.progress import Reporter, Stage

_CHUNK_BYTES = 1 << 18
_SILENT = SilentReporter()
# Modes of new folders and files, before the umask is applied: other users cannot write to them.
_FOLDER_MODE, _FILE_MODE = 0o775, 0o664
# Windows' ERROR_DISK_FULL is ENOSPC too (CPython, PC/errmap.h). EDQUOT, a full quota, does not
# exist on Windows.
_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextlib.contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn an OSError in the block, which uses `path`, into DiskFullError or StoreError."""
    try:
        yield
    except BrokenPipeError:  # not an error of the disk: the reader of our output has ended
        raise
    except OSError as error:
        raise as_store_error(error, path) from error


def as_store_error(error: OSError, path: Path) -> StoreError:
    """Return the DiskFullError or StoreError for `error`, which occurred while using `path`."""
    reason = error.strerror or str(error)
    if error.errno in _DISK_FULL:
        return DiskFullError(
            f"No space is left for {path} ({reason}).",
            remedy="Free some space (`jitbuild prune` helps), or set JITBUILD_HOME to a folder on "
            "a larger disk.",
        )
    remedies = {
        errno.ENAMETOOLONG: "Set JITBUILD_HOME to a folder with a shorter path.",
        errno.ENOTDIR: "Set JITBUILD_HOME to a path that contains only folders.",
    }
    return StoreError(
        f"{error.filename or path} cannot be read or written ({reason}).",
        remedy=remedies.get(
            error.errno or 0,
            "Give yourself permission to read and write it, or set JITBUILD_HOME to a folder "
            "that you can write to.",
        ),
    )


def make_folders(folder: Path) -> None:
    """Create `folder` and its missing parents; other users cannot write to them, with any umask.

    Raises OSError if a folder cannot be created.
    """
    try:
        folder.mkdir(mode=_FOLDER_MODE)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_folders(folder.parent)
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    except FileExistsError:
        if not folder.is_dir():
            raise


def write_atomically(
    path: Path, data: bytes | str, *, mode: int | None = None, sync: bool = False
) -> None:
    """Replace the content of the file `path` by `data` in one step; text is written as UTF-8.

    Readers see either the old content or the new one, never a mixture. `mode` sets the file's
    permissions; without it, they are those of the umask, except that other users cannot write the
    file. With `sync`, the content is on the disk when the file gets its name. Raises OSError if the
    file cannot be written, and then leaves no temporary file. A process that is killed may leave a
    file named `.<random>.part` in the folder of `path`.
    """
    part = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        with open(part, "wb", opener=_open_for_owner) as file:
            file.write(data.encode() if isinstance(data, str) else data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE_MODE)


@contextlib.contextmanager
def exclusive_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `<path>.lock`, which only one thread of one process can hold at a time.

    If another thread or process holds the lock, call `on_wait` once, and then wait for the lock.
    Raises Cancelled if the current task group is cancelled during the wait.
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
def shared_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `<path>.lock` together with others that use `shared_lock` (POSIX).

    If another thread or process holds it by `exclusive_lock`, call `on_wait` once, and then wait. A
    program that replaces this process (exec) holds the lock until it ends.
    """
    import fcntl

    file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_SH)
        os.set_inheritable(file, True)
        yield
    finally:
        os.close(file)


def provide_file(
    dest: Path,
    fetch: Callable[[Path, Stage], None],
    *,
    sha256: str | None,
    reporter: Reporter,
    title: str | None,
) -> Path:
    """Return `dest`; fetch it first unless it exists and has the SHA-256 `sha256` (None: any).

    `fetch` is called with the path of a part file, which it must write and verify, and with a stage
    for its progress. The part file is then renamed to `dest`. Only one process at a time does this.
    If `fetch` fails, the part file is kept, so that the next call can resume; if the disk is full,
    the part file is removed. Raises the errors of `fetch`, DiskFullError and StoreError.
    """
    part = dest.with_name(dest.name + ".part")
    with store_errors(dest.parent):
        if _exists(dest, sha256):
            return dest
        make_folders(dest.parent)

        def on_wait() -> None:
            reporter.note(f"Waiting for another process that is fetching {dest.name}.")

        with exclusive_lock(dest, on_wait):
            if _exists(dest, sha256):
                return dest
            if dest.exists():
                reporter.warn(f"{dest} has the wrong content; fetching it again.")
            stage_title = title or f"Fetching {dest.name}"
            with reporter.stage(stage_title) as stage, _removed_when_disk_is_full(part):
                fetch(part, stage)
                if sha256 is None:  # otherwise, the next call checks the content of `dest`
                    _sync(part)
                part.replace(dest)
    return dest


def copy_verified(
    source: Path,
    dest: Path,
    *,
    sha256: str | None,
    size: int = 0,
    reporter: Reporter = _SILENT,
    title: str | None = None,
) -> Path:
    """Copy the file `source` to `dest` in one step, and return `dest`.

    If `dest` exists and has the SHA-256 `sha256`, it is not copied again; if it has another
    SHA-256, it is replaced. If `sha256` is None, no hash is checked. If `size` is not 0, the source
    must have exactly this number of bytes. Raises DownloadError if the source cannot be read,
    IntegrityError if its size or its SHA-256 is not the expected one, DiskFullError if the disk
    is full, and StoreError if `dest` cannot be written. After an error, no part of the copy is
    left.
    """

    def fetch(part: Path, stage: Stage) -> None:
        try:
            _copy(source, part, stage, size)
            actual = remove_if_different(part, sha256)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if actual is not None:
            raise checksum_error(str(source), sha256, actual)

    return provide_file(dest, fetch, sha256=sha256, reporter=reporter, title=title)


def _exists(dest: Path, sha256: str | None) -> bool:
    return dest.is_file() and (sha256 is None or sha256_of(dest) == sha256.lower())


@contextlib.contextmanager
def _removed_when_disk_is_full(part: Path) -> Iterator[None]:
    try:
        with store_errors(part.parent):
            yield
    except DiskFullError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _sync(part: Path) -> None:
    with part.open("r+b") as file:
        os.fsync(file.fileno())


def _copy(source: Path, part: Path, stage: Stage, size: int) -> None:
    total, done = _size_of_source(source), 0
    if size and total != size:
        raise size_error(str(source), size, total)
    with part.open("wb") as file:
        for chunk in _chunks(source):
            file.write(chunk)
            done += len(chunk)
            stage.advance(done, total)


def _size_of_source(source: Path) -> int:
    """Return the size of the file `source`.

    Raises DownloadError if it is not a regular file: reading a pipe, for example, might never end.
    """
    with _source_errors(source):
        if source.exists() and not source.is_file():
            raise DownloadError(f"{source} is not a file.", remedy="Give the path of a file.")
        return source.stat().st_size


def _chunks(source: Path) -> Iterator[bytes]:
    with _source_errors(source):
        file = source.open("rb")
    with file:
        while True:
            with _source_errors(source):
                chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


@contextlib.contextmanager
def _source_errors(source: Path) -> Iterator[None]:
    """Turn an OSError in the block, which reads `source`, into DownloadError."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{source} cannot be read ({error.strerror}).",
            remedy="Check the path and its permissions, or name another origin with --mirror.",
        ) from error
