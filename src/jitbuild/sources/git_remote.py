"""Fetch repositories behind URLs into bare clones in the cache.

Only `fetch` uses the network. A clone holds as little history as the server allows. The arguments
of git contain no secrets, because every user of the machine can list them. The programs that git
starts get no secrets as arguments either, except the query of a URL and the password of an ssh URL,
which git takes only from the URL itself (see git_secrets.py).
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import DownloadError, SourceError
from jitbuild.sources.git_command import FETCHING, NO_PROTOCOL, SCHEMES, Git
from jitbuild.sources.git_secrets import environment
from jitbuild.store.marker import mark
from jitbuild.system import files
from jitbuild.system.formatting import format_size
from jitbuild.system.http.transfer_limits import MOST_BYTES
from jitbuild.system.http.transfer_speed import LEAST_SPEED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jitbuild.system.process import Completed, Runner
    from jitbuild.system.progress import Reporter
    from jitbuild.system.urls import Address

# The time over which git measures the speed of a transfer.
_WINDOW_SECONDS = 60
# All commits of a repository may have this many times the size of one. (A commit of CPython has
# 30 MB, and all together have less than 1 GB.)
_COMMITS_OF_HISTORY = 4
# Incomplete packs and objects.
_INCOMPLETE = "objects/*/tmp_*"
# The message for EFBIG in English.
_TOO_LARGE = "File too large"
# The program that reads a repository on this machine, run by a shell. It fetches nothing that is
# missing from a partial clone: that would run programs that its configuration names.
_READ_ONLY_UPLOAD_PACK = f"GIT_ALLOW_PROTOCOL={NO_PROTOCOL} git-upload-pack"
_SCP = re.compile(r"\w[\w.-]*@\w[\w.-]*:[^\\]+")  # git@host:path
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,63}")
_FETCHABLE = re.compile(r"(?!.*(\.\.|//|@\{))[\w][\w./+-]*")


class FetchLimits(NamedTuple):
    """The limits of a fetch.

    git gives up a transfer over HTTP that is slower than `least_speed` bytes per second for a
    minute; 0 accepts every speed. `most_bytes` is the limit of a commit as git compresses it; all
    commits together may have four times as much. On Windows, the size is not limited.
    """

    least_speed: int = LEAST_SPEED
    most_bytes: int = MOST_BYTES


def is_url(address: Address) -> bool:
    """Return True if `address` is a URL, False if it is a path.

    Raises SourceError for a URL that is not safe to pass to git.
    """
    place = address.reveal()
    scheme, separator, _ = place.partition("://")
    if (separator and scheme.lower() in SCHEMES) or _SCP.fullmatch(place):
        return True
    if separator or re.match(r"[\w+.-]+::", place) or place.startswith("-"):
        raise SourceError(
            f"{address} is not the address of a repository that jitbuild can use.",
            remedy=f"Use a path, or a URL that begins with one of: {', '.join(SCHEMES)}.",
        )
    return False


def clone_path(url: Address, cache: Path) -> Path:
    """Return the folder in the cache for the bare clone of `url`, which need not exist yet."""
    digest = hashlib.sha256(url.public.encode()).hexdigest()
    return cache / "git" / digest[:16]


def fetch(
    url: Address,
    ref: str,
    cache: Path,
    runner: Runner,
    reporter: Reporter,
    limits: FetchLimits,
) -> str:
    """Fetch `ref` from `url` into the bare clone of `url`; return the hash of its commit.

    A full commit hash that was fetched before is not fetched again. Raises SourceError for a
    reference that cannot be fetched by name, and DownloadError if the fetch fails or exceeds
    `limits`.
    """
    if not _FETCHABLE.fullmatch(ref):
        raise SourceError(
            f"{ref!r} cannot be fetched from a URL.",
            remedy="Name a branch, a tag or a full commit hash after the @.",
        )
    if url.reveal().startswith(("http://", "git://")) and not _COMMIT.fullmatch(ref):
        reporter.warn(
            f"Access to {url} is not encrypted: anyone on the network path can change what is "
            "built. Request a full commit hash instead."
        )
    clone = clone_path(url, cache)
    git = Git(clone, runner)
    with files.store_errors(clone):
        mark(cache)
        files.make_folders(clone)
        waiting = f"Waiting for another process that is fetching {url}."
        with files.exclusive_lock(clone, lambda: reporter.note(waiting)):
            # Remove locks and incomplete files of a git that was killed. No git is running in this
            # clone now, because this process holds jitbuild's own lock on it.
            _remove(clone, "*.lock", _INCOMPLETE)
            git.output("init", "--quiet", "--bare", "--template=", ".")
            commit = fetched_commit(git, ref) or _Fetch(git, url, limits).fetch(ref, reporter)
            # git records the URL there, with its query.
            (clone / "FETCH_HEAD").unlink(missing_ok=True)
            # Because of this ref, git keeps the commit, and the next fetch transfers less.
            git.output("update-ref", f"refs/jitbuild/{commit}", commit)
    return commit


def fetched_commit(git: Git, ref: str) -> str | None:
    """Return `ref` if it is a full commit hash that was fetched before, else None.

    Branches, tags and abbreviated hashes always give None, because they may name another commit
    later.
    """
    if not _COMMIT.fullmatch(ref):
        return None
    known = git.run("rev-parse", "--verify", "--quiet", f"refs/jitbuild/{ref}").ok
    return ref if known else None


def _remove(clone: Path, *patterns: str) -> None:
    """Remove the files in a clone that match one of the patterns."""
    for pattern in patterns:
        for path in clone.glob(pattern):
            path.unlink()


class _Fetch:
    """Fetches from the repository at `url` into the clone of `git`."""

    def __init__(self, git: Git, url: Address, limits: FetchLimits) -> None:
        self._git = git
        self._url = url
        self._limits = limits

    def fetch(self, ref: str, reporter: Reporter) -> str:
        """Fetch `ref`, and return the hash of its commit. Raises DownloadError if that fails."""
        with reporter.stage(f"Fetching {ref} of {self._url}"):
            arguments = ("--no-tags", "--depth=1", "--", self._url.public, ref)
            completed = self._run(*arguments, most_bytes=self._limits.most_bytes)
            if completed.ok:
                return self._git.commit("FETCH_HEAD")
            if not _ABBREVIATED.fullmatch(ref):
                raise self._error(ref, completed)
        # No server provides a commit by an abbreviated hash, and some servers do not even provide
        # it by its full hash.
        with reporter.stage(f"Fetching all of {self._url}, to find {ref}"):
            most_bytes = _COMMITS_OF_HISTORY * self._limits.most_bytes
            completed = self._run(*self._everything(), most_bytes=most_bytes)
            if not completed.ok:
                raise self._error(ref, completed)
            return self._git.commit(ref)

    def _run(self, *arguments: str, most_bytes: int) -> Completed:
        """Run `git fetch`. It writes everything into one file of at most `most_bytes`.

        Raises DownloadError if that is too little.
        """
        settings = {
            "fetch.unpackLimit": 1,
            "http.lowSpeedLimit": self._limits.least_speed,
            "http.lowSpeedTime": _WINDOW_SECONDS,
        }
        options = [word for name, number in settings.items() for word in ("-c", f"{name}={number}")]
        env = {**environment(self._url, os.environ), **FETCHING}
        is_local = self._url.public.lower().startswith("file:")
        program = [f"--upload-pack={_READ_ONLY_UPLOAD_PACK}"] if is_local else []
        words = (*options, "fetch", "--quiet", *program, *arguments)
        completed = self._git.run(*words, env=env, most_bytes=most_bytes, timeout=None)
        if not completed.ok:
            _remove(self._git.folder, _INCOMPLETE)  # git leaves it there
        if _TOO_LARGE in completed.stderr:
            raise DownloadError(
                f"{self._url} is larger than {format_size(most_bytes)}, the most that is fetched.",
                remedy="Check the URL. Or fetch it with git, and request the checkout: "
                "./cpython@REF.",
            )
        return completed

    def _everything(self) -> Iterator[str]:
        if (self._git.folder / "shallow").exists():
            yield "--unshallow"
        yield from (
            "--",
            self._url.public,
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
        )

    def _error(self, ref: str, completed: Completed) -> DownloadError:
        output = self._url.hide_in(completed.stderr).strip()
        reason = output or f"exit code {completed.returncode}"
        return DownloadError(
            f"git could not fetch {ref} of {self._url}: {reason}",
            remedy="Check the reference, the network and your permissions, or request a checkout on"
            " this machine: ./cpython@REF.",
        )
