"""Run git so that it never prompts, and runs no program that a repository names.

A repository names programs in its configuration: hooks, filters, fsmonitor, and, for the remote
repository of a partial clone, uploadpack, sshCommand and others. git would run those of a partial
clone whenever it reads an object that is missing.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from jitbuild.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jitbuild.system.process import Completed, Runner

SCHEMES = (
    "https",
    "http",
    "ssh",
    "git",
    "file",
)  # no transport that runs a program named in the URL
# git sets these variables for the hooks and aliases that it runs. If jitbuild passed them on, every
# git command would use the repository that they name. The list is the output of
# `git rev-parse --local-env-vars`, without the variables that hold configuration.
_REPOSITORY_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# The variables with which git may fetch, and reports errors in English. The configuration of the
# user may replace the address of one protocol by that of another.
FETCHING = {"GIT_ALLOW_PROTOCOL": ":".join(SCHEMES), "LC_ALL": "C"}
NO_PROTOCOL = "none"  # git uses no protocol, because none has this name
# With these settings, a checkout has the same bytes on every machine. They override the user's
# configuration of line ends, hooks and sparse checkouts. (Before git 2.36, `false` as the value of
# core.fsmonitor was the name of a program; an empty value turns it off in every git.)
_CONFIGURATION = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "",
    "core.hooksPath": os.devnull,
    "core.sparseCheckout": "false",
    "core.longPaths": "true",
    "gc.auto": "0",
}
# The folders and files of the user's and the machine's configuration. git before 2.32 does not know
# GIT_CONFIG_GLOBAL, so it gets a home without a configuration.
_NO_CONFIGURATION = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
}
# The seconds that a command on this machine may take. On CPython's repository, each takes less than
# a tenth of it.
LONGEST_SECONDS = 120.0
_BLOCK_BYTES = 512  # the unit of `ulimit -f` (POSIX)
# Because the signal is ignored, git reports the reason: "File too large".
_LIMITED = 'trap \'\' XFSZ; ulimit -f "$0" && exec "$@"'


class Git:
    """git, run in `folder`. Every method raises SourceError if git cannot be started.

    git reads files, but uses none of its protocols: objects that are missing from a partial clone
    are not fetched. If `configured` is False, git does not read the configuration of the user and
    the machine either; filters, for example, are then those of the repository only.
    """

    def __init__(self, folder: Path, runner: Runner, *, configured: bool = True) -> None:
        self.folder = folder
        self._runner = runner
        self._configured = configured

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
        timeout: float | None = LONGEST_SECONDS,
    ) -> Completed:
        """Run git with `env` added to its environment; return its exit code and output.

        With `most_bytes`, git fails when it writes a file of more bytes (not on Windows). Raises
        SourceError if git does not end within `timeout` seconds.
        """
        options = [
            option for name, value in _CONFIGURATION.items() for option in ("-c", f"{name}={value}")
        ]
        try:
            completed = self._runner(
                [*_limit(most_bytes), "git", *options, *arguments],
                cwd=self.folder,
                env={**_environment(os.environ, configured=self._configured), **(env or {})},
                timeout=timeout,
            )
        except OSError as error:
            raise SourceError(
                f"git cannot be started: {error.strerror or error}.",
                remedy="Install git: its package is called `git` for apt-get, dnf, zypper, pacman, "
                "apk and brew, and `Git.Git` for winget.",
            ) from error
        if completed.timed_out:
            raise SourceError(
                f"git {arguments[0]} did not end within {timeout:.0f} s in {self.folder}.",
                remedy="Check that the files that git reads there, such as .gitignore, are plain"
                " files, or use the release's archive.",
            )
        return completed

    def output(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = LONGEST_SECONDS,
    ) -> str:
        """Run git and return its standard output. Raises SourceError if git fails."""
        completed = self.run(*arguments, env=env, timeout=timeout)
        if not completed.ok:
            reason = completed.stderr.strip() or f"exit code {completed.returncode}"
            raise SourceError(
                f"git {arguments[0]} failed in {self.folder}: {reason}",
                remedy="Check that repository with `git fsck`, or use the release's archive.",
            )
        return completed.stdout

    def commit(self, ref: str) -> str:
        """Return the hash of the commit that `ref` names. Raises SourceError if there is none."""
        completed = self.run("rev-parse", "--verify", f"{ref}^{{commit}}")
        if "safe.directory" in completed.stderr:
            raise SourceError(
                f"{self.folder} belongs to another user, so git does not read it.",
                remedy="If you trust that user: git config --global --add safe.directory "
                f"{shlex.quote(str(self.folder))}",
            )
        if not completed.ok:
            raise SourceError(
                f"git knows no commit named {ref!r} in {self.folder}: {completed.stderr.strip()}",
                remedy="Check the reference after the @ (`git branch --all` and `git tag` list all "
                "branches and tags), or fetch it first.",
            )
        return completed.stdout.strip()


def _limit(most_bytes: int | None) -> tuple[str, ...]:
    """Return the words before a command that limit the size of its files."""
    if most_bytes is None or os.name != "posix":
        return ()
    return ("/bin/sh", "-c", _LIMITED, str(most_bytes // _BLOCK_BYTES))


def _environment(environ: Mapping[str, str], *, configured: bool) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in environ.items()
        if name not in _REPOSITORY_VARIABLES and (configured or not name.startswith("GIT_CONFIG_"))
    }
    return {
        **inherited,
        **({} if configured else _NO_CONFIGURATION),
        "GIT_ALLOW_PROTOCOL": NO_PROTOCOL,
        "GIT_ASKPASS": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
    }
