"""The jobs of a CI pipeline: a test for each session on each system, and the builds they need.

The store is not read. Plans are pure, so every machine computes the same keys.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from jitbuild import api, modes, settings
from jitbuild.errors import UsageError, VariantError
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.planning.prebuilt import stated_prebuilt_plan
from jitbuild.request import PROVIDERS, Axes, parse
from jitbuild.target import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jitbuild.ci.matrix_sessions import MatrixSession
    from jitbuild.ci.systems import CIMachine
    from jitbuild.modes import Mode
    from jitbuild.planning.plan import Plan, ResolvedRequest
    from jitbuild.request import ProviderChoice
    from jitbuild.target import Target

    Planner = Callable[[MatrixSession, Target], Plan]

_WITHOUT_PREBUILT = (
    "Use --provider auto, which compiles what nobody has built, or other systems: --os linux"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CIJob:
    """A job on one machine with one interpreter, as `jitbuild matrix` prints it.

    `python` is the request. `jit` and `profile` are the axes stated with the request; an axis that
    is not stated is an empty string. `provider` is `source` or `prebuilt`. In the subclasses,
    `name` is the folder of the interpreter in the store, and `key` is the key of its plan.
    """

    os: str
    target: str
    runner: str
    python: str
    jit: str
    profile: str
    provider: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildJob(CIJob):
    """An interpreter to build on one system."""

    version: str
    name: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TestJob(CIJob):
    """A session to run on one system."""

    __test__ = False

    mode: Mode
    session: str
    name: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """A session that cannot run on a system; `reason` is a sentence."""

    os: str
    session: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CIMatrix:
    """The jobs of a CI pipeline, in the order of the systems and sessions.

    If `states_provider` is True, an option or a setting states the provider. Files of pipelines
    then state it in every job, because the setting `provider` may have another value there.
    """

    build: tuple[BuildJob, ...]
    test: tuple[TestJob, ...]
    excluded: tuple[Exclusion, ...]
    states_provider: bool = False

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the matrix as `jitbuild matrix --format json` prints it."""
        return {
            "build": [asdict(job) for job in self.build],
            "test": [asdict(job) for job in self.test],
            "excluded": [asdict(exclusion) for exclusion in self.excluded],
        }


def make_matrix(
    sessions: Iterable[MatrixSession],
    machines: Iterable[CIMachine],
    planner: Planner,
    *,
    states_provider: bool = False,
) -> CIMatrix:
    """Return a test of every session on every machine, and a build of each required interpreter.

    `states_provider` is that of CIMatrix (`states_provider()` returns it). A session that cannot
    run on a machine is listed as an exclusion. Raise UsageError if there are no tests.
    """
    tests: list[TestJob] = []
    excluded: list[Exclusion] = []
    errors: list[VariantError] = []
    builds: dict[tuple[str, str], BuildJob] = {}
    sessions = list(sessions)
    for machine in machines:
        for session in sessions:
            try:
                plan = planner(session, TARGETS[machine.target])
                _check_mode(plan, session)
            except VariantError as error:
                exclusion = Exclusion(os=machine.os, session=session.session, reason=error.what)
                excluded.append(exclusion)
                errors.append(error)
                continue
            fields = _job_fields(machine, session, plan)
            tests.append(TestJob(**fields, mode=session.mode, session=session.session))
            build = BuildJob(**fields, version=plan.version)
            builds.setdefault((machine.os, plan.key), build)
    if not tests:
        raise _empty_matrix(errors)
    return CIMatrix(
        build=tuple(builds.values()),
        test=tuple(tests),
        excluded=tuple(excluded),
        states_provider=states_provider,
    )


def states_provider(provider: ProviderChoice | None = None) -> bool:
    """Return True if `provider`, which an option states, or the setting `provider` is not None."""
    return (provider or settings.choice("provider", PROVIDERS)) is not None


def planner_of(recipes: str | None = None, provider: ProviderChoice | None = None) -> Planner:
    """Return a function that makes the plan of `jitbuild install` for a session and a target.

    `recipes` is a folder of additional recipes, and `provider` is the stated provider. Each request
    is resolved only once, so a branch is the same commit on all systems.
    """
    catalog = api.catalog(recipes)

    @functools.cache
    def resolve(spec: str) -> ResolvedRequest:
        request = parse(spec)
        if request.is_version:
            return resolve_version(request, catalog)
        from jitbuild.sources.resolve import describe

        return describe(request, cache=api.store().root, catalog=catalog)

    def plan(session: MatrixSession, target: Target) -> Plan:
        request = parse(session.python)
        stated = Axes(jit=session.jit, profile=session.profile, provider=provider)
        axes = api.axes_with_settings(stated, request)
        try:
            prebuilt = stated_prebuilt_plan(request, axes, target, catalog)
        except VariantError as error:  # its remedy is one for `install`
            raise VariantError(error.what, remedy=_WITHOUT_PREBUILT) from error
        if prebuilt:
            return prebuilt
        return make_plan(resolve(session.python), axes.variant(request), target, catalog)

    return plan


def _check_mode(plan: Plan, session: MatrixSession) -> None:
    """Raise VariantError for a mode that the planned interpreter would silently ignore."""
    release = Version(plan.version).release
    what, remedy = _describe_jit(plan, session)
    modes.check(
        session.mode,
        what,
        jit=plan.variant.jit != "no",
        series=(release[0], release[1]),
        remedy=remedy,
    )


def _describe_jit(plan: Plan, session: MatrixSession) -> tuple[str, str]:
    """Return the words for an interpreter in an error, and the remedy if it has no JIT.

    If the interpreter has no JIT, the words say why.
    """
    variant, remedy = plan.variant, "Use the mode `off` or `default`."
    name = f"CPython {plan.version}{'t' * variant.free_threaded}"
    if variant.free_threaded:
        return f"{name}, which is free-threaded,", remedy
    if variant.jit != "no":
        return name, ""
    if session.jit:
        return f"{name} built with --jit no, as the session states,", remedy
    return (
        f"{name} built with --jit no (the setting `jit`)",
        f'{remedy[:-1]}, or set `jit` to "yes-off", which serves the modes `off` and `on`.',
    )


def _job_fields(machine: CIMachine, session: MatrixSession, plan: Plan) -> dict[str, Any]:
    return asdict(machine) | {
        "python": session.python,
        "jit": session.jit or "",
        "profile": session.profile or "",
        "provider": plan.provider,
        "name": plan.prefix_name,
        "key": plan.key,
    }


def _empty_matrix(errors: Iterable[VariantError]) -> UsageError:
    errors = list(errors)
    reasons = dict.fromkeys(error.what for error in errors)
    return UsageError(
        " ".join(["The matrix is empty.", *reasons]),
        remedy=" ".join(dict.fromkeys(error.remedy for error in errors))
        or "Choose other Pythons or modes: --pythons 3.14 3.15",
    )
