"""Resolve git references, read files of a commit, and check out a commit into a new folder.

The user's own repositories are read but not changed, and no program that their configuration names
is run.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import SourceError
from jitbuild.safe_text import HIDDEN
from jitbuild.sources import git_remote
from jitbuild.sources.git_command import LONGEST_SECONDS, Git
from jitbuild.sources.links import refuse_links_out_of
from jitbuild.system import files, process
from jitbuild.system.formatting import format_size
from jitbuild.system.http.transfer_speed import LEAST_SPEED
from jitbuild.system.paths import absolute_path
from jitbuild.system.progress import SilentReporter
from jitbuild.system.small_file import MOST_BYTES
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jitbuild.system.process import Runner
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
_SHA1_DIGITS = 40
# The most bytes of all files of a commit. Those of CPython have 150 MB.
_MOST_BYTES_OF_FILES = 4 << 30
_CHECKOUT_SECONDS = 1800.0


class Commit(NamedTuple):
    """The hash of a commit (`digest`), and where to find the commit.

    `folder` is a repository on this machine that has the commit. `location` is the URL or path to
    show and to record.
    """

    folder: Path
    location: str
    digest: str


def resolve(  # noqa: PLR0913
    place: Address | str,
    ref: str,
    *,
    cache: Path,
    offline: bool = False,
    least_speed: int = LEAST_SPEED,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
) -> Commit:
    """Return the commit that `ref` names in the repository at `place`, a URL or a path.

    If `offline` is True and `place` is a URL, nothing is fetched: `ref` must be a full commit hash
    that was fetched before. A transfer over HTTP that is slower than `least_speed` bytes per second
    is given up. Raises SourceError if git does not know the reference or the reference is not safe
    to pass to git, and DownloadError if a URL cannot be fetched.
    """
    if ref.startswith("-") or not ref.isprintable():
        raise SourceError(
            f"{ref!r} is not a git reference.",
            remedy="Name a branch, a tag or a commit after the @.",
        )
    address = Address(place)
    if git_remote.is_url(address):
        clone, location = git_remote.clone_path(address, cache), address.public
        if offline:
            return Commit(clone, location, _fetched_before(address, ref, clone, runner))
        limits = git_remote.FetchLimits(least_speed=least_speed)
        digest = git_remote.fetch(address, ref, cache, runner, reporter, limits)
        return Commit(clone, location, digest)
    folder = absolute_path(address.reveal())
    if not folder.is_dir():
        # `user:password@host` was taken for a path and a reference.
        shown = re.sub(r"[^/\\:]*:[^/\\]+$", HIDDEN, str(folder))
        raise SourceError(
            f"{shown} is not a folder, so it is not a git repository.",
            remedy="Check the path before the @ in the request.",
        )
    return Commit(folder, str(folder), Git(folder, runner).commit(ref))


def read(
    commit: Commit, patterns: Sequence[str], *, runner: Runner = process.run
) -> dict[str, str]:
    """Return the text of each file of the commit that matches one of `patterns` (fnmatch), by path.

    Only the last part of a pattern may contain wildcards.
    """
    git = Git(commit.folder, runner)
    # With a slash at the end of its path, git lists the entries of a folder.
    paths = [f"{p.rpartition('/')[0]}/" if "*" in p else p for p in patterns]
    listing = git.output("ls-tree", "-z", "-l", commit.digest, "--", *paths)
    texts = {}
    for entry in filter(None, listing.split("\0")):
        facts, _, name = entry.partition("\t")
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            _check_size(name, facts.split()[-1], commit)
            texts[name] = git.output("cat-file", "blob", f"{commit.digest}:{name}")
    return texts


def _check_size(name: str, size: str, commit: Commit) -> None:
    """Raise SourceError if a file of `commit` is far larger than any that is read.

    `size` is as `git ls-tree -l` prints it, so it is "-" for anything but a file.
    """
    if size.isdecimal() and int(size) > MOST_BYTES:
        raise SourceError(
            f"{name} in the commit {commit.digest} of {commit.location} has {size} bytes, far more "
            "than it should have.",
            remedy="Check the commit, or use the release's archive.",
        )


def checkout(
    location: str, digest: str, dest: Path, *, cache: Path, runner: Runner = process.run
) -> Path:
    """Write the files of the commit `digest` into the new folder `dest`, and return `dest`.

    `location` is that of the resolved Commit. git reads only the objects of that repository: it
    uses an empty repository, with an index of its own, beside `dest`. The repository at `location`
    is therefore not changed, and its configuration, attributes and filters have no effect, nor have
    the user's. (`git archive` would leave out files that `.gitattributes` names.) Raises
    SourceError if git fails, if the files are far too large or too many, or if a link leads out of
    the tree.
    """
    address = Address(location)
    is_url = git_remote.is_url(address)
    folder = git_remote.clone_path(address, cache) if is_url else Path(location)
    source = Git(folder, runner)
    _check_total_size(source, digest, location)
    objects = source.output("rev-parse", "--git-path", "objects").removesuffix("\n")
    with files.store_errors(dest):
        dest.mkdir(parents=True)
        with _empty_repository(dest, digest, runner) as git_dir:
            env = {
                "GIT_DIR": str(git_dir),
                "GIT_INDEX_FILE": str(git_dir / "index"),
                "GIT_OBJECT_DIRECTORY": str(folder / objects),
                "GIT_WORK_TREE": str(dest),
            }
            git = Git(dest, runner, configured=False)
            git.output("read-tree", "--reset", "-u", digest, env=env, timeout=_CHECKOUT_SECONDS)
        refuse_links_out_of(dest)
    return dest


def _check_total_size(git: Git, digest: str, location: str) -> None:
    """Raise SourceError if the files of a commit have too many bytes or if there are too many.

    Git stores equal files and folders once, so a small repository may have a commit of any size.
    """
    listing = git.output("ls-tree", "-r", "-z", "-l", "--full-tree", digest)
    sizes = (entry.partition("\t")[0].split()[-1] for entry in filter(None, listing.split("\0")))
    total = sum(int(size) for size in sizes if size.isdecimal())  # that of a submodule is "-"
    if total > _MOST_BYTES_OF_FILES:
        raise SourceError(
            f"The files of the commit {digest} of {location} have {format_size(total)}, far more "
            "than those of CPython.",
            remedy="Check the commit, or use the release's archive.",
        )


@contextlib.contextmanager
def _empty_repository(dest: Path, digest: str, runner: Runner) -> Iterator[Path]:
    """Yield the folder of a new repository beside `dest`, which is removed after the block."""
    git_dir = dest.with_name(f"{dest.name}.git")
    git_dir.mkdir()
    try:
        # Only repositories with longer hashes need the option, which git before 2.29 does not know.
        longer = ["--object-format=sha256"] if len(digest) > _SHA1_DIGITS else []
        git = Git(git_dir, runner, configured=False)
        git.output("init", "--quiet", "--bare", "--template=", *longer, ".")
        yield git_dir
    finally:
        shutil.rmtree(git_dir, ignore_errors=True)


def list_files(
    folder: Path, *, runner: Runner = process.run, timeout: float = LONGEST_SECONDS
) -> list[str]:
    """Return the files in the checkout `folder`.

    These are the files that git tracks and new files that git does not ignore. Raises SourceError
    if git fails, or takes longer than `timeout` seconds.
    """
    git = Git(folder, runner)
    # Otherwise, the files would be those of the folder that core.worktree names.
    env = {"GIT_WORK_TREE": str(folder)}
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listing = git.output(*words, env=env, timeout=timeout)
    if "\ufffd" in listing:
        raise SourceError(
            f"{folder} contains a file whose name is not UTF-8.",
            remedy="Rename the file, or make git ignore it.",
        )
    return list(dict.fromkeys(name for name in listing.split("\0") if name))


def _fetched_before(url: Address, ref: str, clone: Path, runner: Runner) -> str:
    digest = git_remote.fetched_commit(Git(clone, runner), ref) if clone.is_dir() else None
    if digest is None:
        raise SourceError(
            f"The commit that {ref} names in {url} is not known: this command does "
            "not use the network.",
            remedy="Use `jitbuild install`, which fetches it. Or request a release, a checkout on "
            "this machine (./cpython@REF), or a full commit hash that was installed before.",
        )
    return digest
