"""Importing interpreters: what is verified, rewritten and recorded, and what is refused."""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
from datetime import UTC, datetime

import pytest
import stores
from exports import FOLDER, KEY, NAME, forged, importer, plain_manifest, put
from reporters import RecordingReporter

from jitbuild.errors import (
    ArchiveError,
    DiskFullError,
    IntegrityError,
    JitbuildError,
    PreflightError,
    ProofError,
    UnsafeArchiveError,
    VariantError,
)
from jitbuild.providers.exporting import export
from jitbuild.providers.importing import accept_only
from jitbuild.store.store import Store
from jitbuild.system.archives import archive


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def file(tmp_path):
    """An archive of an interpreter of another store."""
    return export(put(Store(tmp_path / "origin")), tmp_path / "python.tar.zst").path


def accept(digest):
    """Accept every file."""


def assert_nothing_left(store):
    assert store.installed() == []
    assert store.scratch_folders() == []


def refusal(store, file, error=ArchiveError):
    with pytest.raises(error) as caught:
        importer(store).import_file(file, accept)
    assert type(caught.value) is error
    assert "scratch" not in str(caught.value).partition(": ")[0]
    assert_nothing_left(store)
    return caught.value.what


@pytest.mark.skipif(os.name != "posix", reason="POSIX has pipes and devices as files")
def test_a_device_or_a_pipe_is_refused_before_it_is_read(store, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero", "."):
        assert refusal(store, tmp_path / name).endswith(" cannot be read: it is not a file.")


def test_an_imported_interpreter_is_proven_and_its_files_name_its_new_folder(store, file, tmp_path):
    now = datetime(2026, 12, 1, tzinfo=UTC)
    imported, times = importer(store, now=lambda: now).import_file(file, accept)
    old = Store(tmp_path / "origin").get(NAME)
    assert [*times] == ["read", "unpack", "probe", "commit"]
    assert (imported.state, imported.created, imported.moved_from) == ("proven", now, None)
    assert imported.instance != old.instance
    assert imported.executable.read_text() == "3.15.2 yes-off"
    record = imported.manifest.imported
    assert (record.file, record.built) == ("python.tar.zst", old.created)
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert imported.manifest.source == old.manifest.source
    texts = [path.read_text() for path in imported.path.rglob("*") if path.is_file()]
    assert not [text for text in texts if str(tmp_path / "origin") in text]
    assert f"{imported.path}/bin/python3" in (imported.path / "bin/pip").read_text()
    assert os.access(imported.path / "bin/pip", os.X_OK)
    assert (imported.path / "bin/python").readlink().as_posix() == "python3"
    assert (imported.path / "include").is_dir()
    assert store.scratch_folders() == []


def test_an_interpreter_that_works_is_kept_and_replaced_on_request(store, file):
    first = importer(store).import_file(file, accept).interpreter
    again = importer(store).import_file(file, accept)
    assert (again.interpreter.instance, again.times) == (first.instance, {})
    replaced = importer(store, reinstall=True).import_file(file, accept).interpreter
    assert replaced.instance != first.instance


@pytest.mark.parametrize("content", ["broken", "3.15.2 yes-off ssl"])
def test_an_interpreter_that_no_longer_works_is_replaced(store, file, content):
    put(store, content)
    assert importer(store).import_file(file, accept).times
    assert store.get(NAME).executable.read_text() == "3.15.2 yes-off"


def test_the_digest_is_decided_before_the_file_is_read(store, tmp_path):
    file = tmp_path / "x.tar.zst"
    file.write_bytes(b"anything")
    digest = hashlib.sha256(b"anything").hexdigest()
    with pytest.raises(IntegrityError) as caught:
        importer(store).import_file(file, accept_only("0" * 64, file=file))
    assert f"expected sha256 {'0' * 64}, got {digest}" in caught.value.what
    assert_nothing_left(store)


def test_a_file_that_is_changed_after_it_was_accepted_is_not_used(store, file):
    content = file.read_bytes()

    def replace(digest):
        assert digest == hashlib.sha256(content).hexdigest()
        file.write_bytes(b"another")

    assert importer(store).import_file(file, replace).interpreter.proven


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, -1])
def test_a_truncated_file_is_refused_and_named(store, file, keep):
    content = file.read_bytes()
    size = int(len(content) * keep) if isinstance(keep, float) else keep
    file.write_bytes(content[:size])
    assert str(file) in refusal(store, file)


