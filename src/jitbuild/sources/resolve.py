"""A verified source tree: which one a request means (`describe`), and its files in a folder of ours (`obtain`).

What a version means is told by the recipes alone (plans.subject_of), and its archive comes by way of jitbuild.releases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from packaging.version import InvalidVersion, Version

from jitbuild.errors import IntegrityError, SourceError
from jitbuild.planning.plan import ResolvedRequest, Source
from jitbuild.sources import folder as tree
from jitbuild.sources import git
from jitbuild.sources.mirror import Release, Road
from jitbuild.system import archive, download, files, process
from jitbuild.system.checksums import checksum_error, sha256_of
from jitbuild.system.progress import SilentReporter
from jitbuild.toolchain import llvm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jitbuild.recipes.catalog import Catalog
    from jitbuild.request import Request
    from jitbuild.sources.mirror import Fetch
    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

__all__ = ["Obtained", "Road", "describe", "obtain"]

_SILENT = SilentReporter()
_PATCHLEVEL, _LLVM, _CONFIGURE = "Include/patchlevel.h", "Tools/jit/_llvm.py", "configure"
_READ = (_PATCHLEVEL, _LLVM, _CONFIGURE)
_PY_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_FIRST_WITH_JIT = Version("3.13.dev0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Obtained:
    """A tree that may be built: where it is, which `road` it came by, and what it was `verified` against."""

    tree: Path
    road: str
    verified: str


def describe(
    request: Request,
    *,
    cache: Path,
    catalog: Catalog,
    sha256: str | None = None,
    offline: bool = False,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
) -> ResolvedRequest:
    """What a folder, an archive, a git reference or `main` is: its version, its digest, and the LLVM major that it says.

    An archive must have the `sha256`, if one is given. `offline`: nothing is fetched, and a branch behind a URL is a
    SourceError. Raises SourceError when it is not a CPython with the JIT, IntegrityError, ArchiveError or DownloadError. Version
    requests are for `plans.subject_of`.
    """
    match request.kind:
        case "folder":
            return _describe_folder(_local(request.value), runner)
        case "archive":
            return _describe_archive(_local(request.value), sha256)
        case "git":
            place = request.value
        case "branch":
            place = catalog.series["main"].repository
        case _:
            raise AssertionError(f"{request.text} is answered by the recipes")
    found = git.resolve(
        place, request.ref, cache=cache, offline=offline, runner=runner, reporter=reporter
    )
    source = Source(kind="git", digest=found.commit, location=found.location, ref=request.ref)
    return _subject(
        f"{request.ref} of {found.location}", git.read(found, _READ, runner=runner), source
    )


def obtain(  # noqa: PLR0913
    source: Source,
    dest: Path,
    *,
    road: Road,
    cache: Path,
    reporter: Reporter = _SILENT,
    runner: Runner = process.run,
    fetch: Fetch = download.download,
    by_hand: bool = False,
    leave_out: Collection[str] = (),
) -> Obtained:
    """Have the tree of `source` under `dest`, a new folder, verified; `by_hand` says that the person gave a release's pin.

    `leave_out` are patterns of files of an archive that are not needed.

    Raises IntegrityError when the bytes are not those of `source`, and then nothing else is tried; DownloadError when they
    cannot be had by this `road`; ArchiveError, SourceError or StoreError.
    """
    place = dest / "tree"
    match source.kind:
        case "release":
            pinned = "sha256 given by hand" if by_hand else "sha256 pin in a recipe"
            path, said = Release(source, cache / "sources", dest, runner, reporter, fetch).provide(
                road
            )
            return Obtained(
                tree=archive.unpack(path, place, leave_out=leave_out, reporter=reporter),
                road=said,
                verified=pinned,
            )
        case "archive":
            path = _unchanged(source)
            unpacked = archive.unpack(path, place, leave_out=leave_out, reporter=reporter)
            return Obtained(tree=unpacked, road="archive", verified="sha256 of the file as given")
        case "folder":
            copied = tree.copy(
                Path(source.location),
                place,
                expected=source.digest,
                runner=runner,
                reporter=reporter,
            )
            return Obtained(tree=copied, road="folder", verified="tree hash")
        case "git":
            with reporter.stage(f"Checking out {source.digest[:12]}"):
                out = git.checkout(
                    source.location, source.digest, place, cache=cache, runner=runner
                )
            return Obtained(
                tree=out,
                road=download.redacted(source.location) if "://" in source.location else "git",
                verified="commit",
            )
        case _:
            assert_never(source.kind)


def _local(text: str) -> Path:
    if "://" in text:
        raise SourceError(
            f"{download.redacted(text)} is an address, and nothing says which bytes should be there.",
            remedy="Ask for the version with --mirror URL (and --sha256, if no recipe knows it), or fetch the file yourself.",
        )
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise SourceError(f"{path} is not there.", remedy="Check the path.")
    return path


def _describe_folder(root: Path, runner: Runner) -> ResolvedRequest:
    if not root.is_dir():
        if re.fullmatch(r"python[\d.]*t?d?(\.exe)?", root.name):
            raise SourceError(
                f"{root} is an interpreter, and not the sources of one.",
                remedy="Name its version, as `jitbuild list` has it. One that is not there: `jitbuild adopt` makes it known.",
            )
        raise SourceError(
            f"{root} is neither a folder nor an archive that is known by its name.",
            remedy="Give a .tar.xz, .tgz, .tar.gz, .tar.bz2, .tar or .zip, or the folder of a source tree.",
        )
    with files.store_errors(root):
        texts = {
            name: (root / name).read_text(encoding="utf-8", errors="replace")
            for name in _READ
            if (root / name).is_file()
        }
    subject = _subject(str(root), texts, Source(kind="folder", digest="", location=str(root)))
    digest = tree.digest(root, tree.files_of(root, runner=runner))
    source = Source(kind="folder", digest=digest, location=str(root))
    return ResolvedRequest(version=subject.version, source=source, llvm_major=subject.llvm_major)


def _describe_archive(path: Path, sha256: str | None) -> ResolvedRequest:
    if not path.is_file():
        raise SourceError(
            f"{path} is not a file.",
            remedy="Give the archive itself, or a folder without an archive's suffix.",
        )
    with files.store_errors(path):
        digest = sha256_of(path)
    if sha256 is not None and digest != sha256.lower():
        raise checksum_error(str(path), sha256, digest)
    content = archive.read_members(path, _READ)
    texts = {name: text.decode("utf-8", "replace") for name, text in content.items()}
    return _subject(
        str(path),
        texts,
        Source(kind="archive", digest=digest, location=str(path), files=((path.name, digest),)),
    )


def _subject(name: str, texts: Mapping[str, str], source: Source) -> ResolvedRequest:
    """What the files of a tree say of it. Raises SourceError when it is not a CPython that has the JIT."""
    found = _PY_VERSION.search(texts.get(_PATCHLEVEL, ""))
    if found is None or _CONFIGURE not in texts:
        raise SourceError(
            f"{name} is not a CPython source tree: it has no {_CONFIGURE} or no version in {_PATCHLEVEL}.",
            remedy="Name the top of a tree as python.org or the git repository has it.",
        )
    try:
        version = Version(found[1].partition("+")[0])  # the + says: after that release
    except InvalidVersion as error:
        raise SourceError(
            f"{name} calls itself {found[1]!r}, which is no version.",
            remedy=f"Correct {_PATCHLEVEL}.",
        ) from error
    if version < _FIRST_WITH_JIT:
        raise SourceError(
            f"{name} is CPython {version}, and the JIT came with 3.13.", remedy="Use 3.13 or newer."
        )
    if _LLVM not in texts or "experimental-jit" not in texts[_CONFIGURE]:
        raise SourceError(
            f"{name} is CPython {version}, and has no JIT: {_LLVM} or configure's --enable-experimental-jit is missing.",
            remedy="Its development on main was paused (PEP 836): use 3.13 to 3.15, or a commit that still has it.",
        )
    return ResolvedRequest(
        version=str(version), source=source, llvm_major=llvm.major_of(texts[_LLVM])
    )


def _unchanged(source: Source) -> Path:
    path = Path(source.location)
    with files.store_errors(path):
        if sha256_of(path) != source.digest:
            raise IntegrityError(
                f"{path} was changed while it was being used.", remedy="Run the same command again."
            )
    return path
