"""Atomic writes, locks, errors of a disk, and files that are provided whole or not at all."""

import contextlib
import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from reporters import RecordingReporter

from jitbuild.errors import DiskFullError, DownloadError, IntegrityError, StoreError
from jitbuild.system import cancellation
from jitbuild.system.checksums import remove_if_different, sha256_of
from jitbuild.system.files import (
    as_store_error,
    copy_verified,
    exclusive_lock,
    provide_file,
    shared_lock,
    store_errors,
    write_atomically,
)

SECONDS = 30  # an upper limit for waits that end at once unless the code is broken
DATA = b"content" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


@contextlib.contextmanager
def held_by_another_thread(path: Path):
    """Hold the lock of `path` in a thread; yields a function that releases it."""
    held, release = threading.Event(), threading.Event()

    def hold():
        with exclusive_lock(path, on_wait=lambda: pytest.fail("the lock was not free")):
            held.set()
            release.wait(SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(SECONDS)
        yield release.set
    finally:
        release.set()
        thread.join(SECONDS)


def no_wait():
    pytest.fail("waited for a lock that was free")


# locks


def test_a_free_lock_is_taken_without_a_wait(tmp_path):
    path = tmp_path / "file"
    with exclusive_lock(path, no_wait):
        assert (tmp_path / "file.lock").exists()
    with exclusive_lock(path, no_wait):
        pass


def test_waiting_for_a_held_lock_is_reported_once(tmp_path):
    path, waits = tmp_path / "file", []
    with held_by_another_thread(path) as release:

        def on_wait():
            waits.append("waiting")
            release()

        with exclusive_lock(path, on_wait):
            assert waits == ["waiting"]


def test_locks_of_different_files_do_not_wait_for_each_other(tmp_path):
    with held_by_another_thread(tmp_path / "one"), exclusive_lock(tmp_path / "other", no_wait):
        pass


def test_waiting_for_a_lock_ends_when_the_task_group_is_cancelled(tmp_path):
    path = tmp_path / "file"
    with (
        held_by_another_thread(path),
        pytest.raises(cancellation.Cancelled),
        cancellation.task_group() as group,
        exclusive_lock(path, on_wait=group.cancel),
    ):
        pytest.fail("the lock was taken")


def test_an_error_in_the_block_releases_the_lock(tmp_path):
    with pytest.raises(ValueError, match="x"), exclusive_lock(tmp_path / "file", no_wait):
        raise ValueError("x")
    with exclusive_lock(tmp_path / "file", no_wait):
        pass


@pytest.mark.skipif(os.name != "posix", reason="there is no exec")
def test_shared_locks_wait_only_for_an_exclusive_lock(tmp_path):
    path, waits = tmp_path / "file", []
    with shared_lock(path, no_wait), shared_lock(path, no_wait):
        other = FileLock(tmp_path / "file.lock", is_singleton=False)
        with pytest.raises(Timeout):
            other.acquire(timeout=0)
    with held_by_another_thread(path) as release:

        def on_wait():
            waits.append("waiting")
            release()

        with shared_lock(path, on_wait):
            assert waits == ["waiting"]


# atomic writes


@pytest.mark.parametrize("data", [b"new\n", "new\n"])
def test_a_file_is_written_or_replaced(tmp_path, data):
    path = tmp_path / "file"
    for _ in range(2):
        write_atomically(path, data)
        assert path.read_bytes() == b"new\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_the_mode_of_a_file_can_be_set(tmp_path):
    write_atomically(tmp_path / "file", "#!/bin/sh\n", mode=0o755)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o755


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*_):
        raise OSError(errno.EIO, "bad disk")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="bad disk"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


# errors of the disk


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (getattr(errno, "EDQUOT", errno.ENOSPC), DiskFullError),
        (errno.EACCES, StoreError),
    ],
)
def test_an_error_of_the_disk_becomes_a_store_error(tmp_path, number, kind):
    with pytest.raises(StoreError) as raised, store_errors(tmp_path):
        raise OSError(number, "reason")
    assert type(raised.value) is kind
    assert str(tmp_path) in raised.value.what
    assert "reason" in raised.value.what


def test_the_file_of_the_error_is_named_when_it_is_known(tmp_path):
    error = as_store_error(OSError(errno.EACCES, "denied", "/some/file"), tmp_path)
    assert error.what.startswith("/some/file ")


def test_a_closed_pipe_is_not_an_error_of_the_disk(tmp_path):
    with pytest.raises(BrokenPipeError), store_errors(tmp_path):
        raise BrokenPipeError(errno.EPIPE, "reader is gone")


# checksums


def test_a_file_with_the_right_hash_stays(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    assert sha256_of(path) == SHA
    assert remove_if_different(path, SHA.upper()) is None
    assert remove_if_different(path, None) is None
    assert path.exists()


def test_a_file_with_a_wrong_hash_is_removed_and_its_hash_returned(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    assert remove_if_different(path, "0" * 64) == SHA
    assert not path.exists()


# files that are provided whole


def test_a_file_is_not_fetched_when_another_process_provided_it_meanwhile(tmp_path):
    dest = tmp_path / "file"
    with held_by_another_thread(dest) as release:

        def finish(_text):
            dest.write_bytes(DATA)
            release()

        reporter = RecordingReporter(on_message=finish)
        provide_file(dest, _no_fetch, sha256=SHA, reporter=reporter, title=None)
    assert reporter.notes == ["Waiting for another process that is fetching file."]


def _no_fetch(part, stage):
    pytest.fail("the file was fetched")


def test_a_file_with_a_wrong_hash_is_replaced_with_a_warning(tmp_path):
    source, dest = tmp_path / "source", tmp_path / "dest"
    source.write_bytes(DATA)
    dest.write_bytes(b"other")
    reporter = RecordingReporter()
    assert copy_verified(source, dest, sha256=SHA, reporter=reporter) == dest
    assert dest.read_bytes() == DATA
    assert reporter.titles == ["Fetching dest"]
    assert reporter.warnings == [f"{dest} has the wrong content; fetching it again."]
    assert reporter.progress[-1] == (len(DATA), len(DATA))


def test_a_part_is_removed_when_the_disk_is_full_and_kept_after_other_errors(tmp_path):
    dest = tmp_path / "dest"
    part = tmp_path / "dest.part"

    def failing(number):
        def fetch(path, stage):
            path.write_bytes(b"a part")
            raise OSError(number, "reason")

        return fetch

    options = {"sha256": None, "reporter": RecordingReporter(), "title": None}
    with pytest.raises(StoreError):
        provide_file(dest, failing(errno.EIO), **options)
    assert part.exists()
    with pytest.raises(DiskFullError):
        provide_file(dest, failing(errno.ENOSPC), **options)
    assert not part.exists()


def test_a_copy_with_a_wrong_hash_leaves_nothing(tmp_path):
    source, dest = tmp_path / "source", tmp_path / "dest"
    source.write_bytes(DATA)
    with pytest.raises(IntegrityError, match=f"expected sha256 {'0' * 64}, got {SHA}"):
        copy_verified(source, dest, sha256="0" * 64)
    assert {path.name for path in tmp_path.iterdir()} <= {"source", "dest.lock"}


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_source_that_cannot_be_read_or_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(DownloadError):
        copy_verified(tmp_path / name, tmp_path / "new" / "dest", sha256=None)
