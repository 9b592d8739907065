"""jitbuild.lock: equal content has equal bytes, and a defective file is one clear error."""

import msgspec
import pytest
from fake_registry import HOST, FakeRegistry

from jitbuild.cli.lock import renewed
from jitbuild.errors import MissingError, SettingsError
from jitbuild.registry.client import connect
from jitbuild.registry.lock_file import (
    LockedInterpreter,
    LockFile,
    find_lock_file,
    read_lock_file,
    write_lock_file,
)
from jitbuild.registry.repository import Repository
from jitbuild.request import parse

DIGEST = f"sha256:{'a' * 64}"


def locked(target: str, key: str = "k", digest: str = DIGEST) -> LockedInterpreter:
    return LockedInterpreter(
        request="3.15", version="3.15.2", target=target, key=key, digest=digest
    )


LINUX, MACOS = locked("x86_64-linux-gnu", "1" * 64), locked("aarch64-macos", "2" * 64)


def test_a_lock_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "jitbuild.lock"
    lock = LockFile(registry="h/a", interpreter=(LINUX, MACOS))
    write_lock_file(path, lock)
    assert read_lock_file(path).interpreter == (MACOS, LINUX)
    assert read_lock_file(path).digest_of("1" * 64) == DIGEST
    assert read_lock_file(path).digest_of("3" * 64) is None


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("3.15", "x86_64-linux-gnu", "3.15.2"),
        ("3.15", "aarch64-linux-gnu", "3.15"),
        ("3.15.1", "x86_64-linux-gnu", "3.15.1"),
        ("3.14", "x86_64-linux-gnu", "3.14"),
    ],
)
def test_a_request_stays_at_the_locked_release(text, target, expected):
    assert (
        LockFile(registry="h/a", interpreter=(LINUX,)).pinned(parse(text), target).text == expected
    )


@pytest.mark.parametrize(
    "version", ["git+https://h.test/a", "./folder", "3.15.2 ", "", "x", "3.13.0", "3.15.2t"]
)
def test_a_lock_file_cannot_name_another_source_or_release(version):
    changed = msgspec.structs.replace(LINUX, version=version)
    pinned = LockFile(registry="h/a", interpreter=(changed,)).pinned(parse("3.15"), LINUX.target)
    assert pinned.text == "3.15"


def test_a_locked_request_remains_free_threaded():
    locked = msgspec.structs.replace(LINUX, request="3.15t")
    lock = LockFile(registry="h/a", interpreter=(locked,))
    assert lock.pinned(parse("3.15t"), LINUX.target).text == "3.15.2t"


def test_the_order_does_not_matter(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write_lock_file(one, LockFile(registry="h/a", interpreter=(LINUX, MACOS)))
    write_lock_file(other, LockFile(registry="h/a", interpreter=(MACOS, LINUX)))
    assert one.read_bytes() == other.read_bytes()


def test_the_nearest_lock_file_is_found(tmp_path):
    inner = tmp_path / "project" / "src"
    inner.mkdir(parents=True)
    assert find_lock_file(inner) is None
    (tmp_path / "project" / "jitbuild.lock").touch()
    assert find_lock_file(inner) == tmp_path / "project" / "jitbuild.lock"


def test_a_folder_to_which_access_is_denied_has_no_lock_file(tmp_path):
    class Denied(type(tmp_path)):
        def is_file(self, **_):
            raise PermissionError(13, "Permission denied")

    assert find_lock_file(Denied(tmp_path)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "cannot be read"),
        ("", "registry"),
        ('registry = "h/a"\nversion = 2', "has the format 2"),
        ('registry = "h/a"\nother = 1', "other"),
        ('registry = "h/a"\n[[interpreter]]\nrequest = "3.15"', "version"),
        (
            (
                'registry = "h/a"\n[[interpreter]]\nrequest = "3"\nversion = "3"\n'
                'target = "t"\nkey = "k"\ndigest = "sha256:1"'
            ),
            "digest",
        ),
    ],
)
def test_a_defective_lock_file_is_one_error(tmp_path, text, words):
    path = tmp_path / "jitbuild.lock"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_lock_file(path)
    assert words in str(caught.value)
    assert "jitbuild" in str(caught.value)


def test_a_locked_interpreter_that_the_registry_lacks_is_named():
    with (
        connect(Repository("https", HOST, "a/b"), effects=FakeRegistry().effects) as client,
        pytest.raises(MissingError) as caught,
    ):
        renewed(LINUX, client)
    assert caught.value.what == (
        f"{client.repository} has no 3.15.2 for x86_64-linux-gnu with the key 11111111, which "
        "jitbuild.lock states for 3.15."
    )


def test_a_name_of_the_store_is_not_locked(run, tmp_path):
    """A lock file is for other machines, whose stores do not have it."""
    code, _, err = run("lock", "cpython-3.15.2-jit-fast-0123abcd", "--registry", "127.0.0.1:1/a")
    assert code == 2
    assert "is the name of an interpreter in a store" in err
    assert not (tmp_path / "jitbuild.lock").exists()


@pytest.mark.parametrize("option", ["--profile=release", f"--sha256={'a' * 64}"])
def test_a_variant_without_a_request_is_refused(run, tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    write_lock_file(tmp_path / "jitbuild.lock", LockFile(registry="h/a", interpreter=(LINUX,)))
    code, _, err = run("lock", option, "--registry", "127.0.0.1:1/a")
    assert code == 2
    assert "A variant or a sha256 is stated, but no request." in err
