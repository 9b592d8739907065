"""Everything that a person or a file can contain ends with its own error: 70 is for bugs.

CONTRIBUTING.md describes the session and its variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hostile_archives
import hostile_commands
import hostile_files
import hostile_releases
import hostile_signatures
import pytest
from fuzzing import BUG, fuzz

if TYPE_CHECKING:
    from pathlib import Path

    from fuzzing import Bounds, Ending, Tally

FIELDS = {
    "requests": hostile_commands.request,
    "options": hostile_commands.options,
    "settings": hostile_files.settings,
    "manifests": hostile_files.manifest,
    "recipes": hostile_files.recipe,
    "pyperf files": hostile_files.pyperf_file,
    "records of runs": hostile_files.records,
    "archives": hostile_archives.archive,
    "signatures": hostile_signatures.signature,
    "releases": hostile_releases.release,
}
# A hostile archive is damaged or unsafe, whatever it does to the disk.
_OF_ARCHIVES = {0, 10, 11}


SHARE = 1 / (len(FIELDS) + 1)


def is_expected(field: str, ending: Ending) -> bool:
    return ending.code in _OF_ARCHIVES if field == "archives" else ending.code != BUG


@pytest.mark.parametrize("field", FIELDS)
def test_every_case_ends_with_an_error_of_its_own(
    field: str, bounds: Bounds, tally: Tally, closed_world: Path
):
    fuzz(
        FIELDS[field],
        tally,
        bounds.of_share(SHARE),
        closed_world,
        expected=lambda ending: is_expected(field, ending),
    )
    assert not tally.failures, "\n\n".join(tally.failures)
    assert tally.tried


@pytest.mark.parametrize("field", ["processes"])
def test_every_process_ends_with_an_error_of_its_own(
    field: str, bounds: Bounds, tally: Tally, tmp_path: Path
):
    fuzz(hostile_commands.process, tally, bounds.of_share(SHARE), tmp_path)
    assert not tally.failures, "\n\n".join(tally.failures)
    assert tally.tried
