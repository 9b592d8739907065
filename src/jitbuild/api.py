"""The functions behind `jitbuild install`, `list` and `plan`. They return values and print nothing.

Programs use the public ones as `jitbuild.ensure` and so on. Options that a call does not state are
taken from the settings (JITBUILD_* variables, pyproject.toml, the user's file). The command line
does the same, so programs and the command line use the same store.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from jitbuild import settings
from jitbuild.errors import StoreError, UsageError
from jitbuild.options import BuildOptions
from jitbuild.request import (
    JITS,
    PROFILES,
    PROVIDERS,
    Axes,
    Jit,
    Patch,
    Profile,
    ProviderChoice,
    Request,
    parse,
)
from jitbuild.store import marker
from jitbuild.store.store import Store, default_root
from jitbuild.system.digests import parse_sha256
from jitbuild.system.small_file import read_small

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.planning.plan import Plan
    from jitbuild.provision import Provisioner
    from jitbuild.provision_many import Outcome
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Target

_MOST_PATCH_BYTES = 64 << 20


def ensure(  # noqa: PLR0913
    spec: str,
    *,
    jit: Jit | None = None,
    profile: Profile | None = None,
    tail_call: bool | None = None,
    configure_args: Iterable[str] = (),
    patches: Iterable[str | Path] = (),
    includes: Iterable[str] = (),
    provider: ProviderChoice | None = None,
    options: BuildOptions | None = None,
    reporter: Reporter | None = None,
) -> Interpreter:
    """Return the best interpreter in the store that fits `spec` and the stated axes.

    If none fits, build one, or download one that others have built if `provider` says so; prove it
    and add it to the store. `reporter` receives the progress; nothing is printed. Raises a
    JitbuildError, whose message ends with a remedy, if that fails; the store then contains no
    incomplete interpreter.
    """
    request = parse(spec)
    axes = replace(
        _axes(jit, profile, tail_call, configure_args, patches, includes), provider=provider
    )
    stated = options or BuildOptions()
    stated = replace(stated, sha256=_pin(request, stated.sha256))
    return provisioner(stated, reporter).ensure(request, axes_with_settings(axes, request))


def ensure_all(
    specs: Iterable[str],
    axes: Iterable[Axes] = (Axes(),),
    *,
    keep_going: bool = True,
    options: BuildOptions | None = None,
    reporter: Reporter | None = None,
) -> list[Outcome]:
    """Provide an interpreter for every combination of `specs` and `axes`, under one job budget.

    Several interpreters may be built at the same time. Returns one outcome for each combination:
    first those of the first spec, and so on. Raises a JitbuildError if the input is invalid, before
    any build begins. If `keep_going` is False, also raises the first error of a build.
    """
    from jitbuild.provision_many import ensure_each

    requests, stated_axes = [parse(spec) for spec in specs], list(axes)
    stated = options or BuildOptions()
    if stated.sha256 is not None:
        if len(requests) > 1:
            raise UsageError(
                "--sha256 belongs to one release.", remedy="Install the releases one at a time."
            )
        stated = replace(stated, sha256=_pin(requests[0], stated.sha256))
    wanted = [
        (request, axes_with_settings(each, request)) for request in requests for each in stated_axes
    ]
    return ensure_each(provisioner(stated, reporter), wanted, keep_going=keep_going)


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
    provider: ProviderChoice | None = None,
    sha256: str | None = None,
    recipes: str | Path | None = None,
) -> Plan:
    """Return the plan that `ensure` would carry out for `spec` on `platform`.

    `platform` is a target such as `aarch64-macos`; None means this machine. Interpreters in the
    store are not considered, unless `spec` is the name of one: then the plan is the one that
    rebuilds it. The network is never used, so a commit of a remote repository must have been
    fetched before. A release whose sha256 is not known has a plan without a key, which `ensure`
    cannot carry out. Raises a JitbuildError if no plan can be made.
    """
    import dataclasses

    from jitbuild import target
    from jitbuild.planning.planner import make_plan, resolve_version
    from jitbuild.planning.prebuilt import stated_prebuilt_plan, why_compiled

    request, known = parse(spec), catalog(recipes)
    axes = replace(
        _axes(jit, profile, tail_call, configure_args, patches, includes), provider=provider
    )
    machine = target.parse(platform) if platform else target.host().target
    if request.kind == "name":
        return _named_plan(request, axes, machine, known)
    pin = _pin(request, sha256)
    axes = axes_with_settings(axes, request)
    if prebuilt := stated_prebuilt_plan(request, axes, machine, known, sha256=pin):
        return prebuilt
    if request.is_version:
        subject = resolve_version(request, known, sha256=pin, needs_pin=False)
    else:
        from jitbuild.sources.resolve import describe

        subject = describe(request, cache=store().root, catalog=known, sha256=pin, offline=True)
    plan = make_plan(subject, axes.variant(request), machine, known)
    reason = why_compiled(request, axes, machine, known, sha256=pin)
    return dataclasses.replace(plan, provider_reason=reason)


def _named_plan(request: Request, axes: Axes, machine: Target, known: Catalog) -> Plan:
    from jitbuild.providers.recorded_plan import recorded_plan
    from jitbuild.store.mismatch import check_axes
    from jitbuild.store.names import find_named

    interpreter = find_named(store(), request.value)
    check_axes(interpreter, axes)
    return recorded_plan(interpreter, machine, store(), known, offline=True)


def installed(*, home: str | Path | None = None) -> list[Interpreter]:
    """Return every interpreter in the store, sorted by name, as it was registered.

    Nothing is probed or repaired: `Interpreter.state` tells which of them are out of date.
    """
    return store(home).installed()


def provisioner(options: BuildOptions, reporter: Reporter | None = None) -> Provisioner:
    """Return a provisioner; `options` that are not stated are taken from the settings."""
    from jitbuild.provision import Provisioner
    from jitbuild.system.progress import SilentReporter

    options, registry = options.with_settings(), None
    if options.registry or options.push or options.pull_only or options.sign:
        from jitbuild.providers.from_registry import registry_provider

        registry = registry_provider(options)
    return Provisioner(
        store(options.home),
        catalog(options.recipes),
        options,
        reporter or SilentReporter(),
        registry=registry,
    )


def store(home: str | Path | None = None) -> Store:
    """Return the store in the folder `store_folder(home)`.

    The folder need not exist, and is not created. Raises StoreError if it is not a store and not
    empty, if a newer jitbuild has made it, or if other users can write to it and the setting
    `shared-store` does not permit that.
    """
    root = store_folder(home)
    marker.check(root)
    shared = marker.writable_by_all(root)
    if shared is not None and settings.choice("shared-store", settings.SHARED_STORE) != "yes":
        import shlex

        raise StoreError(
            f"Every user of this machine can write to {shared}, and so replace the programs that "
            "you run.",
            remedy=f"Prevent it: chmod o-w {shlex.quote(str(shared))}. Or accept it: set "
            "JITBUILD_SHARED_STORE=yes.",
        )
    return Store(root)


def store_folder(home: str | Path | None = None) -> Path:
    """Return the folder of the store: `home`, else that of the settings, else the default."""
    return settings.folder("home", home) or default_root()


def catalog(folder: str | Path | None = None) -> Catalog:
    """Return the shipped recipes, together with those in `folder`.

    If `folder` is None, the folder of the settings is used or, if it is not set, the user's own
    folder of recipes, if it has any.
    """
    from jitbuild.recipe_folders import recipes_folder
    from jitbuild.recipes.catalog import load_catalog

    return load_catalog(recipes_folder(folder))


def axes_with_settings(axes: Axes, request: Request) -> Axes:
    """Return `axes`, with the settings in place of a jit axis, profile or provider not stated.

    For a free-threaded request, which has no JIT, the jit axis of the settings is ignored, and the
    provider as well, because prebuilt interpreters have the JIT. The provider of the settings is
    also ignored for a source that is not a release. A name stands for one variant, so all settings
    are ignored.
    """
    if request.kind == "name":
        return axes
    jit = axes.jit or (None if request.free_threaded else settings.choice("jit", JITS))
    profile = axes.profile or settings.choice("profile", PROFILES)
    provider: str | None = axes.provider
    if provider is None and request.is_version and not request.free_threaded:
        provider = settings.choice("provider", PROVIDERS)
    return replace(
        axes,
        jit=cast("Jit | None", jit),
        profile=cast("Profile | None", profile),
        provider=cast("ProviderChoice | None", provider),
    )


def read_patch(path: str | Path) -> Patch:
    """Return the patch in the file `path`. Raises UsageError if the file cannot be read."""
    import hashlib  # imported here, because OpenSSL takes a tenth of the time of `jitbuild which`

    try:
        content = read_small(Path(path), most=_MOST_PATCH_BYTES)
    except OSError as error:
        raise UsageError(
            f"The patch {path} cannot be read: {error.strerror}.", remedy="Check the path."
        ) from error
    return Patch(path=str(path), sha256=hashlib.sha256(content).hexdigest())


def _axes(
    jit: Jit | None,
    profile: Profile | None,
    tail_call: bool | None,
    configure_args: Iterable[str],
    patches: Iterable[str | Path],
    includes: Iterable[str],
) -> Axes:
    return Axes(
        jit=jit,
        profile=profile,
        tail_call=tail_call,
        configure_args=tuple(configure_args),
        patches=tuple(map(read_patch, patches)),
        includes=tuple(sorted({*includes})),
    )


def _pin(request: Request, sha256: str | None) -> str | None:
    """Return `sha256` in the form that recipes use: 64 lower-case hexadecimal digits.

    Raises UsageError if it is not a sha256, or if the request does not name one archive.
    """
    if sha256 is None:
        return None
    if request.kind not in {"tag", "archive"}:
        raise UsageError(
            f"A sha256 belongs to one archive, and {request.text} does not name one.",
            remedy="Name the release itself, as in: jitbuild install 3.15.3 --sha256 HASH",
        )
    return parse_sha256(sha256)
