"""Edits of series files: tags in the order of versions, and every comment kept."""

from __future__ import annotations

import tomllib

import pytest

from jitbuild.pins.series_file import new_file, with_tag
from jitbuild.recipes.catalog import shipped_folder

TEXT = """\
# The series.

series = "3.15"

[llvm]
major = 21 # why

# About the first one.
[[tag]]
version = "3.15.0b2"
tar-xz = "aa"

[[tag]]
version = "3.15.1"  # soon
tar-xz = "bb"
stated-by = ["debian"]

# A section.

# Nobody states it.
[[unpinned]]
version = "3.15.2"
reason = "none"

[[rule]]
id = "x"
why = "y"
"""
PIN = {"tar-xz": "cc", "stated-by": ["python.org"]}


def versions(text: str) -> list[str]:
    return [tag["version"] for tag in tomllib.loads(text)["tag"]]


@pytest.mark.parametrize(
    ("version", "order"),
    [
        ("3.15.0b1", ["3.15.0b1", "3.15.0b2", "3.15.1"]),
        ("3.15.0", ["3.15.0b2", "3.15.0", "3.15.1"]),
        ("3.15.10", ["3.15.0b2", "3.15.1", "3.15.10"]),
    ],
)
def test_a_new_tag_is_added_in_the_order_of_versions(version, order):
    new = with_tag(TEXT, version, PIN)
    assert versions(new) == order
    block = f'[[tag]]\nversion = "{version}"\ntar-xz = "cc"\nstated-by = ["python.org"]\n'
    assert new.replace(f"\n{block}", "") == TEXT


def test_a_tag_that_was_unpinned_is_no_longer_listed_as_such():
    new = with_tag(TEXT, "3.15.2", PIN)
    assert "unpinned" not in tomllib.loads(new)
    assert "Nobody states it" not in new
    assert "# A section.\n" in new
    assert versions(new) == ["3.15.0b2", "3.15.1", "3.15.2"]


def test_the_keys_of_a_known_tag_are_replaced_and_its_comments_kept():
    new = with_tag(TEXT, "3.15.1", {"tar-xz": "bb", "size": 7, "stated-by": ["debian", "x"]})
    assert 'version = "3.15.1"  # soon\n' in new
    assert tomllib.loads(new)["tag"][1] == {
        "version": "3.15.1",
        "tar-xz": "bb",
        "size": 7,
        "stated-by": ["debian", "x"],
    }
    assert len(new.splitlines()) == len(TEXT.splitlines()) + 1


def test_a_new_file_has_its_series_and_then_its_tags():
    new = with_tag(with_tag(new_file("3.16"), "3.16.0a2", PIN), "3.16.0a1", PIN)
    assert tomllib.loads(new)["series"] == "3.16"
    assert versions(new) == ["3.16.0a1", "3.16.0a2"]


def test_a_header_within_a_string_is_no_table():
    text = 'series = "3.15"\n\n[[rule]]\nid = "x"\nwhy = """\n[[tag]]\nversion = "3.15.0"\n"""\n'
    new = with_tag(text, "3.15.1", PIN)
    assert versions(new) == ["3.15.1"]
    assert tomllib.loads(new)["rule"] == tomllib.loads(text)["rule"]


@pytest.mark.parametrize("path", sorted(shipped_folder().glob("cpython-3.*.toml")), ids=str)
def test_the_shipped_files_are_edited_without_any_other_change(path):
    text = path.read_text()
    series = path.stem.removeprefix("cpython-")
    new = with_tag(text, f"{series}.99", PIN)
    assert versions(new)[-1] == f"{series}.99"
    assert [line for line in text.splitlines() if line not in new.splitlines()] == []
