"""Fetch repositories behind URLs into bare clones in the cache.

Only `fetch` uses the network. A clone holds as little history as the server allows.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from jitbuild.errors import DownloadError, SourceError
from jitbuild.sources.git_command import SCHEMES, Git
from jitbuild.system import files, urls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jitbuild.system.process import Completed, Runner
    from jitbuild.system.progress import Reporter

_SCP = re.compile(r"[\w.-]+@[\w.-]+:[^\\]+")  # git@host:path
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,63}")
_FETCHABLE = re.compile(r"(?!.*(\.\.|//|@\{))[\w][\w./+-]*")


def is_url(place: str) -> bool:
    """Return True if `place` is a URL, False if it is a path.

    Raises SourceError for a URL that is not safe to pass to git.
    """
    scheme, separator, _ = place.partition("://")
    if (separator and scheme.lower() in SCHEMES) or _SCP.fullmatch(place):
        return True
    if separator or re.match(r"[\w+.-]+::", place) or place.startswith("-"):
        raise SourceError(
            f"{urls.redacted(place)} is not the address of a repository that jitbuild can use.",
            remedy=f"Use a path, or a URL that begins with one of: {', '.join(SCHEMES)}.",
        )
    return False


def without_secrets(url: str) -> str:
    """Return `url`; if it is an http or https URL, without its user, password and query.

    These parts may be secret.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def clone_path(url: str, cache: Path) -> Path:
    """Return the folder in the cache for the bare clone of `url`, which need not exist yet."""
    digest = hashlib.sha256(without_secrets(url).encode()).hexdigest()
    return cache / "git" / digest[:16]


def fetch(url: str, ref: str, cache: Path, runner: Runner, reporter: Reporter) -> str:
    """Fetch `ref` from `url` into the bare clone of `url`; return the hash of its commit.

    A full commit hash that was fetched before is not fetched again. Raises SourceError for a
    reference that cannot be fetched by name, and DownloadError if the fetch fails.
    """
    if not _FETCHABLE.fullmatch(ref):
        raise SourceError(
            f"{ref!r} cannot be fetched from a URL.",
            remedy="Name a branch, a tag or a full commit hash after the @.",
        )
    shown = urls.redacted(url)
    if url.startswith(("http://", "git://")) and not _COMMIT.fullmatch(ref):
        reporter.warn(
            f"Access to {shown} is not encrypted: anyone on the network path can change what is "
            "built. Request a full commit hash instead."
        )
    clone = clone_path(url, cache)
    git = Git(clone, runner)
    with files.store_errors(clone):
        clone.mkdir(parents=True, exist_ok=True)
        waiting = f"Waiting for another process that is fetching {shown}."
        with files.exclusive_lock(clone, lambda: reporter.note(waiting)):
            # Remove locks of a git that was killed. No git is running in this clone now, because
            # this process holds jitbuild's own lock on it.
            for stale in clone.glob("*.lock"):
                stale.unlink()
            git.output("init", "--quiet", "--bare", "--template=", ".")
            commit = fetched_commit(git, ref) or _fetch(git, url, ref, reporter)
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


def _fetch(git: Git, url: str, ref: str, reporter: Reporter) -> str:
    shown = urls.redacted(url)
    with reporter.stage(f"Fetching {ref} of {shown}"):
        completed = git.run("fetch", "--quiet", "--no-tags", "--depth=1", url, ref)
        if completed.ok:
            return git.commit("FETCH_HEAD")
        if not _ABBREVIATED.fullmatch(ref):
            raise _fetch_error(url, ref, completed)
    # No server provides a commit by an abbreviated hash, and some servers do not even provide it by
    # its full hash.
    with reporter.stage(f"Fetching all of {shown}, to find {ref}"):
        completed = git.run("fetch", "--quiet", *_everything(git, url))
        if not completed.ok:
            raise _fetch_error(url, ref, completed)
        return git.commit(ref)


def _everything(git: Git, url: str) -> Iterator[str]:
    if (git.folder / "shallow").exists():
        yield "--unshallow"
    yield from (url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


def _fetch_error(url: str, ref: str, completed: Completed) -> DownloadError:
    shown = urls.redacted(url)
    reason = completed.stderr.replace(url, shown).strip() or f"exit code {completed.returncode}"
    return DownloadError(
        f"git could not fetch {ref} of {shown}: {reason}",
        remedy="Check the reference, the network and your permissions, or request a checkout on "
        "this machine: ./cpython@REF.",
    )
