"""Plan installs of interpreters that others have built, with pure functions.

An interpreter is planned from a prebuilt archive only if the archive is what was asked for: a
release with the GIL, the JIT `yes-off` and the profile `release`, built without further options.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from packaging.version import Version

from jitbuild.errors import JitbuildError, RequestError, UsageError, VariantError
from jitbuild.options import axis_options
from jitbuild.planning.plan import Plan, PrebuiltBy, Source, key_of
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.planning.step import Step
from jitbuild.recipes.known_bugs import known_bugs
from jitbuild.request import Variant

if TYPE_CHECKING:
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.recipes.prebuilt import PrebuiltArchive
    from jitbuild.request import Axes, Request
    from jitbuild.target import Target

_VARIANT = Variant(jit="yes-off", profile="release")
_SHOWN_VERSIONS = 3
_UPDATE = "`jitbuild recipes update prebuilt`"


def prebuilt_plan(request: Request, axes: Axes, target: Target, catalog: Catalog) -> Plan:
    """Return the plan that installs a prebuilt interpreter for `request` and `axes` on `target`.

    It has the newest final release with a pinned archive that fits or, if no final release fits,
    the newest pre-release. Raises VariantError if no prebuilt interpreter is what the axes state,
    and RequestError if the recipes pin no archive that fits.
    """
    _check_axes(request, axes, target, catalog)
    archive = _newest(request, axes, target, catalog)
    bugs = known_bugs(catalog, archive.version, target, _VARIANT)
    plan = Plan(
        version=archive.version,
        target=target,
        variant=_VARIANT,
        source=Source(
            kind="prebuilt",
            digest=archive.sha256,
            location=archive.url,
            files=((archive.file_name, archive.sha256),),
            size=archive.size,
            stated_by=archive.stated_by,
            verified=archive.verified,
        ),
        prebuilt=PrebuiltBy(builder=archive.builder, build=archive.build),
        llvm=None,
        edits=(),
        leave_out=(),
        steps=_steps(target),
        warnings=bugs.warnings,
        known_bugs=bugs.bugs,
    )
    return replace(plan, key=key_of(plan))


def stated_prebuilt_plan(
    request: Request, axes: Axes, target: Target, catalog: Catalog, *, sha256: str | None = None
) -> Plan | None:
    """Return the plan of a prebuilt interpreter if the provider in `axes` asks for one, else None.

    With the provider `auto`, return None if no prebuilt interpreter fits. `sha256` is a pin that
    the user gave, which belongs to an archive of sources. Raises the errors of `prebuilt_plan`, and
    UsageError if a prebuilt interpreter and the sha256 of sources are both requested.
    """
    if axes.provider == "prebuilt":
        if sha256 is not None:
            raise UsageError(
                "--sha256 pins an archive of sources, and --prebuilt uses none.",
                remedy="Omit one of them. Prebuilt archives are pinned in recipes: --recipes DIR.",
            )
        return prebuilt_plan(request, axes, target, catalog)
    if axes.provider == "auto" and sha256 is None:
        try:
            return prebuilt_plan(request, axes, target, catalog)
        except (VariantError, RequestError):
            return None
    return None


def why_compiled(
    request: Request, axes: Axes, target: Target, catalog: Catalog, *, sha256: str | None = None
) -> str:
    """Return the sentence why the provider `auto` compiles; "" for other providers, or if it does
    not compile.

    The parameters are those of `stated_prebuilt_plan`.
    """
    if axes.provider != "auto":
        return ""
    if sha256 is not None:
        return "--sha256 pins an archive of sources."
    try:
        prebuilt_plan(request, axes, target, catalog)
    except (VariantError, RequestError) as error:
        return error.what
    return ""


def faster_install(request: Request, axes: Axes, target: Target, catalog: Catalog) -> str:
    """Return a note that --prebuilt would take seconds, or "".

    The note is given if no provider is stated, and a prebuilt interpreter fits.
    """
    if axes.provider is not None:
        return ""
    try:
        plan = prebuilt_plan(request, axes, target, catalog)
    except (VariantError, RequestError):
        return ""
    return (
        f"{request.text} is compiled, which takes minutes: --prebuilt would take seconds. (It "
        f"installs CPython {plan.version} of {plan.prebuilt.builder if plan.prebuilt else ''}.)"
    )


def _check_axes(request: Request, axes: Axes, target: Target, catalog: Catalog) -> None:
    """Raise VariantError if the request or the axes state what no prebuilt interpreter is."""
    stated = [
        (not request.is_version, "it is not a release"),
        (request.free_threaded, "free-threaded builds have no JIT"),
        (axes.jit not in {None, "yes-off"}, f"--jit {axes.jit} is given"),
        (axes.profile not in {None, "release"}, f"--profile {axes.profile} is given"),
        (bool(axes.tail_call), "--tail-call is given"),
        (bool(axes.configure_args), "--configure-arg is given"),
        (bool(axes.patches), "--patch is given"),
        (bool(axes.includes), "--include is given"),
    ]
    for misfit, reason in stated:
        if misfit:
            raise VariantError(
                f"No prebuilt interpreter fits {request.text}: {reason}.",
                remedy="Prebuilt interpreters are releases with --jit yes-off and --profile "
                "release: state these, or omit what does not fit. "
                f"{_compiling(request, axes, target, catalog)}",
            )


def _newest(request: Request, axes: Axes, target: Target, catalog: Catalog) -> PrebuiltArchive:
    recipe, is_series = catalog.prebuilt, request.kind in {"tag", "series"}
    if is_series:
        catalog.for_version(Version(request.value))  # raises for versions before the JIT
    if not any(
        builder.builds_jit(request.value, target.name)
        if is_series
        else target.name in builder.jit_since
        for builder in recipe.builder
    ):
        raise VariantError(
            f"Nobody is known to publish CPython {request.text} with the JIT for {target}.",
            remedy=_compiling(request, axes, target, catalog),
        )
    known = [archive for archive in recipe.archive if archive.target == target.name]
    if not known:
        raise VariantError(
            f"The recipes pin no prebuilt CPython for {target}.",
            remedy=f"{_UPDATE} adds them to your own recipes. "
            f"{_compiling(request, axes, target, catalog)}",
        )
    known.sort(key=lambda archive: Version(archive.version))
    fitting = [archive for archive in known if request.admits(archive.version)]
    finals = [archive for archive in fitting if not Version(archive.version).is_prerelease]
    if not fitting:
        newest = ", ".join(archive.version for archive in known[: -_SHOWN_VERSIONS - 1 : -1])
        raise RequestError(
            f"The recipes pin no prebuilt CPython for {request.text} on {target}.",
            remedy=f"The newest are {newest}, and {_UPDATE} adds newer ones. "
            f"{_compiling(request, axes, target, catalog)}",
        )
    return (finals or fitting)[-1]


def _compiling(request: Request, axes: Axes, target: Target, catalog: Catalog) -> str:
    """Return the command that compiles what was requested, or why it cannot be compiled either."""
    try:
        variant = axes.variant(request)
        if request.is_version:
            make_plan(resolve_version(request, catalog), variant, target, catalog)
    except JitbuildError as error:
        return str(error).replace("\n", " ")
    compiled = msgspec.structs.replace(axes, provider="source")
    words = ["jitbuild", "install", request.text, *axis_options(compiled)]
    return f"To compile it: {shlex.join(words)}"


def _steps(target: Target) -> tuple[Step, ...]:
    """Return the steps, which jitbuild itself carries out, except for the programs that they name.

    python.org's zips for Windows contain no pip, and no paths that need to be replaced.
    """
    names = ["download", "unpack"]
    if target.system == "windows":
        pip = Step(name="pip", argv=("{prefix}/python.exe", "-m", "ensurepip"), cwd="{prefix}")
        return (*(Step(name=name, argv=()) for name in names), pip)
    return tuple(Step(name=name, argv=()) for name in [*names, "relocate"])
