"""Unpack tar and zip archives into a folder, and read single files from them.

Nothing is written outside the target folder. If unpacking fails, everything unpacked so far is
removed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import re
import shutil
from typing import TYPE_CHECKING

from jitbuild.errors import StoreError
from jitbuild.system import files
from jitbuild.system.archives.archive_errors import archive_errors, damaged, open_archive
from jitbuild.system.archives.tar_archive import read_tar_files, unpack_tar
from jitbuild.system.archives.zip_archive import is_zip, read_zip_files, unpack_zip
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
MAX_READ_BYTES = 4 << 20  # only headers and scripts are read into memory


def unpack(
    archive: Path,
    dest: Path,
    *,
    leave_out: Collection[str] = (),
    reporter: Reporter = _SILENT,
    title: str | None = None,
) -> Path:
    """Unpack a tar archive (plain, or compressed by xz, gzip, bzip2 or zstd) or a zip into `dest`.

    `dest` must be an empty folder, or not exist yet. `leave_out` contains fnmatch patterns: a
    member is checked but not written if its name, relative to the archive's top folder, matches a
    pattern. Modification times, which make relies on, and executable bits are preserved. `title` is
    shown while unpacking. Returns the archive's top folder, or `dest` if there are several entries
    at the top.

    Raises UnsafeArchiveError for members that would be written outside `dest`, for devices, and for
    symbolic links in a zip. Raises ArchiveError if the file is damaged, truncated or not an
    archive, DiskFullError if the disk is full, and StoreError if `dest` is not empty or cannot be
    written. After an error, nothing that was unpacked is left.
    """
    with _emptied_on_failure(dest), reporter.stage(title or f"Unpacking {archive.name}") as stage:
        with open_archive(archive) as file, archive_errors(archive, dest):
            unpack_format = unpack_zip if is_zip(file) else unpack_tar
            unpack_format(archive, file, dest, stage, _matcher(leave_out))
        return _top_folder(archive, dest)


def read_members(
    archive: Path, names: Collection[str], *, max_bytes: int = MAX_READ_BYTES
) -> dict[str, bytes]:
    """Return the contents of the files `names` by name, without unpacking the archive.

    Names are relative to the archive's top folder, and may be fnmatch patterns, in which `*` also
    matches slashes. The archive is read once, to its end. A file that does not exist is missing
    from the result. Raises ArchiveError if the archive is damaged, truncated or not an archive, or
    if one of the files is larger than `max_bytes`.
    """
    contents: dict[str, bytes] = {}
    matches = re.compile("|".join(map(fnmatch.translate, names))).match
    with open_archive(archive) as file, archive_errors(archive, archive):
        read = read_zip_files if is_zip(file) else read_tar_files
        for path, open_member in read(archive, file):
            name = _below_top(path)
            if name not in contents and matches(name):
                with open_member() as member:
                    contents[name] = member.read(max_bytes + 1)
                if len(contents[name]) > max_bytes:
                    raise damaged(archive, f"{path} is far larger than it should be")
    return contents


@contextlib.contextmanager
def _emptied_on_failure(dest: Path) -> Iterator[None]:
    """Create the folder `dest`, and remove it if the block fails.

    A folder that existed before is emptied, not removed. Raises StoreError if `dest` is not empty.
    """
    with files.store_errors(dest):
        existed = dest.exists()
        if existed and any(dest.iterdir()):
            raise StoreError(f"{dest} is not empty.", remedy="Name a folder that is new or empty.")
        dest.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(dest, ignore_errors=True)
        if existed:
            dest.mkdir(exist_ok=True)
        raise


def _top_folder(archive: Path, dest: Path) -> Path:
    """Return the only folder at the top of `dest`, or `dest` if there are other entries."""
    entries = list(dest.iterdir())
    if not entries:
        raise damaged(archive, "it is empty")
    single = len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink()
    return entries[0] if single else dest


def _below_top(name: str) -> str:
    """Return the name of a member relative to the archive's top folder."""
    return name.removeprefix("./").partition("/")[2]


def _matcher(leave_out: Collection[str]) -> Callable[[str], bool]:
    """Return a function that takes a member's name and returns True if the member is left out."""
    if not leave_out:
        return lambda _: False
    # `*` also matches slashes, so one pattern can match all files of a folder.
    matches = re.compile("|".join(map(fnmatch.translate, leave_out))).match
    return lambda name: matches(_below_top(name)) is not None
