"""Write a workflow file of GitHub Actions for a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.ci.matrix_formats import check_limit
from jitbuild.ci.yaml_text import comment, fill, flow_mapping, scalar

if TYPE_CHECKING:
    from jitbuild.ci.matrix import BuildJob, CIMatrix, TestJob

# A test compares it with the workflows of this repository, which Dependabot updates.
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
ACTION_FOLDER = ".github/actions/setup-jitbuild"


def write_github_workflow(
    matrix: CIMatrix, *, action: str, command: str, noxfile: str | None = None
) -> str:
    """Return the text of a workflow that builds the interpreters of `matrix` and runs its tests.

    `action` is the repository of the setup-jitbuild action with a reference, as in
    `OWNER/REPO@REF`. `command` is the command line that writes the file; a comment names it. The
    tests use the noxfile `noxfile`; None stands for noxfile.py. Raise UsageError if there are more
    jobs than GitHub allows in a matrix.
    """
    check_limit(len(matrix.test), "github")
    stated = any(job.jit or job.profile for job in matrix.build)
    repository, _, reference = action.partition("@")
    return fill(
        "github.yml",
        {
            "command": comment(command),
            "checkout": CHECKOUT,
            "action": scalar(f"{repository}/{ACTION_FOLDER}@{reference}"),
            "builds": _entries(matrix.build),
            "tests": _entries(matrix.test),
            "axes": _AXES if stated else "",
            "axes_in_name": " ${{ matrix.jit }} ${{ matrix.profile }}" if stated else "",
            "noxfile": f"\n          NOXFILE: {_literal(noxfile)}" if noxfile else "",
            "noxfile_option": ' -f "$NOXFILE"' if noxfile else "",
        },
    )


_AXES = """
          jit: ${{ matrix.jit }}
          profile: ${{ matrix.profile }}"""


def _entries(jobs: tuple[BuildJob, ...] | tuple[TestJob, ...]) -> str:
    return "\n".join(f"          - {flow_mapping(_entry(job))}" for job in jobs)


def _entry(job: BuildJob | TestJob) -> dict[str, str]:
    """Return the values of a job that the workflow uses, without those that are empty."""
    names = ("os", "runner", "python", "jit", "profile", "session")
    values = {name: getattr(job, name, "") for name in names}
    return {name: _without_expressions(value) for name, value in values.items() if value}


def _literal(text: str) -> str:
    return scalar(_without_expressions(text))


def _without_expressions(text: str) -> str:
    """Return `text` so that GitHub evaluates no expression in it, but yields `text` itself."""
    return text.replace("${{", "${{ '${{' }}")
