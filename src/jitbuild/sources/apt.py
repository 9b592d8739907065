"""Run apt with its own configuration, package lists and caches.

This needs no root, and leaves the system's apt settings and package lists unchanged.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import DownloadError
from jitbuild.safe_text import hide_secrets
from jitbuild.sources.apt_sources import parse_stanzas
from jitbuild.system import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jitbuild.sources.apt_sources import AptSource
    from jitbuild.system.process import Completed, Runner

# apt itself limits the sizes of files by the signed index, but not the time.
_TIMEOUT_SECONDS = 3600.0
# The machine's apt hooks clean its caches and notify its desktop. They must not run here.
_HOOKS = ("Update::Pre-Invoke", "Update::Post-Invoke", "Update::Post-Invoke-Success")


class SourcePackage(NamedTuple):
    """A version of a source package.

    `archives` are the (file name, sha256) of its upstream archives.
    """

    version: str
    archives: tuple[tuple[str, str], ...]


class Apt:
    """apt for the source package `package`, with all files that apt writes below `folder`.

    `messages` holds the last errors and warnings that apt printed, without the passwords in URLs.
    """

    def __init__(self, package: str, folder: Path, runner: Runner) -> None:
        self._package = package
        self._folder = folder
        self._runner = runner
        self.messages = ""

    def versions(self, sources: Iterable[AptSource]) -> list[SourcePackage]:
        """Return all versions of the package in `sources`. Suites that do not exist are skipped.

        Raises DownloadError if apt cannot be started.
        """
        self._configure(sources)
        self._keep_messages(self._run("apt-get", "-q", "update"))
        completed = self._run("apt-cache", "showsrc", "--only-source", self._package)
        return [
            _source_package(fields)
            for fields in parse_stanzas(completed.stdout)
            if fields.get("package") == self._package
        ]

    def download(self, version: SourcePackage, file: str) -> Path | None:
        """Download the upstream archive `file` of `version`; return its path.

        Return None if the index lists the archive but the server does not deliver it. Raises
        DownloadError if apt cannot be started.
        """
        wanted = f"{self._package}={version.version}"
        self._keep_messages(
            self._run("apt-get", "-q", "source", "--download-only", "--tar-only", wanted)
        )
        path = self._folder / "files" / file
        return path if path.is_file() else None

    def _configure(self, sources: Iterable[AptSource]) -> None:
        with files.store_errors(self._folder):
            for name in ("files", "lists/partial", "cache/archives/partial", "state"):
                (self._folder / name).mkdir(parents=True, exist_ok=True)
            (self._folder / "status").touch()
            stanzas = "\n".join(source.as_stanza() for source in sources)
            file = self._folder / "jitbuild.sources"
            file.touch(mode=0o600)  # the URLs of sources may contain passwords
            file.write_text(stanzas, encoding="utf-8")
            hooks = "".join(f"#clear APT::{hook};\n" for hook in _HOOKS)
            (self._folder / "apt.conf").write_text(hooks, encoding="utf-8")

    def _run(self, program: str, *arguments: str) -> Completed:
        own = self._folder
        options = [f"-o{name}={value}" for name, value in self._options().items()]
        argv = [program, "-c", str(own / "apt.conf"), *options, *arguments]
        try:
            completed = self._runner(
                argv,
                cwd=own / "files",
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                timeout=_TIMEOUT_SECONDS,
            )
        except OSError as error:
            raise DownloadError(
                f"{program} cannot be started ({error.strerror or error}), but --mirror distro "
                "needs it.",
                remedy="Use --mirror distro only on Debian, Ubuntu and their derivatives. "
                "Elsewhere, name a mirror: --mirror URL|FOLDER.",
            ) from error
        if completed.timed_out:
            raise DownloadError(
                f"{program} was given up after {_TIMEOUT_SECONDS:.0f} s.",
                remedy="Check the network, or name a mirror: --mirror URL|FOLDER.",
            )
        return completed

    def _options(self) -> dict[str, object]:
        own = self._folder
        return {
            "APT::Sandbox::User": "root",  # apt's own user cannot enter our folder
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": own / "cache",
            "Dir::Etc::preferences": os.devnull,
            "Dir::Etc::preferencesparts": os.devnull,
            "Dir::Etc::sourcelist": own / "jitbuild.sources",
            "Dir::Etc::sourceparts": os.devnull,
            "Dir::State": own / "state",
            "Dir::State::lists": own / "lists",
            "Dir::State::status": own / "status",
        }

    def _keep_messages(self, completed: Completed) -> None:
        """Keep the errors and warnings of the finished command `completed`, if it printed any.

        Do not call this for apt-cache: its messages only say again that the index was not read.
        """
        lines = [
            hide_secrets(line)
            for line in completed.stderr.splitlines()
            if line.startswith(("E:", "W:"))
        ]
        self.messages = "\n".join(lines) or self.messages


def _source_package(fields: Mapping[str, str]) -> SourcePackage:
    rows = (line.split() for line in fields.get("checksums-sha256", "").splitlines())
    archives = tuple(
        (row[2], row[0])
        for row in rows
        if len(row) == 3 and re.search(r"\.orig\.tar\.\w+$", row[2])
    )
    return SourcePackage(fields["version"], archives)