def test_every_change_of_a_byte_is_noticed_by_the_checksum_or_changes_nothing(store, file):
    content = file.read_bytes()
    for place in range(4, len(content), 97):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            importer(store, reinstall=True).import_file(file, accept)
        except ArchiveError:
            assert store.scratch_folders() == []


def test_other_files_are_not_archives_of_interpreters(store, tmp_path):
    text, folder, tar = tmp_path / "text", tmp_path / "folder", tmp_path / "a.tar.gz"
    text.write_text("text")
    folder.mkdir()
    with tarfile.open(tar, "w:gz") as archived:
        archived.add(text, "top/text")
    assert "not an archive" in refusal(store, text)
    with pytest.raises(ArchiveError) as caught:
        importer(store).import_file(text, accept)
    assert caught.value.remedy.startswith("Name a file that `jitbuild export` wrote.")
    assert "cannot be read" in refusal(store, folder)
    assert "cannot be read" in refusal(store, tmp_path / "missing")
    assert "is not an archive of an interpreter" in refusal(store, tar)


def test_an_archive_for_another_target_is_refused(store, tmp_path):
    file = forged(tmp_path / "a", plain_manifest() | {"target": "aarch64-macos"})
    assert "is for aarch64-macos, and this machine is x86_64-" in refusal(store, file, VariantError)


def changed(table, **fields):
    manifest = plain_manifest()
    return manifest | {table: manifest[table] | fields}


MANIFESTS = {
    "no TOML": b"\xff\0",
    "too large": b"#" * (2 << 20),
    "a wrong type": plain_manifest() | {"key": 1},
    "a missing key": {name: value for name, value in plain_manifest().items() if name != "key"},
    "another schema": plain_manifest() | {"schema": 99},
    "another name": plain_manifest() | {"name": NAME.replace("fast", "release")},
    "another version": plain_manifest() | {"version": "3.15.1"},
    "another variant": changed("variant", jit="no"),
    "another key": plain_manifest() | {"key": "f" * 64},
    "adopted": plain_manifest() | {"adopted": True, "executable": "/bin/sh"},
    "not proven": changed("verdict", ok=False),
    "a program outside": plain_manifest() | {"executable": "../../bin/sh"},
    "no origin": changed("verdict", executable=""),
    "a short origin": changed("verdict", executable="/bin/python3"),
    "a relative origin": changed("verdict", executable=f"x/{NAME}/bin/python3"),
}


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_that_no_export_writes_is_refused(store, tmp_path, manifest):
    file = forged(tmp_path / "a.tar.zst", MANIFESTS[manifest])
    assert "its manifest is not valid" in refusal(store, file)


def member(name, **fields):
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside", size=1),
        member("/outside", size=1),
        member(f"{NAME}/link", type=tarfile.SYMTYPE, linkname="../../../outside"),
        member(f"{NAME}/device", type=tarfile.CHRTYPE),
    ],
    ids=lambda info: info.name,
)
def test_an_archive_that_writes_elsewhere_is_refused(store, tmp_path, hostile):
    file = forged(tmp_path / "a.tar.zst", plain_manifest(), hostile)
    assert str(file) in refusal(store, file, UnsafeArchiveError)
    assert not [*tmp_path.rglob("outside")]


def test_a_second_folder_is_refused(store, tmp_path):
    file = forged(tmp_path / "a.tar.zst", plain_manifest(), member("other/file", size=1))
    assert "it has no" in refusal(store, file)


