"""Run git so that it never prompts, runs no hooks, and ignores the user's checkout settings."""

from __future__ import annotations

import os
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
# With these settings, a checkout has the same bytes on every machine. They override the user's
# configuration of line ends, hooks and sparse checkouts.
_CONFIGURATION = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.sparseCheckout": "false",
    "gc.auto": "0",
}


class Git:
    """git, run in `folder`. Every method raises SourceError if git cannot be started."""

    def __init__(self, folder: Path, runner: Runner) -> None:
        self.folder = folder
        self._runner = runner

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Completed:
        """Run git with `env` added to its environment; return its exit code and output."""
        options = [
            option for name, value in _CONFIGURATION.items() for option in ("-c", f"{name}={value}")
        ]
        try:
            return self._runner(
                ["git", *options, *arguments],
                cwd=self.folder,
                env={**_environment(os.environ), **(env or {})},
            )
        except OSError as error:
            raise SourceError(
                f"git cannot be started: {error.strerror or error}.",
                remedy="Install git: its package is called `git` for apt-get, dnf, zypper, pacman, "
                "apk and brew, and `Git.Git` for winget.",
            ) from error

    def output(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run git and return its standard output. Raises SourceError if git fails."""
        completed = self.run(*arguments, env=env)
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
        if not completed.ok:
            raise SourceError(
                f"git knows no commit named {ref!r} in {self.folder}: {completed.stderr.strip()}",
                remedy="Check the reference after the @ (`git branch --all` and `git tag` list all "
                "branches and tags), or fetch it first.",
            )
        return completed.stdout.strip()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value for name, value in environ.items() if name not in _REPOSITORY_VARIABLES
    }
    return inherited | {
        "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
        "GIT_ASKPASS": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
    }
