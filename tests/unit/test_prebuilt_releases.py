"""Pins from the metadata that the builders of prebuilt archives publish."""

import json

import pytest

from jitbuild.errors import DownloadError
from jitbuild.pins.prebuilt_pins import FEED, RELEASES
from jitbuild.pins.prebuilt_releases import standalone_archives, windows_archives
from jitbuild.recipes.catalog import shipped_folder
from jitbuild.recipes.reader import read_prebuilt

STANDALONE, PYTHON_ORG = read_prebuilt(shipped_folder() / "prebuilt.toml").builder


def artifact(platform="x86_64-unknown-linux-gnu", variant="install_only_stripped", **fields):
    url = f"https://example.org/{platform}-{variant}.tar.gz"
    return {"platform": platform, "variant": variant, "url": url, "sha256": "b" * 64} | fields


def release(version, *artifacts):
    document = {"version": version, "date": "2026-11-10", "artifacts": artifacts}
    return json.dumps(document).encode()


def test_the_release_metadata_of_python_build_standalone_become_pins():
    lines = [
        release("3.15.2+20261110", artifact(), artifact("aarch64-apple-darwin")),
        release("3.15.2+20261101", artifact(sha256="c" * 64)),
        b"",
    ]
    archives = standalone_archives(lines, STANDALONE, url=RELEASES, stated_by="astral-sh/versions")
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
    assert standalone_archives(lines, STANDALONE, url=RELEASES, stated_by="x") == ()


def test_metadata_of_another_form_are_refused():
    for line in (b"<html>", b'{"version": 1}', b"\xff"):
        with pytest.raises(DownloadError, match=r"answer of .*ndjson cannot be used"):
            standalone_archives([line], STANDALONE, url=RELEASES, stated_by="x")


def package(file, *, sha256="d" * 64, folder="3.15.2", **fields):
    """Return an entry in the form of those in tests/data of github.com/python/pymanager."""
    url = f"https://www.python.org/ftp/python/{folder}/{file}"
    return {
        "schema": 1,
        "id": "pythoncore-3.15-64",
        "sort-version": "3.15.2",
        "company": "PythonCore",
        "tag": "3.15-64",
        "install-for": ["3.15.2-64", "3.15-64", "3-64"],
        "alias": [{"name": "python3.15.exe", "target": "python.exe"}],
        "display-name": "Python 3.15.2",
        "executable": "./python.exe",
        "url": url,
        "hash": {"sha256": sha256},
    } | fields


def read(page):
    return windows_archives(json.dumps(page).encode(), PYTHON_ORG, url=FEED)


def test_the_feed_for_windows_becomes_pins_of_the_usual_builds():
    no_hash = package("python-3.14.9-amd64.zip")
    del no_hash["hash"]
    page = {
        "versions": [
            package("python-3.15.2-amd64.zip"),
            package("python-3.15.2-arm64.zip", url="3.15.2/python-3.15.2-arm64.zip"),
            package("python-3.15.2t-amd64.zip"),
            package("python-3.15.2-embed-amd64.zip"),
            package("python-3.15.2-test-amd64.zip"),
            package("python-3.15.2-win32.zip"),
            package("python-3.14.0b2-amd64.zip", folder="3.14.0"),
            package("python-3.14.0b1-amd64.zip", folder="3.14.0"),
            package("python-3.13.9-amd64.zip"),
            package("python-3.14.0-amd64.zip", sha256=""),
            package("x", url="https://elsewhere.example/python-3.15.1-amd64.zip"),
            package("x", url="https://["),
            package("python-3.\u0661\u0665.2-amd64.zip", folder="3.15.2"),
            no_hash,
        ],
        "next": "index-windows-recent.json",
    }
    found = read(page)
    assert [(each.version, each.target) for each in found.archives] == [
        ("3.15.2", "x86_64-windows"),
        ("3.15.2", "aarch64-windows"),
        ("3.14.0b2", "x86_64-windows"),
    ]
    assert {each.url.rpartition("/")[0] for each in found.archives} == {
        "https://www.python.org/ftp/python/3.15.2",
        "https://www.python.org/ftp/python/3.14.0",
    }
    assert {each.stated_by for each in found.archives} == {("python.org",)}
    assert found.next == "https://www.python.org/ftp/python/index-windows-recent.json"


def test_the_last_page_of_the_feed_has_no_next_page():
    assert read({"versions": []}) == ((), "")
    assert read({"versions": [], "next": "https://["}) == ((), "")


@pytest.mark.parametrize(
    "page", [{}, [], {"versions": [package("x", schema=2)]}, {"versions": [package("x", url=1)]}]
)
def test_a_feed_of_another_form_is_refused(page):
    with pytest.raises(DownloadError, match=r"index-windows\.json cannot be used"):
        read(page)