def test_a_huge_member_is_refused(store, tmp_path):
    path = tmp_path / "a.tar"
    inner = forged(tmp_path / "inner.tar.zst", plain_manifest())
    assert archive.unpack(inner, tmp_path / "content").name == NAME
    with tarfile.open(path, "w") as tar:
        tar.add(tmp_path / "content" / NAME / "jitbuild.toml", f"{NAME}/jitbuild.toml")
    end = path.read_bytes().rstrip(b"\0")
    header = member(f"{NAME}/huge", size=9 << 30).tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(end + bytes(-len(end) % 512) + header)
    assert "it would have more than 8.0 GB" in refusal(store, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("broken", "does not run here"),
        ("3.15.1 yes-off", "fails its probe here"),
        ("3.15.2 no", "fails its probe here"),
        ("3.15.2 yes-off ssl", "cannot import ssl here"),
    ],
)
def test_an_interpreter_that_is_not_as_exported_is_refused(store, tmp_path, content, message):
    origin = Store(tmp_path / "origin")
    file = export(put(origin, content), tmp_path / "python.tar.zst").path
    assert message in refusal(store, file, ProofError)


def test_missing_modules_that_were_missing_before_are_accepted(store, tmp_path):
    verdict = {"ok": True, "missing_modules": ["ssl"]}
    interpreter = put(Store(tmp_path / "o"), "3.15.2 yes-off ssl lzma", verdict=verdict)
    file = export(interpreter, tmp_path / "python.tar.zst").path
    reporter = RecordingReporter()
    imported = importer(store, reporter=reporter).import_file(file, accept).interpreter
    assert imported.recorded_missing == ("ssl", "lzma")
    assert [text for text in reporter.warnings if "cannot import lzma here" in text]


def test_a_store_in_whose_path_records_would_be_damaged_is_refused(tmp_path, file):
    store = Store(tmp_path / "it's")
    with pytest.raises(PreflightError, match="single quote"):
        importer(store).import_file(file, accept)
    assert not store.root.exists()


def test_a_full_disk_leaves_nothing(store, file, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "makefile", full)
    with pytest.raises(DiskFullError):
        importer(store).import_file(file, accept)
    assert_nothing_left(store)


def test_an_interruption_leaves_nothing(store, file):
    def interrupt(program, **options):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importer(store, probe=interrupt).import_file(file, accept)
    assert_nothing_left(store)


def test_a_prebuilt_interpreter_stays_one(store, tmp_path):
    name = NAME.replace("fast", "release-prebuilt")
    record = {"builder": "python-build-standalone", "build": "20261101"}
    origin = put(Store(tmp_path / "o"), name=name, profile="release", prebuilt=record)
    file = export(origin, tmp_path / "python.tar.zst").path
    imported = importer(store).import_file(file, accept).interpreter
    assert (imported.name, imported.provider) == (name, "prebuilt")
    assert imported.manifest.prebuilt == origin.manifest.prebuilt


def test_a_failed_import_keeps_the_interpreter_in_the_store(store, tmp_path):
    old = put(store)
    bad = export(put(Store(tmp_path / "origin"), "broken"), tmp_path / "python.tar.zst").path
    with pytest.raises(JitbuildError):
        importer(store, reinstall=True).import_file(bad, accept)
    assert store.get(NAME).instance == old.instance


def test_a_forged_archive_of_the_tests_would_be_imported(store, tmp_path):
    """The archives that are refused above differ from this one only in the forged fact."""
    file = forged(tmp_path / "a.tar.zst", plain_manifest())
    imported = importer(store).import_file(file, accept).interpreter
    assert (imported.name, imported.key) == (NAME, KEY)
    assert FOLDER not in (imported.path / "jitbuild.toml").read_text()
    assert imported.manifest.imported.built == stores.CREATED
