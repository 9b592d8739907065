"""recipes/prebuilt.toml: the shipped pins, what is refused, and pins from published metadata."""

import json
from urllib.parse import unquote

import pytest

from jitbuild.errors import RecipeError
from jitbuild.recipes.catalog import load_catalog, shipped_folder
from jitbuild.recipes.prebuilt_releases import standalone_archives, windows_archives
from jitbuild.recipes.reader import read_prebuilt
from jitbuild.target import TARGETS

SHIPPED = read_prebuilt(shipped_folder() / "prebuilt.toml")
STANDALONE, PYTHON_ORG = SHIPPED.builder
FEED = "https://www.python.org/ftp/python/index-windows.json"
ENTRY = {
    "builder": "python-build-standalone",
    "version": "3.15.3",
    "target": "x86_64-linux-gnu",
    "build": "20261201",
    "url": "https://example.org/cpython-3.15.3%2B20261201.tar.gz",
    "sha256": "a" * 64,
}


def written(folder, **changes):
    entry = {key: text for key, text in (ENTRY | changes).items() if text is not None}
    lines = ["[[archive]]", *(f'{key} = "{text}"' for key, text in entry.items())]
    (folder / "prebuilt.toml").write_text("\n".join(lines) + "\n")
    return folder


def test_every_shipped_archive_has_the_jit_by_what_its_builder_states():
    for archive in SHIPPED.archive:
        builder = SHIPPED.builder_of(archive)
        assert builder.has_jit(archive.version, archive.target, archive.build)
        assert archive.target in TARGETS
        assert archive.stated_by


def test_every_shipped_url_names_the_version_the_build_and_an_optimized_build():
    for archive in SHIPPED.archive:
        assert archive.url.startswith(
            "https://github.com/astral-sh/python-build-standalone/releases/download/"
        )
        name = f"cpython-{archive.version}+{archive.build}-"
        assert unquote(archive.url.rpartition("/")[2]) == archive.file_name
        assert archive.file_name.startswith(name)
        assert archive.file_name.endswith("-install_only_stripped.tar.gz")


def test_own_archives_and_builders_are_added_to_the_shipped_ones(tmp_path):
    catalog = load_catalog(written(tmp_path))
    versions = {(each.version, each.target) for each in catalog.prebuilt.archive}
    assert ("3.15.3", "x86_64-linux-gnu") in versions
    assert len(catalog.prebuilt.archive) == len(SHIPPED.archive) + 1


