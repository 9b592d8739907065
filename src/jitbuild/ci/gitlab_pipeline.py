"""Write a pipeline file of GitLab CI for a matrix."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from jitbuild.ci.matrix_formats import check_limit
from jitbuild.ci.systems import SYSTEMS
from jitbuild.ci.yaml_text import comment, fill, flow_scalar, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.ci.matrix import BuildJob, CIJob, CIMatrix, TestJob


def write_gitlab_pipeline(
    matrix: CIMatrix, *, requirement: str, command: str, noxfile: str | None = None
) -> str:
    """Return the text of a pipeline that builds the interpreters of `matrix` and runs its tests.

    `requirement` is the requirement with which pip installs jitbuild. `command` is the command line
    that writes the file; a comment names it. The tests use the noxfile `noxfile`; None stands for
    noxfile.py. Raise UsageError if a job has more sessions than GitLab allows.
    """
    variable = f"\n    JIT_NOXFILE: {scalar(_without_variables(noxfile))}" if noxfile else ""
    return fill(
        "gitlab.yml",
        {
            "command": comment(command),
            "install": scalar(f"python -P -m pip install {shlex.quote(requirement)}"),
            "nox": _nox("$", noxfile),
            "noxfile": variable,
            "jobs": "\n\n".join(_jobs(matrix, noxfile)),
        },
    )


def _jobs(matrix: CIMatrix, noxfile: str | None) -> Iterable[str]:
    builds = {(job.os, job.key): job for job in matrix.build}
    for build in matrix.build:
        yield "\n".join(_common_lines("build", build, build, matrix))
    groups: dict[str, list[TestJob]] = {}
    for test in matrix.test:
        groups.setdefault(_name("test", test), []).append(test)
    for tests in groups.values():
        check_limit(len(tests), "gitlab")
        build = builds[tests[0].os, tests[0].key]
        need = f"  needs: [{flow_scalar(_name('build', build))}]"
        lines = [
            *_common_lines("test", tests[0], build, matrix),
            need,
            *_test_lines(tests, noxfile),
        ]
        yield "\n".join(lines)


def _common_lines(stage: str, job: CIJob, build: BuildJob, matrix: CIMatrix) -> list[str]:
    """Return the first lines of a job, which uses the cache of `build`."""
    variables = {
        "JIT_CACHE": re.sub(r"[^\w.]+", "-", f"{build.os}-{_label(build)}"),
        "JITBUILD_PYTHONS": job.python,
        "JITBUILD_JIT": job.jit,
        "JITBUILD_PROFILE": job.profile,
        "JITBUILD_PROVIDER": job.provider if matrix.states_provider else "",
    }
    image = SYSTEMS[job.os].gitlab_image
    return [
        f"{scalar(_name(stage, job))}:",
        f"  extends: .jitbuild-{stage}",
        *([f"  image: {image}"] if image else []),
        f"  tags: [{flow_scalar(job.runner)}]",
        "  variables:",
        *(
            f"    {name}: {scalar(_without_variables(value))}"
            for name, value in variables.items()
            if value
        ),
    ]


def _test_lines(tests: Iterable[TestJob], noxfile: str | None) -> list[str]:
    *_, last = tests
    script = []
    if last.os.startswith("windows"):  # whose runners use PowerShell
        script = ["  script:", "    - jitbuild ci provide --install-deps"]
        script.append(f"    - {_nox('$env:', noxfile)}")
    sessions = [f"          - {scalar(_without_variables(test.session))}" for test in tests]
    return [*script, "  parallel:", "    matrix:", "      - JIT_SESSION:", *sessions]


def _nox(prefix: str, noxfile: str | None) -> str:
    """Return the command that runs a session, with `prefix` before the names of variables."""
    option = f'-f "{prefix}JIT_NOXFILE" ' if noxfile else ""
    return scalar(f'nox {option}-s "{prefix}JIT_SESSION"')


def _name(stage: str, job: CIJob) -> str:
    return f"{stage} {_label(job)} on {job.os}"


def _label(job: CIJob) -> str:
    return "-".join(filter(None, (job.python, job.jit, job.profile)))


def _without_variables(text: str) -> str:
    """Return `text` so that GitLab expands no variable in it."""
    return text.replace("$", "$$")
