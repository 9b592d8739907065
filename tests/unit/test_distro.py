"""The distribution's archive by a fake apt: the machine's entries, the index, and what is chosen of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jitbuild.errors import DownloadError, IntegrityError, MissingError
from jitbuild.planning.plan import Source
from jitbuild.sources import distro
from jitbuild.sources.apt_sources import AptSource, parse_stanzas, read_sources
from jitbuild.sources.archive_cache import ArchiveCache
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


class Apt:
    """Stands for apt-get and apt-cache: suites with versions of python3.15, and the sha256 of their archives."""

    def __init__(self, suites, *, delivers=True, stderr=""):
        self.suites, self.delivers, self.stderr = suites, delivers, stderr
        self.updates, self.sources, self.argvs, self.configurations = [], [], [], []

    def __call__(self, argv, *, cwd, env):
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
            stderr = (
                ""
                if stdout
                else "W: Unable to locate package python3.15\nE: You must put some 'deb-src' URIs in it"
            )
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
            f"Package: python3.15\nBinary: python3.15,\n python3.15-dev\nVersion: {version}\nChecksums-Sha256:\n"
            f" {'a' * 64} 3000 python3.15_{version}.dsc\n {sha256} 1234 python3.15_{upstream}.orig.tar.xz\n"
            f" {'b' * 64} 4000 python3.15_{version}.debian.tar.xz\nDirectory: pool/p\n"
        )


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / "etc"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list.d/debian.sources").write_text(DEB822)
    return folder


@pytest.fixture
def had(tmp_path, etc):
    def fetch(apt, source=SOURCE, names=("debian",)):
        archives = ArchiveCache(folder=tmp_path / "sources")
        scratch = tmp_path / "a folder"
        return distro.fetch(source, archives, scratch, runner=apt, etc=etc, distro=names)

    return fetch


def test_deb822_entries_of_the_distribution_are_taken(etc):
    first, security = read_sources(etc)
    assert first == AptSource(
        uris=("http://mirror.example/debian",),
        suites=("bookworm", "bookworm-updates"),
        components=("main",),
        options=(("signed-by", "/usr/share/keyrings/debian-archive-keyring.gpg"),),
    )
    assert security.suites == ("bookworm-security",)


def test_one_line_entries(etc):
    (etc / "sources.list.d/debian.sources").unlink()
    (etc / "sources.list").write_text(
        "# deb http://commented.example/ubuntu noble main\n"
        "deb [ arch=amd64,arm64 signed-by=/a.gpg,/b.gpg ] http://mirror.example/ubuntu noble main restricted universe # why\n"
        "deb-src [signed-by=/a.gpg,/b.gpg] http://mirror.example/ubuntu noble main universe\n"
        "deb cdrom:[Ubuntu 24.04]/ noble main\n"
        "deb http://flat.example/ ./\n"
        "rubbish\n"
    )
    (etc / "sources.list.d/more.list").write_text(
        "deb http://mirror.example/ubuntu noble-updates main\n"
    )
    (etc / "sources.list.d/off.list.disabled").write_text(
        "deb http://off.example/ubuntu noble main\n"
    )
    entries = read_sources(etc)
    assert [(entry.uris, entry.suites, entry.components) for entry in entries] == [
        (("http://mirror.example/ubuntu",), ("noble",), ("main", "universe")),
        (("http://mirror.example/ubuntu",), ("noble-updates",), ("main",)),
    ]
    assert entries[0].as_stanza() == (
        "Types: deb-src\nURIs: http://mirror.example/ubuntu\nSuites: noble\nComponents: main universe\nsigned-by: /a.gpg /b.gpg\n"
    )


def test_an_entry_may_hold_its_key(etc):
    key = (
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY865\n -----END PGP PUBLIC KEY BLOCK-----"
    )
    (etc / "sources.list.d/debian.sources").write_text(
        f"Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\nSigned-By:\n{key}\nEnabled: yes\n"
    )
    (entry,) = read_sources(etc)
    assert entry.as_stanza().endswith(f"signed-by: \n{key}\n")


def test_an_entry_that_is_switched_off(etc):
    (etc / "sources.list.d/debian.sources").write_text(
        DEB822.replace("Components: main contrib", "Components: main\nEnabled: no")
    )
    assert [entry.suites for entry in read_sources(etc)] == [("bookworm-security",)]


def test_the_machines_own_suites_come_first(had):
    apt = Apt({"bookworm": [("3.15.2-1", PIN)], "unstable": [("3.15.2-2", PIN)]})
    archive = had(apt)
    assert (archive.path.read_bytes(), archive.origin) == (CONTENT, "distro")
    assert apt.sources == ["python3.15=3.15.2-1"]
    assert len(apt.updates) == 1
    assert "deb-src" in apt.updates[0]
    assert "other.example" not in apt.updates[0]


def test_other_suites_are_asked_after_them(had):
    apt = Apt(
        {
            "bookworm": [("3.15.1-1", "2" * 64)],
            "unstable": [("3.15.4-1", "4" * 64), ("3.15.2-1", PIN)],
        }
    )
    assert had(apt).path.read_bytes() == CONTENT
    assert apt.sources == ["python3.15=3.15.2-1"]
    assert "Suites: stable testing unstable oldstable\n" in apt.updates[1]
    assert "debian-security" not in apt.updates[1]
    assert "signed-by: /usr/share/keyrings/debian-archive-keyring.gpg" in apt.updates[1]


def test_a_relative_of_ubuntu(had):
    apt = Apt({"devel": [("3.15.2-1ubuntu1", PIN)]})
    assert had(apt, names=("linuxmint", "ubuntu", "debian")).path.read_bytes() == CONTENT
    assert "Suites: devel\n" in apt.updates[1]


def test_an_unknown_distribution_has_its_own_suites_only(had):
    apt = Apt({"unstable": [("3.15.2-1", PIN)]})
    with pytest.raises(DownloadError):
        had(apt, names=("else",))
    assert len(apt.updates) == 1


def test_apt_is_kept_to_files_of_our_own(had, tmp_path):
    apt = Apt({"bookworm": [("3.15.2-1", PIN)]})
    had(apt)
    for argv in apt.argvs:
        for option in (
            "Dir::State",
            "Dir::State::lists",
            "Dir::State::status",
            "Dir::Cache",
            "Dir::Etc::sourcelist",
        ):
            (value,) = [word.partition("=")[2] for word in argv if word.startswith(f"-o{option}=")]
            assert Path(value).is_relative_to(tmp_path / "a folder")
    assert "#clear APT::Update::Post-Invoke;" in apt.configurations[0]
    assert not (tmp_path / "a folder").exists()


def test_listed_and_not_delivered(had):
    with pytest.raises(DownloadError, match="does not deliver it") as raised:
        had(
            Apt(
                {"bookworm": [("3.15.2-1", PIN)]},
                delivers=False,
                stderr="N: no\nE: 404 http://me:pw@mirror.example/x",
            )
        )
    assert "E: 404" in raised.value.what
    assert "pw" not in str(raised.value)
    assert "./Python-3.15.2.tar.xz" in raised.value.remedy


def test_the_distribution_may_have_other_bytes(had):
    apt = Apt({"bookworm": [("3.15.2-1", "9" * 64)]})
    with pytest.raises(IntegrityError, match=r"3\.15\.2-1 is not python\.org's"):
        had(apt)
    assert apt.sources == []


def test_the_distribution_has_other_versions(had):
    with pytest.raises(MissingError, match=r"it has 3\.15\.1-1, 3\.15\.20-1\.") as raised:
        had(Apt({"bookworm": [("3.15.1-1", "9" * 64)], "unstable": [("3.15.20-1", "8" * 64)]}))
    assert "--mirror URL|FOLDER" in raised.value.remedy


def test_the_distribution_knows_no_such_package(had):
    with pytest.raises(MissingError, match="no version of it") as raised:
        had(Apt({}))
    assert "Unable to locate" not in str(raised.value)


def test_the_index_cannot_be_read(had):
    with pytest.raises(DownloadError, match="W: Failed to fetch") as raised:
        had(Apt({}, stderr="W: Failed to fetch x  Could not resolve 'mirror.example'"))
    assert "apt-get update" in raised.value.remedy
    assert "deb-src" not in str(raised.value)


def test_a_machine_without_such_sources(tmp_path):
    with pytest.raises(DownloadError, match="names no sources of Debian or Ubuntu packages"):
        distro.fetch(
            SOURCE,
            ArchiveCache(folder=tmp_path / "sources"),
            tmp_path / "x",
            runner=Apt({}),
            etc=tmp_path / "no-etc",
        )


def test_a_version_that_no_recipe_names_a_package_for(had):
    from dataclasses import replace

    with pytest.raises(DownloadError, match="No recipe knows"):
        had(Apt({}), replace(SOURCE, distro_package=""))


def test_a_machine_without_apt(had):
    def missing(argv, **_):
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    with pytest.raises(DownloadError, match="apt-get cannot be started") as raised:
        had(missing)
    assert "--mirror URL|FOLDER" in raised.value.remedy
