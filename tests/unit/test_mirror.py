"""Archives of releases from mirrors, folders and python.org, by way of the cache."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from source_fakes import HOME, MIRROR, FakeDownload, packed, sha

from jitbuild.errors import DownloadError, IntegrityError, MissingError, TruncatedError
from jitbuild.planning.plan import Source
from jitbuild.sources.origin import ArchiveOrigin


@pytest.fixture
def flat(release_archives):
    """The contents of a mirror with a flat layout, which has the .tar.xz."""
    return {f"{MIRROR}/Python-3.15.0.tar.xz": release_archives[0].read_bytes()}


def test_a_mirror_may_have_the_layout_of_python_org(obtained, release_archives):
    url = f"{MIRROR}/3.15.0/Python-3.15.0.tar.xz"
    tree = obtained(content={url: release_archives[0].read_bytes()})
    assert (tree.path / "Include/patchlevel.h").is_file()
    assert tree.path.name == "Python-3.15.0"
    assert tree.origin == url
    assert tree.verified == "sha256 pin in a recipe"
    assert os.access(tree.path / "configure", os.X_OK)


def test_a_prerelease_is_in_the_folder_of_its_version(obtained, release_source):
    source = Source(
        kind="release",
        digest=release_source.digest,
        location="https://www.python.org/ftp/python/3.15.0/Python-3.15.0b2.tar.xz",
        files=(("Python-3.15.0b2.tar.xz", release_source.digest),),
    )
    download = FakeDownload()
    with pytest.raises(MissingError):
        obtained(source, download=download)
    assert download.urls == [
        f"{MIRROR}/3.15.0/Python-3.15.0b2.tar.xz",
        f"{MIRROR}/Python-3.15.0b2.tar.xz",
    ]


def test_the_places_of_a_mirror_are_tried_in_order(obtained, release_archives):
    download = FakeDownload({f"{MIRROR}/Python-3.15.0.tgz": release_archives[1].read_bytes()})
    tree = obtained(download=download, pinned_by_user=True)
    assert tree.origin.endswith("/Python-3.15.0.tgz")
    assert tree.verified == "sha256 given by hand"
    assert [url.removeprefix(f"{MIRROR}/") for url in download.urls] == [
        "3.15.0/Python-3.15.0.tar.xz",
        "Python-3.15.0.tar.xz",
        "3.15.0/Python-3.15.0.tgz",
        "Python-3.15.0.tgz",
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"a login page", IntegrityError),
        (DownloadError("Broken.", remedy="Look."), DownloadError),
        (TruncatedError("Broken.", remedy="Look."), TruncatedError),
    ],
)
def test_only_a_missing_archive_is_looked_for_elsewhere(obtained, flat, content, error):
    """The right bytes at the next place, and the other archive, are not tried."""
    download = FakeDownload(flat | {f"{MIRROR}/3.15.0/Python-3.15.0.tar.xz": content})
    with pytest.raises(error):
        obtained(download=download)
    assert len(download.urls) == 1


@pytest.mark.parametrize(
    ("stated_by", "name"),
    [(("debian",), "Debian"), (("pyenv",), "pyenv"), (("pbs",), "python-build-standalone")],
)
def test_a_pin_with_one_publisher_may_be_wrong(obtained, release_source, stated_by, name):
    source = replace(release_source, stated_by=stated_by)
    content = {f"{MIRROR}/3.15.0/Python-3.15.0.tar.xz": b"other bytes"}
    with pytest.raises(IntegrityError) as raised:
        obtained(source, content=content)
    assert raised.value.what == f"{MIRROR}/3.15.0/Python-3.15.0.tar.xz has other bytes."
    assert raised.value.remedy == (
        f"Only {name} states this pin, so the pin itself may be wrong: `jitbuild recipes update` "
        "settles it. Until then, do not use this file, which may also be a proxy's login page or "
        "come from a bad mirror."
    )
    with pytest.raises(IntegrityError) as raised:
        obtained(source, content=content, pinned_by_user=True)
    assert raised.value.remedy == "Look."


@pytest.mark.parametrize(
    "statement",
    [
        {"stated_by": ("pbs", "pyenv")},
        {"stated_by": ("python.org",)},
        {"stated_by": ("debian",), "verified": "sigstore"},
        {},
    ],
)
def test_a_pin_that_is_confirmed_is_not_doubted(obtained, release_source, statement):
    content = {f"{MIRROR}/3.15.0/Python-3.15.0.tar.xz": b"other bytes"}
    with pytest.raises(IntegrityError) as raised:
        obtained(replace(release_source, **statement), content=content)
    assert raised.value.remedy == "Look."


def test_an_archive_that_the_mirror_lacks_is_not_requested_from_another(obtained):
    download = FakeDownload()
    with pytest.raises(
        MissingError, match=r"mirror\.example/py/3\.15\.0/Python-3\.15\.0\.tar\.xz"
    ) as raised:
        obtained(download=download)
    assert all(url.startswith("https://mirror.example/") for url in download.urls)
    assert "--mirror" in raised.value.remedy


def test_the_query_of_a_mirror_is_sent_and_its_secrets_are_not_shown(obtained, release_archives):
    url = "https://me:pw@mirror.example/3.15.0/Python-3.15.0.tar.xz?sig=abc"
    tree = obtained(
        origin=ArchiveOrigin.parse("https://me:pw@mirror.example/?sig=abc"),
        content={url: release_archives[0].read_bytes()},
    )
    assert tree.origin == "https://***@mirror.example/3.15.0/Python-3.15.0.tar.xz?***"


def test_an_archive_in_the_cache_is_not_downloaded_again(obtained, flat):
    download = FakeDownload(flat)
    obtained(download=download)
    requests = len(download.urls)
    assert obtained(download=download).origin == "cache"
    assert obtained(download=download, origin=ArchiveOrigin()).origin == "cache"
    assert len(download.urls) == requests


def test_a_damaged_archive_in_the_cache_is_downloaded_again(obtained, flat, tmp_path):
    obtained(content=flat)
    (archive,) = (tmp_path / "cache").rglob("*.tar.xz")
    archive.write_bytes(b"rot")
    assert obtained(content=flat).origin != "cache"
    assert obtained(content=flat).origin == "cache"


def test_archives_with_the_same_name_are_separate_in_the_cache(
    obtained, release_source, release_archives, tmp_path
):
    other = packed(
        release_archives[0].parent / "Python-3.15.0/Lib",
        tmp_path / "other" / release_archives[0].name,
    )
    other_source = Source(
        kind="release",
        digest=sha(other),
        location=release_source.location,
        files=((other.name, sha(other)),),
    )
    folder, other_folder = (
        ArchiveOrigin(kind="folder", place=str(path.parent))
        for path in (release_archives[0], other)
    )
    assert obtained(origin=folder).origin != "cache"
    assert obtained(other_source, origin=other_folder).origin != "cache"
    assert obtained().origin == obtained(other_source).origin == "cache"


@pytest.mark.parametrize("layout", ["", "3.15.0"])
def test_a_folder_may_be_a_mirror(obtained, release_archives, tmp_path, layout):
    mirror = tmp_path / "a mirror"
    (mirror / layout).mkdir(parents=True)
    shutil.copy(release_archives[1], mirror / layout)
    tree = obtained(origin=ArchiveOrigin.parse(mirror.as_uri()))
    assert tree.origin == str(mirror / layout / "Python-3.15.0.tgz")
    assert tree.path.is_dir()


def test_after_wrong_bytes_in_a_folder_nothing_else_is_tried(obtained, release_archives, tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "3.15.0").mkdir(parents=True)
    (mirror / "3.15.0/Python-3.15.0.tar.xz").write_bytes(b"other")
    shutil.copy(release_archives[0], mirror)
    with pytest.raises(IntegrityError):
        obtained(origin=ArchiveOrigin.parse(str(mirror)))


def test_the_error_for_a_folder_without_the_archive_names_the_paths(obtained, tmp_path):
    with pytest.raises(MissingError, match=r"3\.15\.0.Python-3\.15\.0\.tgz"):
        obtained(origin=ArchiveOrigin.parse(str(tmp_path)))


def test_python_org_is_tried_in_its_own_layout_only(obtained, release_archives):
    download = FakeDownload({f"{HOME}/Python-3.15.0.tgz": release_archives[1].read_bytes()})
    assert obtained(origin=ArchiveOrigin(), download=download).origin == f"{HOME}/Python-3.15.0.tgz"
    assert download.urls == [f"{HOME}/Python-3.15.0.tar.xz", f"{HOME}/Python-3.15.0.tgz"]


@pytest.mark.parametrize("kind", [DownloadError, TruncatedError, MissingError])
def test_an_error_of_python_org_names_the_alternatives(obtained, kind):
    content = {f"{HOME}/Python-3.15.0.tar.xz": kind("No.", remedy="Look.")}
    with pytest.raises(kind) as raised:
        obtained(origin=ArchiveOrigin(), content=content)
    assert type(raised.value) is kind
    for alternative in (
        "--mirror URL|FOLDER",
        "--mirror distro",
        "jitbuild install ./Python-3.15.0.tar.xz",
    ):
        assert alternative in raised.value.remedy
