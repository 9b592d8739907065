"""Requests for archives, and for paths that are neither an archive nor a source tree."""

from __future__ import annotations

import pytest
from source_fakes import described, sha

from jitbuild.errors import ArchiveError, IntegrityError, SourceError
from jitbuild.planning.plan import Source
from jitbuild.sources.origin import ArchiveOrigin


def test_an_archive_is_described_and_unpacked(obtained, release_archives, tmp_path):
    resolved = described(release_archives[0], tmp_path)
    assert (resolved.version, resolved.llvm_major) == ("3.15.0", 21)
    assert resolved.source == Source(
        kind="archive",
        digest=sha(release_archives[0]),
        location=str(release_archives[0]),
        files=((release_archives[0].name, sha(release_archives[0])),),
    )
    tree = obtained(resolved.source, origin=ArchiveOrigin())
    assert (tree.path / "Lib/os.py").is_file()
    assert (tree.origin, tree.verified) == ("archive", "sha256 of the file as given")


def test_an_archive_must_have_the_sha256_that_was_given(release_archives, tmp_path):
    assert described(release_archives[0], tmp_path, sha256=sha(release_archives[0]).upper())
    with pytest.raises(IntegrityError, match="expected sha256 0000"):
        described(release_archives[0], tmp_path, sha256="0" * 64)


def test_an_archive_that_changes_afterwards_is_refused(obtained, release_archives, tmp_path):
    source = described(release_archives[0], tmp_path).source
    release_archives[0].write_bytes(release_archives[0].read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match="changed"):
        obtained(source)


def test_a_damaged_archive_is_refused(tmp_path):
    (tmp_path / "x.tar.xz").write_bytes(b"rubbish")
    with pytest.raises(ArchiveError):
        described(tmp_path / "x.tar.xz", tmp_path)


@pytest.mark.parametrize("text", ["/no/such.tar.xz", "/no/such/folder"])
def test_a_path_that_does_not_exist_is_refused(tmp_path, text):
    with pytest.raises(SourceError, match="does not exist"):
        described(text, tmp_path)


def test_a_url_of_an_archive_is_refused_for_lack_of_a_pin(tmp_path):
    with pytest.raises(SourceError, match="is a URL") as raised:
        described("https://me:pw@www.python.org/x/Python-3.15.0.tar.xz", tmp_path)
    assert "--sha256" in raised.value.remedy
    assert "pw" not in str(raised.value)


def test_a_folder_with_the_suffix_of_an_archive_is_refused(tmp_path, mini_cpython):
    with pytest.raises(SourceError, match="is not a file"):
        described(mini_cpython(tmp_path / "x.zip"), tmp_path)


def test_a_file_without_the_suffix_of_an_archive_is_refused(tmp_path):
    (tmp_path / "x.rpm").touch()
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        described(tmp_path / "x.rpm", tmp_path)


@pytest.mark.parametrize(
    "name", ["python", "python3.13", "python3.14t", "python3.15d", "python.exe"]
)
def test_an_interpreter_is_refused_as_a_source(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(SourceError, match="is an interpreter") as raised:
        described(tmp_path / name, tmp_path)
    assert "jitbuild adopt" in raised.value.remedy
