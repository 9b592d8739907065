"""Append a report to the summary of a GitHub Actions step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.diff.report_text import as_markdown
from jitbuild.safe_text import safe_result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.diff.diff_report import DiffReport
    from jitbuild.system.progress import Reporter


def append_step_summary(
    report: DiffReport, reporter: Reporter, environ: Mapping[str, str] = os.environ
) -> None:
    """Append the report to the file that GITHUB_STEP_SUMMARY names, if the variable is set.

    If the file cannot be written, print a warning.
    GitHub documents the variable under "Setting a job summary" in its workflow commands.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{safe_result(as_markdown(report))}\n")
    except OSError as error:
        reporter.warn(f"The step summary {path} cannot be written: {error.strerror}.")
