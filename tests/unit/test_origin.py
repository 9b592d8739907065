"""The value of --mirror."""

from __future__ import annotations

import pytest

from jitbuild.errors import UsageError
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.system.urls import Address


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_mirror_means_python_org(text):
    assert ArchiveOrigin.parse(text) == ArchiveOrigin(kind="python.org")


@pytest.mark.parametrize(
    "text",
    [
        "https://mirror.example/python",
        "http://127.0.0.1:8000",
        "HTTPS://u:p@mirror.example/x?sig=1",
    ],
)
def test_an_http_url_is_a_mirror(text):
    assert ArchiveOrigin.parse(text) == ArchiveOrigin(kind="mirror", place=Address(text))


def test_distro_is_a_word_in_any_case():
    assert (
        ArchiveOrigin.parse("distro")
        == ArchiveOrigin.parse("Distro")
        == ArchiveOrigin(kind="distro")
    )


def test_a_folder_and_its_file_url_are_the_same_origin(tmp_path, monkeypatch):
    folder = tmp_path / "my mirror"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    origins = {
        ArchiveOrigin.parse(text)
        for text in (str(folder), "my mirror", "./my mirror", folder.as_uri())
    }
    assert origins == {ArchiveOrigin(kind="folder", place=str(folder))}


@pytest.mark.parametrize(
    "text",
    [
        "ftp://mirror.example",
        "https://",
        "https://[bad",
        "nowhere",
        "/no/such/folder",
        "file:///no/such",
        "file://other/x",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError):
        ArchiveOrigin.parse(text)


def test_a_file_url_must_name_an_existing_folder():
    with pytest.raises(UsageError, match="file:///no/such is not an existing folder"):
        ArchiveOrigin.parse("file:///no/such")


def test_a_misspelt_distro_gets_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean distro"):
        ArchiveOrigin.parse("distor")


def test_a_password_is_not_shown():
    with pytest.raises(UsageError) as raised:
        ArchiveOrigin.parse("ftp://me:secret@mirror.example")
    assert "secret" not in str(raised.value)
