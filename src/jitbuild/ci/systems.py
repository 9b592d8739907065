"""The operating systems of CI services, and the labels of their runners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jitbuild.errors import UsageError
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

Service = Literal["github", "gitlab"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CISystem:
    """An operating system of CI services: its short name, its target, and the runners' labels.

    `github` and `gitlab` are the labels of the runners that these services offer for the system; a
    label is empty if there is no such runner. `gitlab_image` is the image in which GitLab's runner
    must run a job, if it cannot run a Docker image
    (https://docs.gitlab.com/ci/runners/hosted_runners/macos/).
    """

    name: str
    target: str
    github: str
    gitlab: str
    gitlab_image: str = ""


SYSTEMS: dict[str, CISystem] = {
    system.name: system
    for system in (
        CISystem(
            name="linux",
            target="x86_64-linux-gnu",
            github="ubuntu-24.04",
            gitlab="saas-linux-small-amd64",
        ),
        CISystem(
            name="linux-arm",
            target="aarch64-linux-gnu",
            github="ubuntu-24.04-arm",
            gitlab="saas-linux-small-arm64",
        ),
        CISystem(
            name="macos",
            target="aarch64-macos",
            github="macos-15",
            gitlab="saas-macos-medium-m1",
            gitlab_image="macos-15-xcode-16",
        ),
        CISystem(
            name="windows",
            target="x86_64-windows",
            github="windows-2025",
            gitlab="saas-windows-medium-amd64",
        ),
        CISystem(name="windows-arm", target="aarch64-windows", github="windows-11-arm", gitlab=""),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CIMachine:
    """A system, and the label of the runner to use for it."""

    os: str
    target: str
    runner: str


def choose_machines(
    names: Iterable[str], overrides: Iterable[str] = (), *, service: Service = "github"
) -> list[CIMachine]:
    """Return a machine for each of the systems `names`, without duplicates.

    A machine uses the runner of the service, unless `overrides` names another runner for its system
    (`linux=my-runner`). Raise UsageError for an unknown system, an invalid override, and a system
    without a runner.
    """
    runners = dict(map(_parse_override, overrides))
    machines = []
    for name in dict.fromkeys(names):
        system = _system(name, "--os")
        default = system.gitlab if service == "gitlab" else system.github
        runner = runners.get(name) or default
        if not runner:
            raise UsageError(
                f"GitLab has no runner for {name}.",
                remedy=f"Name your own by its tag: --runner {name}=TAG",
            )
        machines.append(CIMachine(os=name, target=system.target, runner=runner))
    return machines


def _parse_override(text: str) -> tuple[str, str]:
    name, separator, label = text.partition("=")
    if not (separator and label):
        raise UsageError(
            f"--runner: {text!r} does not name a runner.",
            remedy="Write --runner OS=LABEL, as in --runner linux=my-runner.",
        )
    return _system(name, "--runner").name, label


def _system(name: str, option: str) -> CISystem:
    if name not in SYSTEMS:
        raise UsageError(
            f"{option}: {name!r} is not an OS.",
            remedy=f"{did_you_mean(name, SYSTEMS)}Choose from: {', '.join(SYSTEMS)}.",
        )
    return SYSTEMS[name]
