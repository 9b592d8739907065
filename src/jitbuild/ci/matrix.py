"""Pythons x modes x systems -> the jobs of a CI: what to build once, and what to test with it. Nothing here looks at a store.

Plans are pure, so the keys that stand here are those of the machines that will build, whichever machine asks.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from packaging.version import Version

from jitbuild.errors import SettingsError, UsageError, VariantError
from jitbuild.modes import MODES, check
from jitbuild.request import JITS, PROFILES
from jitbuild.target import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jitbuild.modes import Mode
    from jitbuild.planning.plan import Plan
    from jitbuild.request import Jit, Profile
    from jitbuild.target import Target

    Planner = Callable[["Session", Target], Plan]

Service = Literal["github", "gitlab"]

# How many jobs a service makes of one matrix: beyond that it refuses the whole pipeline.
# https://docs.github.com/actions/reference/limits, https://docs.gitlab.com/ci/yaml/#parallelmatrix
LIMITS: dict[Service, int] = {"github": 256, "gitlab": 200}

# The axes are those settings of jitbuild's own that it heeds without further ado.
_IN_GITLAB = {
    name: f"JIT_{name.upper()}" for name in ("os", "runner", "python", "mode", "session", "name")
} | {name: f"JITBUILD_{name.upper()}" for name in ("jit", "profile")}

_PARAMETERS = re.compile(r"\((.*)\)")
# As jitbuild.sessions writes it.
_PARAMETER = re.compile(
    rf"(.+?)(?:-({'|'.join(JITS)}))?(?:-({'|'.join(PROFILES)}))?-jit-({'|'.join(MODES)})"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """A machine of a CI: its short name, what is built for it, and the label of each service's own runner (empty: it has none)."""

    name: str
    target: str
    github: str
    gitlab: str


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System(
            name="linux",
            target="x86_64-linux-gnu",
            github="ubuntu-24.04",
            gitlab="saas-linux-small-amd64",
        ),
        System(
            name="linux-arm",
            target="aarch64-linux-gnu",
            github="ubuntu-24.04-arm",
            gitlab="saas-linux-small-arm64",
        ),
        System(
            name="macos", target="aarch64-macos", github="macos-15", gitlab="saas-macos-medium-m1"
        ),
        System(
            name="windows",
            target="x86_64-windows",
            github="windows-2025",
            gitlab="saas-windows-medium-amd64",
        ),
        System(name="windows-arm", target="aarch64-windows", github="windows-11-arm", gitlab=""),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A system, and the label of the runner that is used for it."""

    os: str
    target: str
    runner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A test to run: the nox session's name, the request as it was typed, the axes that are stated, and the mode."""

    session: str
    python: str
    mode: Mode
    jit: Jit | None = None
    profile: Profile | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Machine):
    """Something to do on a machine with the interpreter that `python` asks for, with its axes (empty: not stated)."""

    python: str
    jit: str
    profile: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Build(Job):
    """One interpreter to build on one system; `name` is its folder in the store."""

    version: str
    name: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Test(Job):
    """One session to run on one system, with the interpreter of that `key`."""

    mode: Mode
    session: str
    name: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """What was asked for and cannot be; `reason` is a sentence."""

    os: str
    session: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """The jobs of a CI, in the order in which they were asked for."""

    build: tuple[Build, ...]
    test: tuple[Test, ...]
    excluded: tuple[Exclusion, ...]

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """The matrix as `jitbuild matrix --format json` prints it."""
        parts: dict[str, tuple[Any, ...]] = {
            "build": self.build,
            "test": self.test,
            "excluded": self.excluded,
        }
        return {name: [asdict(each) for each in part] for name, part in parts.items()}


def make(sessions: Iterable[Session], machines: Iterable[Machine], planner: Planner) -> Matrix:
    """Every session on every machine, less what cannot be, and each interpreter that they need, once. UsageError: it is empty."""
    tests: list[Test] = []
    excluded: list[Exclusion] = []
    builds: dict[tuple[str, str], Build] = {}
    wanted = list(sessions)
    for machine in machines:
        for each in wanted:
            try:
                plan = planner(each, TARGETS[machine.target])
                check_mode(plan, each.mode)
            except VariantError as error:
                excluded.append(Exclusion(os=machine.os, session=each.session, reason=error.what))
                continue
            axes = {"jit": each.jit or "", "profile": each.profile or ""}
            facts = (
                asdict(machine)
                | axes
                | {"python": each.python, "name": plan.prefix_name, "key": plan.key}
            )
            tests.append(Test(**facts, mode=each.mode, session=each.session))
            builds.setdefault((machine.os, plan.key), Build(**facts, version=plan.version))
    if not tests:
        why = "".join(f" {reason}" for reason in dict.fromkeys(each.reason for each in excluded))
        raise UsageError(
            f"The matrix is empty.{why}",
            remedy="Ask for other Pythons or modes: --pythons 3.14 3.15 --modes off on",
        )
    return Matrix(build=tuple(builds.values()), test=tuple(tests), excluded=tuple(excluded))


