"""Archives of releases from the distribution, by a fake apt."""

from __future__ import annotations

from pathlib import Path

import pytest
from apt_fakes import CONTENT, PIN, SOURCE, FakeApt

from jitbuild.errors import DownloadError, IntegrityError, MissingError
from jitbuild.sources import distro
from jitbuild.sources.archive_cache import ArchiveCache
from jitbuild.sources.origin import ArchiveOrigin


@pytest.fixture
def fetched(tmp_path, apt_folder):
    def fetch_into_cache(apt, source=SOURCE, names=("debian",)):
        archives = ArchiveCache(folder=tmp_path / "sources")
        scratch = tmp_path / "a folder"
        return distro.fetch(source, archives, scratch, runner=apt, etc=apt_folder, distro=names)

    return fetch_into_cache


def test_the_suites_of_the_machine_are_searched_first(fetched):
    apt = FakeApt({"bookworm": [("3.15.2-1", PIN)], "unstable": [("3.15.2-2", PIN)]})
    archive = fetched(apt)
    assert (archive.path.read_bytes(), archive.origin) == (CONTENT, "distro")
    assert apt.sources == ["python3.15=3.15.2-1"]
    assert len(apt.updates) == 1
    assert "deb-src" in apt.updates[0]
    assert "other.example" not in apt.updates[0]


def test_other_suites_are_searched_second(fetched):
    apt = FakeApt(
        {
            "bookworm": [("3.15.1-1", "2" * 64)],
            "unstable": [("3.15.4-1", "4" * 64), ("3.15.2-1", PIN)],
        }
    )
    assert fetched(apt).path.read_bytes() == CONTENT
    assert apt.sources == ["python3.15=3.15.2-1"]
    assert "Suites: stable testing unstable oldstable\n" in apt.updates[1]
    assert "debian-security" not in apt.updates[1]
    assert "signed-by: /usr/share/keyrings/debian-archive-keyring.gpg" in apt.updates[1]


def test_a_derivative_of_ubuntu_has_the_suites_of_ubuntu(fetched):
    apt = FakeApt({"devel": [("3.15.2-1ubuntu1", PIN)]})
    assert fetched(apt, names=("linuxmint", "ubuntu", "debian")).path.read_bytes() == CONTENT
    assert "Suites: devel\n" in apt.updates[1]


def test_an_unknown_distribution_has_only_its_own_suites(fetched):
    apt = FakeApt({"unstable": [("3.15.2-1", PIN)]})
    with pytest.raises(DownloadError):
        fetched(apt, names=("else",))
    assert len(apt.updates) == 1


def test_apt_uses_only_files_below_the_scratch_folder(fetched, tmp_path):
    apt = FakeApt({"bookworm": [("3.15.2-1", PIN)]})
    fetched(apt)
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


def test_an_archive_that_is_listed_but_not_delivered_is_a_download_error(fetched):
    with pytest.raises(DownloadError, match="does not deliver it") as raised:
        fetched(
            FakeApt(
                {"bookworm": [("3.15.2-1", PIN)]},
                delivers=False,
                stderr="N: no\nE: 404 http://me:pw@mirror.example/x",
            )
        )
    assert "E: 404" in raised.value.what
    assert "pw" not in str(raised.value)
    assert "./Python-3.15.2.tar.xz" in raised.value.remedy


def test_other_bytes_than_the_pinned_ones_are_refused(fetched):
    apt = FakeApt({"bookworm": [("3.15.2-1", "9" * 64)]})
    with pytest.raises(IntegrityError, match=r"3\.15\.2-1 is not the expected file"):
        fetched(apt)
    assert apt.sources == []


def test_other_versions_of_the_distribution_are_named(fetched):
    with pytest.raises(MissingError, match=r"it has 3\.15\.1-1, 3\.15\.20-1\.") as raised:
        fetched(
            FakeApt({"bookworm": [("3.15.1-1", "9" * 64)], "unstable": [("3.15.20-1", "8" * 64)]})
        )
    assert "--mirror URL|FOLDER" in raised.value.remedy


def test_an_unknown_package_has_no_version(fetched):
    with pytest.raises(MissingError, match="nor any other version") as raised:
        fetched(FakeApt({}))
    assert "Unable to locate" not in str(raised.value)


def test_an_index_that_cannot_be_read_is_a_download_error(fetched):
    with pytest.raises(DownloadError, match="W: Failed to fetch") as raised:
        fetched(FakeApt({}, stderr="W: Failed to fetch x  Could not resolve 'mirror.example'"))
    assert "apt-get update" in raised.value.remedy
    assert "deb-src" not in str(raised.value)


def test_without_sources_of_the_distribution_there_is_no_archive(tmp_path):
    with pytest.raises(DownloadError, match="lists no sources of Debian's or Ubuntu's packages"):
        distro.fetch(
            SOURCE,
            ArchiveCache(folder=tmp_path / "sources"),
            tmp_path / "x",
            runner=FakeApt({}),
            etc=tmp_path / "no-etc",
        )


def test_a_release_without_a_package_name_is_refused(fetched):
    from dataclasses import replace

    with pytest.raises(DownloadError, match="recipes do not know"):
        fetched(FakeApt({}), replace(SOURCE, distro_package=""))


def test_without_apt_the_remedy_names_a_mirror(fetched):
    def missing(argv, **_):
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    with pytest.raises(DownloadError, match="apt-get cannot be started") as raised:
        fetched(missing)
    assert "--mirror URL|FOLDER" in raised.value.remedy


def test_the_distribution_is_an_origin_of_releases(obtained):
    """The real one: on a machine without apt sources it fails before apt is started."""

    def missing(argv, **_):
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    with pytest.raises(DownloadError, match="--mirror distro needs it"):
        obtained(origin=ArchiveOrigin(kind="distro"), runner=missing)
