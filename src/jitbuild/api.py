"""What `jitbuild install`, `list` and `plan` do, as functions that return values and print nothing.

Their arguments are the flags of the command line, by the same names; what a call does not state is taken from the settings
(JITBUILD_*, pyproject.toml, the user's own file), so that both find the same interpreters in the same store. Use them by
`jitbuild.ensure` and so on.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jitbuild import settings
from jitbuild.errors import UsageError
from jitbuild.request import JITS, PROFILES, Axes, Jit, Patch, Profile, Request, parse
from jitbuild.store.interpreter import Interpreter
from jitbuild.store.store import Store, default_root

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.planning.plan import Plan
    from jitbuild.provision import Outcome, Provisioner
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.system.progress import Reporter

_SHA256 = re.compile(r"[0-9a-f]{64}")


def ensure(  # noqa: PLR0913
    spec: str,
    *,
    jit: Jit | None = None,
    profile: Profile | None = None,
    tail_call: bool | None = None,
    configure_args: Iterable[str] = (),
    patches: Iterable[str | Path] = (),
    includes: Iterable[str] = (),
    mirror: str | None = None,
    sha256: str | None = None,
    recipes: str | Path | None = None,
    llvm: str | None = None,
    jobs: int | None = None,
    ccache: str | None = None,
    caches: bool = True,
    home: str | Path | None = None,
    upgrade: bool = False,
    reinstall: bool = False,
    install_deps: bool = False,
    allow_missing: bool = False,
    reporter: Reporter | None = None,
) -> Interpreter:
    """The best interpreter of the store (in the folder `home`) that fits `spec` and the stated axes; built and proven if need be.

    Nothing is printed: `reporter` is told how far it is. Raises a JitbuildError, whose message ends with what to do; nothing
    is left half-done.
    """
    request = parse(spec)
    axes = Axes(
        jit=jit,
        profile=profile,
        tail_call=tail_call,
        configure_args=tuple(configure_args),
        patches=tuple(map(read_patch, patches)),
        includes=tuple(sorted({*includes})),
    )
    provisioner = provisioner_of(
        mirror=mirror,
        sha256=_pin(request, sha256),
        recipes=recipes,
        llvm=llvm,
        jobs=jobs,
        ccache=ccache,
        caches=caches,
        home=home,
        upgrade=upgrade,
        reinstall=reinstall,
        install_deps=install_deps,
        allow_missing=allow_missing,
        reporter=reporter,
    )
    return provisioner.ensure(request, defaulted(axes, request))


def ensure_all(
    specs: Iterable[str],
    axes: Iterable[Axes],
    *,
    keep_going: bool = True,
    sha256: str | None = None,
    **options: Any,
) -> list[Outcome]:
    """Every spec with each of `axes`, several at once under one budget of jobs; what became of each, spec by spec.

    `options` are those of `ensure` that are no axis. Raises a JitbuildError for what is wrong before anything is begun, and
    without `keep_going` for what fails.
    """
    requests, stated = [parse(spec) for spec in specs], list(axes)
    if sha256 is not None and len(requests) > 1:
        raise UsageError(
            "--sha256 belongs to one release.", remedy="Install the releases one at a time."
        )
    pin = _pin(requests[0], sha256) if requests else None
    wanted = [(request, defaulted(each, request)) for request in requests for each in stated]
    return provisioner_of(sha256=pin, **options).ensure_all(wanted, keep_going=keep_going)


def provisioner_of(
    *,
    recipes: str | Path | None = None,
    home: str | Path | None = None,
    reporter: Reporter | None = None,
    **given: Any,
) -> Provisioner:
    """The provisioner of a store, with the options that are `given` and, for the others, the settings."""
    from jitbuild.building.caches.ccache import MODES as CCACHES
    from jitbuild.provision import Options, Provisioner
    from jitbuild.system.progress import SilentReporter

    options = Options(
        **given
        | {
            "mirror": settings.value("mirror", given.get("mirror")),
            "llvm": settings.value("llvm", given.get("llvm")),
            "jobs": settings.count("jobs", given.get("jobs")),
            "ccache": settings.choice("ccache", CCACHES, given.get("ccache")),
            "ccache_storage": settings.value("ccache-storage"),
        }
    )
    return Provisioner(store(home), catalog(recipes), options, reporter or SilentReporter())


def plan(  # noqa: PLR0913
    spec: str,
    *,
    platform: str | None = None,
    jit: Jit | None = None,
    profile: Profile | None = None,
    tail_call: bool | None = None,
    configure_args: Iterable[str] = (),
    patches: Iterable[str | Path] = (),
    includes: Iterable[str] = (),
    sha256: str | None = None,
    recipes: str | Path | None = None,
) -> Plan:
    """What `ensure` would build, on `platform` (`aarch64-macos`; None: this machine). Never looks at the store's interpreters.

    The network is never touched: of a repository elsewhere only a whole commit that was fetched before can be planned. Raises a
    JitbuildError.
    """
    from jitbuild import target
    from jitbuild.planning import planner

    request, known = parse(spec), catalog(recipes)
    axes = Axes(
        jit=jit,
        profile=profile,
        tail_call=tail_call,
        configure_args=tuple(configure_args),
        patches=tuple(map(read_patch, patches)),
        includes=tuple(sorted({*includes})),
    )
    machine = target.parse(platform) if platform else target.host().target
    pin = _pin(request, sha256)
    if request.is_version:
        subject = planner.resolve_version(request, known, sha256=pin)
    else:
        from jitbuild.sources.resolve import describe

        subject = describe(request, cache=store().root, catalog=known, sha256=pin, offline=True)
    return planner.make_plan(subject, defaulted(axes, request).variant(request), machine, known)


def installed(*, home: str | Path | None = None) -> list[Interpreter]:
    """Every interpreter of the store, sorted by name."""
    return store(home).installed()


def store(home: str | Path | None = None) -> Store:
    """The store in the folder `home`, else that which the settings name, else the default one."""
    return Store(settings.folder("home", home) or default_root())


def catalog(folder: str | Path | None = None) -> Catalog:
    """The recipes, with those of `folder`, or of the settings, on top."""
    from jitbuild.recipes.catalog import load_catalog

    return load_catalog(settings.folder("recipes", folder))


def defaulted(axes: Axes, request: Request) -> Axes:
    """`axes` for a build: what they do not state is as the settings say. A free-threaded request states that there is no JIT."""
    jit = axes.jit or (None if request.free_threaded else settings.choice("jit", JITS))
    profile = axes.profile or settings.choice("profile", PROFILES)
    return replace(axes, jit=cast("Jit | None", jit), profile=cast("Profile | None", profile))


def read_patch(path: str | Path) -> Patch:
    """The patch in a file, known by its content. Raises UsageError."""
    import hashlib

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"The patch {path} cannot be read: {error.strerror}.", remedy="Check the path."
        ) from error
    return Patch(path=str(path), sha256=hashlib.sha256(content).hexdigest())


def _pin(request: Request, sha256: str | None) -> str | None:
    """`sha256` as recipes write it. Raises UsageError for what is none, or where it would be ignored."""
    if sha256 is None:
        return None
    if request.kind not in {"tag", "archive"}:
        raise UsageError(
            f"A sha256 belongs to one archive, and {request.text} is not one.",
            remedy="Name the release itself, as in: jitbuild install 3.15.3 --sha256 HASH",
        )
    pin = sha256.strip().lower().removeprefix("sha256:")
    if not _SHA256.fullmatch(pin):
        raise UsageError(
            f"{sha256!r} is not a sha256.",
            remedy="It has 64 hexadecimal digits: sha256sum FILE prints it.",
        )
    return pin