def test_an_own_archive_replaces_the_shipped_one(tmp_path):
    catalog = load_catalog(written(tmp_path, version="3.15.2"))
    (archive,) = (
        each
        for each in catalog.prebuilt.archive
        if (each.version, each.target) == ("3.15.2", "x86_64-linux-gnu")
    )
    assert archive.sha256 == "a" * 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": None}, "missing required field `sha256`"),
        ({"sha256": "abc"}, "sha256"),
        ({"url": None}, "missing required field `url`"),
        ({"checksum": "x"}, "unknown field `checksum`"),
        ({"version": "3.15"}, "'3.15' is not a version"),
        ({"target": "sparc-solaris"}, "matches no known target"),
        ({"builder": "somebody"}, "no recipe describes the builder 'somebody'"),
        ({"build": "20250101"}, "the build 20250101 of python-build-standalone, which has no JIT"),
        ({"target": "x86_64-macos"}, "which has no JIT"),
        ({"target": "x86_64-windows"}, "which has no JIT"),
        ({"version": "3.12.1"}, "which has no JIT"),
        ({"builder": "python.org", "version": "3.13.1", "target": "x86_64-windows"}, "no JIT"),
    ],
)
def test_an_archive_without_pin_or_jit_is_refused(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        load_catalog(written(tmp_path, **changes))


def test_two_archives_of_one_version_and_target_are_refused(tmp_path):
    path = written(tmp_path) / "prebuilt.toml"
    path.write_text(path.read_text() * 2)
    with pytest.raises(RecipeError, match=r"2 entries for the archive 3\.15\.3"):
        load_catalog(tmp_path)


def artifact(platform="x86_64-unknown-linux-gnu", variant="install_only_stripped", **fields):
    url = f"https://example.org/{platform}-{variant}.tar.gz"
    return {"platform": platform, "variant": variant, "url": url, "sha256": "b" * 64} | fields


def release(version, *artifacts):
    return json.dumps({"version": version, "date": "2026-11-10", "artifacts": artifacts})


def test_the_release_metadata_of_python_build_standalone_become_pins():
    lines = [
        release("3.15.2+20261110", artifact(), artifact("aarch64-apple-darwin")),
        release("3.15.2+20261101", artifact(sha256="c" * 64)),
        "",
    ]
    archives = standalone_archives(lines, STANDALONE, stated_by="astral-sh/versions")
    assert [(each.version, each.target, each.build) for each in archives] == [
        ("3.15.2", "x86_64-linux-gnu", "20261110"),
        ("3.15.2", "aarch64-macos", "20261110"),
    ]
    assert {(each.sha256, each.stated_by) for each in archives} == {
        ("b" * 64, ("astral-sh/versions",))
    }


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("3.15.2+20261110", {"sha256": None}),
        ("3.15.2+20261110", {"sha256": "x"}),
        ("3.15.2+20261110", {"variant": "debug+full"}),
        ("3.15.2+20261110", {"variant": "freethreaded+pgo+lto+full"}),
        ("3.15.2+20261110", {"platform": "x86_64-apple-darwin"}),
        ("3.15.2+20261110", {"platform": "x86_64-pc-windows-msvc"}),
        ("3.15.2+20261110", {"platform": "x86_64-unknown-linux-musl"}),
        ("3.14.0a4+20250205", {}),
        ("3.14.0a6+20250409", {"platform": "aarch64-apple-darwin"}),
        ("3.12.9+20250409", {}),
        ("nightly", {}),
    ],
)
def test_artifacts_without_checksum_or_jit_do_not_become_pins(version, fields):
    lines = [release(version, artifact(**fields))]
    assert standalone_archives(lines, STANDALONE, stated_by="x") == ()


def test_metadata_of_another_form_are_refused():
    for line in ("<html>", '{"version": 1}', b"\xff"):
        with pytest.raises(RecipeError, match="metadata of prebuilt archives cannot be read"):
            standalone_archives([line], STANDALONE, stated_by="x")


def package(file, *, sha256="d" * 64, folder="3.15.2"):
    url = f"https://www.python.org/ftp/python/{folder}/{file}"
    return {"id": "pythoncore-3.15-64", "url": url, "hash": {"sha256": sha256}}


def test_the_feed_for_windows_becomes_pins_of_the_usual_builds():
    page = {
        "versions": [
            package("python-3.15.2-amd64.zip"),
            package("python-3.15.2-arm64.zip"),
            package("python-3.15.2t-amd64.zip"),
            package("python-3.15.2-embed-amd64.zip"),
            package("python-3.15.2-test-amd64.zip"),
            package("python-3.15.2-win32.zip"),
            package("python-3.13.9-amd64.zip"),
            package("python-3.14.0-amd64.zip", sha256=""),
        ],
        "next": "index-windows-recent.json",
    }
    found = windows_archives(json.dumps(page), PYTHON_ORG, url=FEED)
    assert [(each.version, each.target) for each in found.archives] == [
        ("3.15.2", "x86_64-windows"),
        ("3.15.2", "aarch64-windows"),
    ]
    assert found.next == "https://www.python.org/ftp/python/index-windows-recent.json"


def test_the_last_page_of_the_feed_has_no_next_page():
    found = windows_archives(b'{"versions": []}', PYTHON_ORG, url=FEED)
    assert found == ((), "")
