"""`jitbuild recipes update prebuilt`: new pins from the builders' metadata, in the own recipes."""

import json

import pytest

from jitbuild.errors import DownloadError, RecipeError
from jitbuild.pins import prebuilt_pins
from jitbuild.pins.prebuilt_pins import (
    FEED,
    RELEASES,
    new_archives,
    write_archives,
)
from jitbuild.recipes.catalog import load_catalog

SHIPPED = load_catalog().prebuilt
PAGES = {
    FEED: {
        "versions": [
            {
                "id": "pythoncore-3.15-64",
                "url": "https://www.python.org/ftp/python/3.15.3/python-3.15.3-amd64.zip",
                "hash": {"sha256": "e" * 64},
            }
        ],
        "next": "index-windows-recent.json",
    },
    "https://www.python.org/ftp/python/index-windows-recent.json": {"versions": []},
}


def release(version, sha256="f" * 64, platform="x86_64-unknown-linux-gnu"):
    name = f"cpython-{version.replace('+', '%2B')}-{platform}-install_only_stripped.tar.gz"
    artifact = {
        "platform": platform,
        "variant": "install_only_stripped",
        "url": f"https://example.org/{name}",
        "sha256": sha256,
    }
    return json.dumps({"version": version, "artifacts": [artifact]})


def get(*lines):
    def answer(url):
        if url == RELEASES:
            return "\n".join(lines).encode()
        return json.dumps(PAGES[url]).encode()

    return answer


def test_new_archives_of_both_builders_are_found():
    found = new_archives(SHIPPED, get=get(release("3.15.3+20261201")))
    assert [(each.version, each.target) for each in found] == [
        ("3.15.3", "x86_64-linux-gnu"),
        ("3.15.3", "x86_64-windows"),
    ]


def test_known_and_older_builds_are_not_found_again():
    known = next(each for each in SHIPPED.archive if each.version == "3.15.2")
    same = release(f"3.15.2+{known.build}", known.sha256)
    older = release("3.15.2+20261028")
    assert [each.version for each in new_archives(SHIPPED, get=get(same))] == ["3.15.3"]
    assert [each.version for each in new_archives(SHIPPED, get=get(older))] == ["3.15.3"]
    newer = new_archives(SHIPPED, get=get(release("3.15.2+20270101")))
    assert [(each.version, each.build) for each in newer] == [
        ("3.15.2", "20270101"),
        ("3.15.3", ""),
    ]


def test_what_is_written_is_read_again(tmp_path):
    found = new_archives(SHIPPED, get=get(release("3.15.3+20261201")))
    path = write_archives(found, tmp_path / "recipes")
    merged = load_catalog(path.parent).prebuilt
    assert {*found} <= {*merged.archive}
    assert len(merged.archive) == len(SHIPPED.archive) + 2
    assert new_archives(merged, get=get(release("3.15.3+20261201"))) == []
    newer = new_archives(merged, get=get(release("3.15.3+20261231", "0" * 64)))
    write_archives(newer, path.parent)
    assert path.read_text().count("[[archive]]") == 2


def test_a_page_on_another_server_is_not_followed(monkeypatch):
    asked = []

    def answer(url):
        asked.append(url)
        if url == RELEASES:
            return b""
        return json.dumps({"versions": [], "next": "https://elsewhere.example/index.json"}).encode()

    assert new_archives(SHIPPED, get=answer) == []
    assert asked == [RELEASES, FEED]


def test_an_own_file_that_is_not_toml_is_kept_and_reported(tmp_path):
    (tmp_path / "prebuilt.toml").write_text("[[archive")
    with pytest.raises(RecipeError, match="cannot be read"):
        write_archives([], tmp_path)
    assert (tmp_path / "prebuilt.toml").read_text() == "[[archive"


def test_the_command_writes_the_pins_and_names_them(run, tmp_path, monkeypatch):
    answer = get(release("3.15.3+20261201"))
    monkeypatch.setattr(prebuilt_pins, "fetch", answer)
    code, out, err = run("recipes", "update", "prebuilt", "--recipes", str(tmp_path / "own"))
    assert code == 0, err
    assert "3.15.3  x86_64-linux-gnu  python-build-standalone 20261201" in out
    assert f"Wrote {tmp_path / 'own' / 'prebuilt.toml'}." in err
    code, out, err = run("recipes", "update", "prebuilt", "--recipes", str(tmp_path / "own"))
    assert (code, out) == (0, "")
    assert "every archive" in err


def test_nothing_is_written_if_a_builder_cannot_be_reached(run, tmp_path, monkeypatch):
    def fail(url):
        raise DownloadError(f"{url} cannot be reached.", remedy="Check the network.")

    monkeypatch.setattr(prebuilt_pins, "fetch", fail)
    code, *_ = run("recipes", "update", "prebuilt", "--recipes", str(tmp_path / "own"))
    assert code == DownloadError.exit_code
    assert not (tmp_path / "own").exists()
