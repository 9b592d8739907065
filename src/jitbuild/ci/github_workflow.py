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

    Without a build, that is, if all interpreters are prebuilt, the tests themselves download them.
    `action` is the repository of the setup-jitbuild action with a reference, as in
    `OWNER/REPO@REF`. `command` is the command line that writes the file; a comment names it. The
    tests use the noxfile `noxfile`; None stands for noxfile.py. Raise UsageError if there are more
    jobs than GitHub allows in a matrix.
    """
    check_limit(len(matrix.test), "github")
    stated = any(job.jit or job.profile for job in matrix.build)
    prebuilt = [job.provider == "prebuilt" for job in matrix.build]
    repository, _, reference = action.partition("@")
    values = {
        "command": comment(command),
        "checkout": CHECKOUT,
        "action": scalar(f"{repository}/{ACTION_FOLDER}@{reference}"),
        "builds": _entries(matrix.build, matrix),
        "tests": _entries(matrix.test, matrix),
        "axes": _AXES * stated + _PROVIDER * matrix.states_provider,
        "session_provider": _SESSION_PROVIDER * matrix.states_provider,
        "axes_in_name": " ${{ matrix.jit }} ${{ matrix.profile }}" if stated else "",
        "noxfile": f"\n          NOXFILE: {_literal(noxfile)}" if noxfile else "",
        "noxfile_option": ' -f "$NOXFILE"' if noxfile else "",
    }
    builds = "" if all(prebuilt) else fill("github-build.yml", values)
    values |= {
        "build_job": builds,
        "needs": _NEEDS if builds else "",
        "provide": _RESTORE if builds else _DOWNLOAD,
    }
    return fill("github.yml", values)


_AXES = """
          jit: ${{ matrix.jit }}
          profile: ${{ matrix.profile }}"""
_PROVIDER = """
          provider: ${{ matrix.provider }}"""
# Without it, a session would ask for the provider of the settings.
_SESSION_PROVIDER = """
          JITBUILD_PROVIDER: ${{ matrix.provider }}"""
_RESTORE = "Restore the interpreter from the cache"
_DOWNLOAD = "Download the interpreter, or restore it from the cache"
_NEEDS = """
    needs: build
    # A failed build must not skip the tests of the other interpreters and systems.
    if: ${{ !cancelled() }}"""


def _entries(jobs: tuple[BuildJob, ...] | tuple[TestJob, ...], matrix: CIMatrix) -> str:
    return "\n".join(f"          - {flow_mapping(_entry(job, matrix))}" for job in jobs)


def _entry(job: BuildJob | TestJob, matrix: CIMatrix) -> dict[str, str]:
    """Return the values of a job that the workflow uses, without those that are empty."""
    names = ("os", "runner", "python", "jit", "profile", "provider", "session")
    values = {name: getattr(job, name, "") for name in names}
    if not matrix.states_provider:
        del values["provider"]
    return {name: _without_expressions(value) for name, value in values.items() if value}


def _literal(text: str) -> str:
    return scalar(_without_expressions(text))


def _without_expressions(text: str) -> str:
    """Return `text` so that GitHub evaluates no expression in it, but yields `text` itself."""
    return text.replace("${{", "${{ '${{' }}")
