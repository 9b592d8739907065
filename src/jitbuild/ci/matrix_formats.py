"""A matrix in the formats of GitHub Actions and GitLab CI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jitbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.ci.matrix import CIMatrix
    from jitbuild.ci.systems import Service

# The maximum number of jobs in a matrix. If it is exceeded, the service rejects the whole pipeline.
# https://docs.github.com/actions/reference/limits, https://docs.gitlab.com/ci/yaml/#parallelmatrix
LIMITS: dict[Service, int] = {"github": 256, "gitlab": 200}

# The variables of GitLab's jobs. JITBUILD_JIT, JITBUILD_PROFILE and JITBUILD_PROVIDER are settings
# of jitbuild, so the commands of a job need no options for them.
_GITLAB_VARIABLES = {
    "os": "JIT_OS",
    "runner": "JIT_RUNNER",
    "python": "JIT_PYTHON",
    "mode": "JIT_MODE",
    "session": "JIT_SESSION",
    "name": "JIT_NAME",
    "jit": "JITBUILD_JIT",
    "profile": "JITBUILD_PROFILE",
    "provider": "JITBUILD_PROVIDER",
}


def as_github(matrix: CIMatrix) -> str:
    """Return two lines for $GITHUB_OUTPUT, `build=` and `test=`.

    Each value is written for use in `matrix: ${{ fromJSON(...) }}`. Raise UsageError if there are
    more jobs than GitHub allows in a matrix.
    """
    check_limit(len(matrix.test), "github")
    jobs = matrix.to_json()
    return "\n".join(
        f"{name}={json.dumps({'include': jobs[name]}, separators=(',', ':'))}"
        for name in ("build", "test")
    )


def as_gitlab(matrix: CIMatrix) -> str:
    """Return YAML with two hidden jobs, which the jobs of a child pipeline extend.

    The hidden jobs are `.jitbuild-build` and `.jitbuild-test`. Raise UsageError if there are more
    jobs than GitLab allows in a matrix.
    """
    check_limit(len(matrix.test), "gitlab")
    jobs = matrix.to_json()
    lines = ["# Written by `jitbuild matrix --format gitlab`."]
    for name in ("build", "test"):
        lines += [
            f".jitbuild-{name}:",
            "  tags:",
            "    - $JIT_RUNNER",
            "  parallel:",
            "    matrix:",
        ]
        for job in jobs[name]:
            first, *rest = _gitlab_variables(job, matrix)
            lines += [f"      - {first}", *(f"        {variable}" for variable in rest)]
    return "\n".join(lines)


def _gitlab_variables(job: Mapping[str, Any], matrix: CIMatrix) -> list[str]:
    """Return the variables of a job as YAML. Strings are written as in JSON, which is valid YAML.

    GitLab composes the name of a job from all values and limits it to 255 characters. Values that
    follow from other values are therefore omitted.
    """
    return [
        f"{variable}: {json.dumps(job[key])}"
        for key, variable in _GITLAB_VARIABLES.items()
        if job.get(key) and (key != "provider" or matrix.states_provider)
    ]


def check_limit(count: int, service: Service) -> None:
    """Raise UsageError if `count` tests are more jobs than `service` allows in a matrix."""
    limit = LIMITS[service]
    if count > limit:
        raise UsageError(
            f"The matrix has {count} tests, more than the {limit} jobs that {service} allows.",
            remedy="Write several matrices: --os, --pythons and --modes select the jobs of each.",
        )
