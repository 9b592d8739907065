"""Each fenced block of README.md and docs/ is checked by exactly one test file."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

import snippets

pytestmark = pytest.mark.skipif(
    not (snippets.ROOT / "docs").is_dir(), reason="the tests run without a checkout"
)


def test_every_snippet_is_checked_by_exactly_one_test_file():
    wrong = {
        f"{block.page}:{block.line} ({block.name})": checks
        for block in snippets.all_blocks()
        if len(checks := snippets.checks_of(block)) != 1
    }
    assert wrong == {}, "Enter new snippets in CHECKS of tests/snippets.py."


def test_every_check_has_a_snippet_a_test_and_a_reason():
    blocks = snippets.all_blocks()
    for pattern, check in snippets.CHECKS.items():
        assert any(fnmatchcase(block.name, pattern) for block in blocks), pattern
        assert (snippets.ROOT / check.where).exists(), check.where
        assert (check.how == snippets.RUN) == (not check.reason), pattern
        assert check.how in snippets.HOW


def test_a_new_snippet_is_noticed():
    text = (
        "# A page\n\nType:\n\n```console\n$ true\n```\n\n## More\n\n```\nout\n```\n```\nput\n```\n"
    )
    first, second, third = snippets.blocks(text, "docs/new.md")
    assert first == snippets.Block("docs/new.md", "A page", "console", 1, 5, "Type:", "$ true\n")
    assert (second.before, third.text) == ("", "put\n")
    assert second.name == "docs/new.md: More: output"
    assert third.name == "docs/new.md: More: output 2"
    assert snippets.checks_of(first) == []


def test_the_counts_name_each_kind_of_check():
    blocks = snippets.all_blocks()
    text = snippets.counts(blocks)
    assert text.startswith(f"{len(blocks)} snippets: ")
    assert all(how in text for how in snippets.HOW)