def check_mode(plan: Plan, mode: Mode) -> None:
    """Refuse a mode that the planned interpreter would silently ignore. Raises VariantError."""
    release = Version(plan.version).release
    check(
        mode,
        f"CPython {plan.version}{'t' * plan.variant.free_threaded}",
        jit=plan.variant.jit != "no",
        series=(release[0], release[1]),
        remedy="Use mode off or default.",
    )


def product(pythons: Iterable[str], modes: Iterable[Mode], *, name: str = "tests") -> list[Session]:
    """A session for each Python in each mode, named as jitbuild.nox names them."""
    modes = list(dict.fromkeys(modes))
    return [
        Session(session=f"{name}({python}-jit-{mode})", python=python, mode=mode)
        for python in dict.fromkeys(pythons)
        for mode in modes
    ]


def from_listing(listing: str) -> list[Session]:
    """The JIT sessions in what `nox --list-sessions --json` prints, in its order; every other session is left out.

    Raises SettingsError when it is no such listing.
    """
    try:
        return [found for entry in json.loads(listing) if (found := _session(entry))]
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"nox did not print its list of sessions as JSON: {error}.",
            remedy="See what it prints: nox --list-sessions --json",
        ) from error


def _session(entry: Mapping[str, Any]) -> Session | None:
    """A session with the tag `jit` and a parameter such as `3.15-jit-on`, which may stand beside others."""
    found = _PARAMETERS.search(entry["session"]) if "jit" in entry["tags"] else None
    words = found[1].split(", ") if found else []
    match = next((match for word in words if (match := _PARAMETER.fullmatch(word))), None)
    if match is None:
        return None
    python, jit, profile, mode = match.groups()
    return Session(
        session=entry["session"],
        python=python,
        mode=cast("Mode", mode),
        jit=cast("Jit", jit),
        profile=cast("Profile", profile),
    )


def parse_modes(words: Iterable[str], *, origin: str) -> list[Mode]:
    """The modes called so. Raises UsageError, with `origin` and the closest one, for what is none."""
    return [_known(word, {mode: mode for mode in MODES}, "a mode", origin) for word in words]


def machines(
    names: Iterable[str], overrides: Iterable[str] = (), *, service: Service = "github"
) -> list[Machine]:
    """The machines called so, on the service's own runners or those of `overrides` (`linux=my-runner`). Raises UsageError."""
    own = dict(_override(text) for text in overrides)
    found = []
    for name in dict.fromkeys(names):
        system = _known(name, SYSTEMS, "an OS", "--os")
        runner = own.get(name) or (system.gitlab if service == "gitlab" else system.github)
        if not runner:
            raise UsageError(
                f"GitLab has no runner of its own for {name}.",
                remedy=f"Name yours by its tag: --runner {name}=TAG",
            )
        found.append(Machine(os=name, target=system.target, runner=runner))
    return found


def _override(text: str) -> tuple[str, str]:
    name, mark, label = text.partition("=")
    if not (mark and label):
        raise UsageError(
            f"--runner: {text!r} names no runner.",
            remedy="Write --runner OS=LABEL, as in --runner linux=my-runner.",
        )
    _known(name, SYSTEMS, "an OS", "--runner")
    return name, label


_Known = TypeVar("_Known")


def _known(word: str, known: Mapping[str, _Known], what: str, origin: str) -> _Known:
    if word in known:
        return known[word]
    near = get_close_matches(word, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{origin}: {word!r} is not {what}.", remedy=f"{hint}There are: {', '.join(known)}."
    )


def as_github(matrix: Matrix) -> str:
    """Two lines for $GITHUB_OUTPUT, `build=` and `test=`, each a value for `matrix: ${{ fromJSON(...) }}`."""
    _check_limit(matrix, "github")
    facts = matrix.to_json()
    return "\n".join(
        f"{name}={json.dumps({'include': facts[name]}, separators=(',', ':'))}"
        for name in ("build", "test")
    )


def as_gitlab(matrix: Matrix) -> str:
    """YAML with two hidden jobs, `.jitbuild-build` and `.jitbuild-test`, which jobs of a child pipeline extend.

    The values are variables of the job; those that others tell are left out, since GitLab makes the job's name of them all,
    and allows it 255 characters. JSON's strings are YAML's too, so nothing needs quoting of another kind.
    """
    _check_limit(matrix, "gitlab")
    lines = ["# Written by `jitbuild matrix --format gitlab`."]
    for name, entries in (("build", matrix.to_json()["build"]), ("test", matrix.to_json()["test"])):
        lines += [
            f".jitbuild-{name}:",
            "  tags:",
            "    - $JIT_RUNNER",
            "  parallel:",
            "    matrix:",
        ]
        for entry in entries:
            variables = [
                f"{variable}: {json.dumps(entry[key])}"
                for key, variable in _IN_GITLAB.items()
                if entry.get(key)
            ]
            lines += [
                f"      - {variables[0]}",
                *(f"        {variable}" for variable in variables[1:]),
            ]
    return "\n".join(lines)


def _check_limit(matrix: Matrix, service: Service) -> None:
    if len(matrix.test) > LIMITS[service]:
        raise UsageError(
            f"{len(matrix.test)} tests are more than the {LIMITS[service]} jobs that a matrix may have there.",
            remedy="Write several matrices: --os, --pythons and --modes choose what stands in each.",
        )
