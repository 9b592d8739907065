"""Fakes and fixtures of the tests of sources: a small release, a download, and git with one commit.

conftest.py imports the fixtures, for all unit tests.
"""

from __future__ import annotations

import hashlib
import tarfile
from typing import TYPE_CHECKING

import pytest

from jitbuild import request
from jitbuild.errors import IntegrityError, MissingError
from jitbuild.planning.plan import Source
from jitbuild.recipes.catalog import load_catalog
from jitbuild.sources.obtain_tree import obtain
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.sources.resolve import describe
from jitbuild.system.process import Completed

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = load_catalog()
HOME = "https://www.python.org/ftp/python/3.15.0"
MIRROR = "https://mirror.example/py"


class FakeDownload:
    """A Downloader with contents or errors by URL; it verifies as the real one does."""

    def __init__(self, content=None):
        self.content = content or {}
        self.urls = []

    def __call__(self, url, dest, *, sha256, size, reporter):
        real = url.reveal()
        self.urls.append(real)
        content = self.content.get(real, MissingError(f"{url} was not found.", remedy="Look."))
        if isinstance(content, Exception):
            raise content
        if hashlib.sha256(content).hexdigest() != sha256:
            raise IntegrityError(f"{url} has other bytes.", remedy="Look.")
        dest.parent.mkdir(parents=True, exist_ok=True)
        dest.write_bytes(content)
        return dest


class FakeGit:
    """A Runner that is git with one commit, and keeps commands, environments and timeouts.

    `size` is the size of each file in the commit, as git prints it.
    """

    size = "500"

    def __init__(self, *, fails=(), stderr="fatal: no", commit="c" * 40, fetched=(), files=()):
        self.commands, self.envs, self.timeouts, self.fails = [], [], [], fails
        self.stderr, self.commit, self.fetched, self.files = stderr, commit, fetched, files

    def __call__(self, argv, *, cwd, env, timeout):
        argv = argv[argv.index("git") :]  # there may be a limit before it
        command = [
            argument
            for position, argument in enumerate(argv)
            if argument != "-c" and argv[position - 1] != "-c"
        ][1:]
        self.commands.append(command)
        self.envs.append(env)
        self.timeouts.append(timeout)
        if command[:3] == ["rev-parse", "--verify", "--quiet"]:
            failed = command[3].rpartition("/")[2] not in self.fetched
        else:
            failed = bool({command[0], " ".join(command[:2])} & set(self.fails))
        return Completed(
            argv=tuple(argv),
            returncode=int(failed),
            stdout="" if failed else self._output(command),
            stderr=self.stderr,
        )

    def _output(self, command):
        if command[0] == "rev-parse":
            return f"{self.commit}\n"
        if command[0] == "ls-tree":
            paths = command[command.index("--") + 1 :] if "--" in command else ["README"]
            names = [f"{path}_llvm.py" if path.endswith("/") else path for path in paths]
            return "".join(f"100644 blob 12ab {self.size:>7}\t{name}\0" for name in names)
        if command[0] == "ls-files":
            return "\0".join([*self.files, ""])
        if command[0] == "cat-file":
            texts = {
                "patchlevel.h": '#define PY_VERSION "3.16.0a0+"\n',
                "_llvm.py": "_LLVM_VERSION = 21\n",
            }
            return texts.get(command[2].rpartition("/")[2], "--enable-experimental-jit")
        return ""


def no_process(argv, **_):
    raise AssertionError(f"{argv} would be run")


def packed(tree: Path, archive: Path) -> Path:
    """Pack `tree` into `archive`, and return the latter."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:xz" if archive.suffix == ".xz" else "w:gz") as tar:
        tar.add(tree, tree.name)
    return archive


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def described(text, tmp_path, **options):
    """Return the resolved request `text`; no process may be run unless `runner` is given."""
    return describe(
        request.parse(str(text)),
        cache=tmp_path / "cache",
        catalog=CATALOG,
        **{"runner": no_process, **options},
    )


@pytest.fixture
def release_archives(tmp_path, mini_cpython):
    """The two archives of a release, as files: .tar.xz and .tgz."""
    tree = mini_cpython(tmp_path / "made/Python-3.15.0", version="3.15.0")
    return [
        packed(tree, tmp_path / "made" / f"Python-3.15.0.{suffix}") for suffix in ("tar.xz", "tgz")
    ]


@pytest.fixture
def release_source(release_archives):
    """The source of the release in `release_archives`."""
    return Source(
        kind="release",
        digest=sha(release_archives[0]),
        location=f"{HOME}/Python-3.15.0.tar.xz",
        files=tuple((path.name, sha(path)) for path in release_archives),
        distro_package="python3.15",
    )


@pytest.fixture
def obtained(tmp_path, release_source):
    """Obtain the release (or another source) into a new folder, from a mirror unless said."""
    mirror = ArchiveOrigin(kind="mirror", place=MIRROR)

    def obtain_into_new_folder(
        source=release_source, *, origin=mirror, content=None, download=None, **options
    ):
        dest = tmp_path / f"dest{len(list(tmp_path.glob('dest*')))}"
        return obtain(
            source,
            dest,
            origin=origin,
            cache=tmp_path / "cache",
            downloader=download or FakeDownload(content),
            **{"runner": no_process, **options},
        )

    return obtain_into_new_folder
