"""Applying a plan's edits to a source tree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cache_samples import CATALOG, LINUX

from jitbuild.building.source_edits import apply_edits
from jitbuild.errors import SourceError
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.recipes.rules import Edit
from jitbuild.request import Variant, parse

PLAN = make_plan(resolve_version(parse("3.13.15"), CATALOG), Variant(), LINUX.target, CATALOG)
NEEDED = Edit(file="Makefile.pre.in", find="all: build", replace="all: fast")


@pytest.fixture
def tree(tmp_path):
    """A tree with the text of every edit of 3.13.15 in it."""
    for file in {edit.file for edit in PLAN.edits}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        texts = [edit.find for edit in PLAN.edits if edit.file == file]
        (tmp_path / file).write_text("\n".join(texts))
    return tmp_path


def test_every_edit_is_applied_once(tree, reporter):
    apply_edits(PLAN, tree, reporter)
    assert PLAN.edits
    for edit in PLAN.edits:
        text = (tree / edit.file).read_text()
        assert edit.find not in text
        assert edit.replace in text
    assert reporter.messages == []


def test_an_optional_edit_that_does_not_fit_is_skipped_with_a_note(tree, reporter):
    optional = replace(PLAN, edits=(Edit(file="a.c", find="x", replace="y", optional=True),))
    (tree / "a.c").write_text("something newer")
    apply_edits(optional, tree, reporter)
    assert reporter.notes == ["Skipped an optional edit: a.c does not contain 'x'."]
    assert (tree / "a.c").read_text() == "something newer"


def test_an_optional_edit_of_a_missing_file_is_skipped_with_a_note(tree, reporter):
    optional = replace(PLAN, edits=(Edit(file="no.c", find="x", replace="y", optional=True),))
    apply_edits(optional, tree, reporter)
    assert reporter.notes == ["Skipped an optional edit: no.c is not in this tree."]


@pytest.mark.parametrize("text", ["all: other\n", "all: build\nall: build\n"])
def test_a_needed_edit_must_fit_exactly_once(tree, reporter, text):
    (tree / "Makefile.pre.in").write_text(text)
    with pytest.raises(SourceError, match="does not contain 'all: build' exactly once"):
        apply_edits(replace(PLAN, edits=(NEEDED,)), tree, reporter)


def test_a_needed_edit_of_a_missing_file_is_an_error(tree, reporter):
    missing = replace(PLAN, edits=(Edit(file="no/such/file", find="x", replace="y"),))
    with pytest.raises(SourceError, match="complete CPython source tree"):
        apply_edits(missing, tree, reporter)
