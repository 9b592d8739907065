"""Apply a plan's edits to a source tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.planning.plan import Plan
    from jitbuild.recipes.rules import Edit
    from jitbuild.system.progress import Reporter


def apply_edits(plan: Plan, source: Path, reporter: Reporter) -> None:
    """Apply the plan's edits to the tree in `source`.

    An optional edit that does not fit is skipped with a note. Any other edit raises SourceError if
    its file cannot be read, or if the file does not contain the edit's text exactly once.
    """
    for edit in plan.edits:
        path = source / edit.file
        if edit.optional and not path.exists():
            reporter.note(f"Skipped an optional edit: {edit.file} is not in this tree.")
        else:
            _apply(edit, path, reporter)


def _apply(edit: Edit, path: Path, reporter: Reporter) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}.",
            remedy="Check that this is a complete CPython source tree.",
        ) from error
    if text.count(edit.find) == 1:
        path.write_text(text.replace(edit.find, edit.replace), encoding="utf-8")
    elif edit.optional:
        reporter.note(f"Skipped an optional edit: {edit.file} does not contain {edit.find!r}.")
    else:
        raise SourceError(
            f"{edit.file} does not contain {edit.find!r} exactly once, so the recipe's edit does "
            "not fit this tree.",
            remedy="Correct the recipe's edit for this version (docs/recipes.md), or choose "
            "another version.",
        )
