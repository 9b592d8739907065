"""What jitbuild asks of git: which commit a reference names, files of a commit, and its tree in a folder of ours.

A repository of the person's is only read. One behind a URL is fetched into a bare one in the cache, and only its fetching
opens the network; git never prompts, runs no hook, and takes no transport that runs a program of the URL's choice.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from jitbuild.errors import DownloadError, SourceError
from jitbuild.system import download, files, process
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.system.process import Completed, Runner
    from jitbuild.system.progress import Reporter

_SILENT = SilentReporter()
_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP = re.compile(r"[\w.-]+@[\w.-]+:[^\\]+")  # git@host:path
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,63}")
_FETCHABLE = re.compile(r"(?!.*(\.\.|//|@\{))[\w][\w./+-]*")
# Set by git for the hooks and aliases it runs: they would point every command here at that repository (git rev-parse
# --local-env-vars; those that hold configuration stay).
_OF_A_REPOSITORY = (
    *(
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_PREFIX",
    ),
    *(
        "GIT_COMMON_DIR",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_SHALLOW_FILE",
        "GIT_NAMESPACE",
        "GIT_REPLACE_REF_BASE",
    ),
)
# The same bytes on every machine: whatever the person's configuration says of line ends, hooks and partial checkouts.
_CONFIGURATION = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.sparseCheckout": "false",
    "gc.auto": "0",
}


class Repository(NamedTuple):
    """Where a commit was found: the `folder` that git reads it from, and the `location` to be shown and written down."""

    folder: Path
    location: str
    commit: str


def resolve(
    place: str,
    ref: str,
    *,
    cache: Path,
    offline: bool = False,
    runner: Runner = process.run,
    reporter: Reporter = _SILENT,
) -> Repository:
    """The commit that `ref` names in the repository at `place`, a URL or a path, and where its files can now be read.

    `offline`: behind a URL only a whole commit that was fetched before. Raises SourceError for what git does not know or we do
    not let it try, DownloadError when a URL cannot be fetched.
    """
    if ref.startswith("-") or not ref.isprintable():
        raise SourceError(
            f"{ref!r} is not a git reference.",
            remedy="Name a branch, a tag or a commit after the @.",
        )
    if _is_url(place) and offline:
        return _remembered(place, ref, cache=cache, runner=runner)
    if _is_url(place):
        return _fetched(place, ref, cache=cache, runner=runner, reporter=reporter)
    folder = Path(place).expanduser().absolute()
    if not folder.is_dir():
        raise SourceError(
            f"{folder} is not a folder, so no git repository.",
            remedy="Check the path before the @.",
        )
    return Repository(folder, str(folder), _commit(folder, ref, runner=runner))


def location_of(repository: str) -> str:
    """`repository` as it may be written down: without the user and password of an http URL, which may be secrets."""
    parts = urlsplit(repository)
    if parts.scheme not in {"http", "https"}:
        return repository
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def read(
    repository: Repository, names: Sequence[str], *, runner: Runner = process.run
) -> dict[str, str]:
    """The text of the files `names` of the commit; those that it does not have are missing from the answer."""
    tree = _git(
        "ls-tree",
        "-z",
        "--name-only",
        repository.commit,
        "--",
        *names,
        at=repository.folder,
        runner=runner,
    )
    return {
        name: _git(
            "cat-file", "blob", f"{repository.commit}:{name}", at=repository.folder, runner=runner
        )
        for name in tree.split("\0")
        if name
    }


def checkout(
    location: str, commit: str, dest: Path, *, cache: Path, runner: Runner = process.run
) -> Path:
    """Write the files of `commit` into the new folder `dest`, through an index of our own; the repository is not changed.

    A repository behind a URL must have been resolved before. (`git archive` would leave out what `.gitattributes` says.)
    """
    folder = _mirror(location, cache) if _is_url(location) else Path(location)
    git_dir = _git("rev-parse", "--absolute-git-dir", at=folder, runner=runner).strip()
    index = dest.with_name(f"{dest.name}.index")
    with files.store_errors(dest):
        dest.mkdir(parents=True)
        private = {"GIT_DIR": git_dir, "GIT_WORK_TREE": str(dest), "GIT_INDEX_FILE": str(index)}
        _git("read-tree", "--reset", "-u", commit, at=dest, runner=runner, env=private)
        index.unlink(missing_ok=True)
    return dest


def listed(folder: Path, *, runner: Runner = process.run) -> list[str]:
    """The files of the checkout at `folder` that git tracks, and the new ones that it does not ignore."""
    names = _git(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", at=folder, runner=runner
    )
    if "\ufffd" in names:
        raise SourceError(
            f"{folder} holds a file whose name is not UTF-8.",
            remedy="Rename it, or have git ignore it.",
        )
    return list(dict.fromkeys(name for name in names.split("\0") if name))


def _is_url(place: str) -> bool:
    """Whether `place` is a URL, as opposed to a path. Raises SourceError for one that git must not be given."""
    scheme, mark, _ = place.partition("://")
    if (mark and scheme.lower() in _SCHEMES) or _SCP.fullmatch(place):
        return True
    if mark or re.match(r"[\w+.-]+::", place) or place.startswith("-"):
        raise SourceError(
            f"{download.redacted(place)} is not a place that git is sent to.",
            remedy=f"Use a path or a URL with {', '.join(_SCHEMES)}.",
        )
    return False


def _mirror(location: str, cache: Path) -> Path:
    return cache / "git" / hashlib.sha256(location.encode()).hexdigest()[:16]


def _fetched(url: str, ref: str, *, cache: Path, runner: Runner, reporter: Reporter) -> Repository:
    """Have `ref` of `url` in the bare repository that the cache keeps for it, with as little history as the server allows."""
    if not _FETCHABLE.fullmatch(ref):
        raise SourceError(
            f"{ref!r} cannot be asked for at a URL.",
            remedy="Name a branch, a tag or a whole commit after the @.",
        )
    if url.startswith(("http://", "git://")) and not _COMMIT.fullmatch(ref):
        reporter.warn(
            f"{download.redacted(url)} is not encrypted: whoever is in between chooses what is built. Name a whole commit."
        )
    location = location_of(url)
    mirror = _mirror(location, cache)
    with files.store_errors(mirror):
        mirror.mkdir(parents=True, exist_ok=True)
        with files.exclusive_lock(
            mirror,
            lambda: reporter.note(
                f"Waiting for another build that fetches {download.redacted(url)}."
            ),
        ):
            for stale in mirror.glob(
                "*.lock"
            ):  # of a git that was killed: while we hold ours there is no other
                stale.unlink()
            _git("init", "--quiet", "--bare", "--template=", ".", at=mirror, runner=runner)
            commit = _known(mirror, ref, runner) or _fetch(
                mirror, url, ref, runner=runner, reporter=reporter
            )
            # Kept, and offered to the server as what we have, the next time.
            _git("update-ref", f"refs/jitbuild/{commit}", commit, at=mirror, runner=runner)
    return Repository(mirror, location, commit)


def _remembered(url: str, ref: str, *, cache: Path, runner: Runner) -> Repository:
    location = location_of(url)
    mirror = _mirror(location, cache)
    commit = _known(mirror, ref, runner) if mirror.is_dir() else None
    if commit is None:
        raise SourceError(
            f"What {ref} of {download.redacted(url)} is now cannot be told without the network.",
            remedy="`jitbuild install` fetches it; a plan can be made of a release, a checkout here (./cpython@REF), or a whole "
            "commit that was installed.",
        )
    return Repository(mirror, location, commit)


def _known(mirror: Path, ref: str, runner: Runner) -> str | None:
    """`ref`, if it is a whole commit that an earlier fetch brought: only that can never come to mean another one."""
    if not _COMMIT.fullmatch(ref):
        return None
    return (
        ref
        if _run(
            "rev-parse", "--verify", "--quiet", f"refs/jitbuild/{ref}", at=mirror, runner=runner
        ).ok
        else None
    )


def _fetch(mirror: Path, url: str, ref: str, *, runner: Runner, reporter: Reporter) -> str:
    shown = download.redacted(url)
    with reporter.stage(f"Fetching {ref} of {shown}"):
        done = _run(
            "fetch", "--quiet", "--no-tags", "--depth=1", url, ref, at=mirror, runner=runner
        )
        if done.ok:
            return _commit(mirror, "FETCH_HEAD", runner=runner)
        if not _ABBREVIATED.fullmatch(ref):
            raise _unfetched(shown, ref, done, url)
    # Servers hand out a part of a commit's name never, and a whole one not always.
    with reporter.stage(f"Fetching all of {shown}, to find {ref}"):
        everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        unshallow = ("--unshallow",) if (mirror / "shallow").exists() else ()
        done = _run("fetch", "--quiet", *unshallow, url, *everything, at=mirror, runner=runner)
        if not done.ok:
            raise _unfetched(shown, ref, done, url)
        return _commit(mirror, ref, runner=runner)


def _unfetched(shown: str, ref: str, done: Completed, url: str) -> DownloadError:
    said = done.stderr.replace(url, shown).strip() or f"exit code {done.returncode}"
    return DownloadError(
        f"git could not fetch {ref} of {shown}: {said}",
        remedy="Check the reference, the network and your access; or name a checkout on this machine: ./cpython@REF.",
    )


def _commit(folder: Path, ref: str, *, runner: Runner) -> str:
    done = _run("rev-parse", "--verify", f"{ref}^{{commit}}", at=folder, runner=runner)
    if not done.ok:
        raise SourceError(
            f"git finds no commit called {ref!r} in {folder}: {done.stderr.strip()}",
            remedy="Check the reference after the @ (`git branch --all` and `git tag` list them), or fetch it first.",
        )
    return done.stdout.strip()


def _git(*words: str, at: Path, runner: Runner, env: Mapping[str, str] | None = None) -> str:
    done = _run(*words, at=at, runner=runner, env=env)
    if not done.ok:
        raise SourceError(
            f"git {words[0]} failed in {at}: {done.stderr.strip() or f'exit code {done.returncode}'}",
            remedy="Try `git fsck` in that repository, or use the release's archive.",
        )
    return done.stdout


def _run(*words: str, at: Path, runner: Runner, env: Mapping[str, str] | None = None) -> Completed:
    options = [word for name, value in _CONFIGURATION.items() for word in ("-c", f"{name}={value}")]
    try:
        return runner(
            ["git", *options, *words], cwd=at, env={**_environment(os.environ), **(env or {})}
        )
    except OSError as error:
        raise SourceError(
            f"git cannot be started: {error.strerror or error}.",
            remedy="Install it: apt-get, dnf, zypper, pacman, apk and brew call it git, winget Git.Git.",
        ) from error


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _OF_A_REPOSITORY} | {
        "GIT_ALLOW_PROTOCOL": ":".join(_SCHEMES),
        "GIT_ASKPASS": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
    }
