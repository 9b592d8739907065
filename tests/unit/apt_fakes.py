"""A fake apt: suites with versions of python3.15, and the sha256 of their archives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jitbuild.planning.plan import Source
from jitbuild.sources.apt_sources import parse_stanzas
from jitbuild.system.process import Completed

CONTENT = b"the release"
PIN = hashlib.sha256(CONTENT).hexdigest()
SOURCE = Source(
    kind="release",
    digest=PIN,
    location="https://www.python.org/ftp/python/3.15.2/Python-3.15.2.tar.xz",
    files=(("Python-3.15.2.tar.xz", PIN), ("Python-3.15.2.tgz", "1" * 64)),
    distro_package="python3.15",
)
DEB822 = """\
Types: deb
# what an image's builder wrote
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://other.example/apt
Suites: stable
Components: main
Signed-By: /etc/apt/keyrings/other.gpg
"""


NOT_FOUND = """\
W: Unable to locate package python3.15
E: You must put some 'deb-src' URIs in it
"""


class FakeApt:
    """A Runner that is apt-get and apt-cache, and keeps what it was given."""

    def __init__(self, suites, *, delivers=True, stderr=""):
        self.suites, self.delivers, self.stderr = suites, delivers, stderr
        self.updates, self.sources, self.argvs, self.configurations = [], [], [], []

    def __call__(self, argv, *, cwd, env, timeout):
        self.argvs.append(argv)
        self.configurations.append(Path(argv[argv.index("-c") + 1]).read_text())
        options = dict(
            word.removeprefix("-o").split("=", 1) for word in argv if word.startswith("-o")
        )
        listed = Path(options["Dir::Etc::sourcelist"]).read_text()
        stdout, stderr = "", self.stderr
        if argv[-1] == "update":
            self.updates.append(listed)
        elif argv[0] == "apt-cache":
            stdout = "\n".join(
                self._stanza(*package)
                for suite in self._asked(listed)
                for package in self.suites.get(suite, ())
            )
            stderr = "" if stdout else NOT_FOUND
        elif "source" in argv:
            self.sources.append(argv[-1])
            version = argv[-1].partition("=")[2].rpartition("-")[0]
            if self.delivers:
                (cwd / f"python3.15_{version}.orig.tar.xz").write_bytes(CONTENT)
        return Completed(argv=tuple(argv), returncode=0, stdout=stdout, stderr=stderr)

    @staticmethod
    def _asked(listed):
        return [suite for fields in parse_stanzas(listed) for suite in fields["suites"].split()]

    @staticmethod
    def _stanza(version, sha256):
        upstream = version.rpartition("-")[0]
        return (
            "Package: python3.15\n"
            "Binary: python3.15,\n"
            " python3.15-dev\n"
            f"Version: {version}\n"
            "Checksums-Sha256:\n"
            f" {'a' * 64} 3000 python3.15_{version}.dsc\n"
            f" {sha256} 1234 python3.15_{upstream}.orig.tar.xz\n"
            f" {'b' * 64} 4000 python3.15_{version}.debian.tar.xz\n"
            "Directory: pool/p\n"
        )


@pytest.fixture
def apt_folder(tmp_path):
    """The folder /etc/apt of a Debian."""
    folder = tmp_path / "etc"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list.d/debian.sources").write_text(DEB822)
    return folder
