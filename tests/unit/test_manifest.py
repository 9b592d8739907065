"""Reading and writing manifests."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import msgspec
import pytest
import stores
import tomli_w

from jitbuild.request import Patch, Variant
from jitbuild.store import manifest as manifests
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.manifest import Manifest, PatchRecord, VariantRecord

# Written by jitbuild 0.1.0 before manifests were structs.
WRITTEN_BY_0_1_0 = """\
schema = 1
name = "cpython-3.13.15-jit-fast-93a23b85"
instance = "0d0e7d5ad6a54ff1a7e4d1ea2ac1c9d4"
key = "93a23b8500000000000000000000000000000000000000000000000000000000"
version = "3.13.15"
adopted = false
request = "3.13.15"
target = "x86_64-linux-gnu"
created = 2026-11-26T08:09:10.123456Z
executable = "bin/python3.13"
missing_headers = [
    "gdbm",
]

[variant]
jit = "yes-off"
profile = "fast"
tail_call = false
free_threaded = false
configure_args = []
patches = []
includes = []

[source]
kind = "release"
digest = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
location = "https://www.python.org/ftp/python/3.13.15/Python-3.13.15.tar.xz"
road = "cache"
verified = "sha256"

[toolchain]
compiler = "gcc (Debian 12.2.0-14) 12.2.0"
libc = "glibc 2.36"

[toolchain.llvm]
version = "18.1.8"
origin = "managed"

[times]
configure = 11.4
total = 78.0

[caches]
configure = "miss"
stencils = "miss"

[caches.compiler]
hits = 3
misses = 4

[verdict]
version = "3.13.15"
implementation = "CPython"
executable = "/store/interpreters/cpython-3.13.15-jit-fast-93a23b85/bin/python3.13"
free_threaded = false
debug = false
ok = true
reason = ""
missing_modules = [
    "_gdbm",
]

[verdict.jit]
built = "yes-off"
available = true
active = true
machine_code_bytes = 4096

[verdict.jit.enabled]
off = false
default = false
on = true

[[verdict.checks]]
name = "runs"
ok = true
detail = "It runs."
"""


def read(folder, text):
    (folder / manifests.FILE).write_text(text)
    return manifests.load(folder)


def test_a_manifest_of_the_first_release_is_read_whole(tmp_path):
    manifest = read(tmp_path, WRITTEN_BY_0_1_0)
    written = tomli_w.dumps(manifest.to_plain())
    assert tomllib.loads(written) == tomllib.loads(WRITTEN_BY_0_1_0)
    assert manifest.variant.to_variant() == Variant()
    assert manifest.source.origin == "cache"
    assert manifest.verdict.missing == ("_gdbm",)
    assert manifest.created == datetime(2026, 11, 26, 8, 9, 10, 123456, tzinfo=UTC)


def test_a_written_manifest_is_read_back_equal(tmp_path):
    manifest = read(tmp_path, WRITTEN_BY_0_1_0)
    manifests.write(manifest, tmp_path)
    assert manifests.load(tmp_path) == manifest


def test_keys_of_a_newer_jitbuild_are_ignored(tmp_path):
    assert read(tmp_path, f"provider = 'source'\n{WRITTEN_BY_0_1_0}") is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema = 1", "schema = 2"),
        ('name = "cpython-3.13.15-jit-fast-93a23b85"\n', ""),
        ('jit = "yes-off"', 'jit = "maybe"'),
        ('profile = "fast"', 'profile = "slow"'),
        ("adopted = false", 'adopted = "no"'),
        ("[verdict]", "[other]"),
    ],
)
def test_a_manifest_of_another_schema_or_shape_is_not_read(tmp_path, old, new):
    with pytest.raises(ValueError):  # noqa: PT011
        read(tmp_path, WRITTEN_BY_0_1_0.replace(old, new, 1))


def test_a_misspelt_field_is_an_error():
    with pytest.raises(TypeError, match="verion"):
        Manifest(verion="3.15.2")


def test_a_variant_keeps_the_hash_of_a_patch_and_gets_its_path_from_a_record():
    variant = Variant(patches=(Patch(path="/home/me/fix.patch", sha256="a" * 64),))
    record = VariantRecord.of(variant)
    assert record.patches == ("a" * 64,)
    assert record.to_variant().patches == (Patch(path="", sha256="a" * 64),)
    files = [PatchRecord(path="/home/me/fix.patch", sha256="a" * 64)]
    assert record.to_variant(files) == variant


def test_an_adopted_manifest_has_neither_source_nor_toolchain():
    plain = stores.manifest(adopted=True).to_plain()
    assert not plain.keys() & {"source", "toolchain", "times", "caches", "target"}


def test_the_fingerprint_of_a_missing_file_is_none(tmp_path):
    assert Fingerprint.of(tmp_path / "missing") is None


def test_a_fingerprint_follows_links(tmp_path):
    (tmp_path / "python").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "python")
    fingerprint = Fingerprint.of(tmp_path / "link")
    assert fingerprint == Fingerprint.of(tmp_path / "python")
    assert msgspec.to_builtins(fingerprint)["size"] == 1


def test_a_path_has_its_own_bytes_in_the_file_in_every_locale(tmp_path, monkeypatch):
    """In the C locale, Python represents the bytes of a UTF-8 path by surrogates."""
    path = "/home/Z\udcc3\udcbcrich/bin/python3"
    manifests.write(stores.manifest(name="x", instance="1", executable=path), tmp_path)
    assert "/home/Z\u00fcrich/bin/python3" in (tmp_path / manifests.FILE).read_text(
        encoding="utf-8"
    )
    assert manifests.load(tmp_path).executable == "/home/Z\u00fcrich/bin/python3"


def test_a_path_that_is_not_utf_8_is_not_written(tmp_path):
    with pytest.raises(OSError, match="Invalid or incomplete"):
        manifests.write(
            stores.manifest(name="x", instance="1", executable="/home/b\udcffd"), tmp_path
        )
    assert not (tmp_path / manifests.FILE).exists()
