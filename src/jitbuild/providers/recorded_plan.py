"""Make the plan of an interpreter in the store again, from its manifest."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.errors import JitbuildError, RequestError, UsageError
from jitbuild.options import axis_options, patches_without_path
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.planning.prebuilt import prebuilt_plan
from jitbuild.request import Axes, Request, parse
from jitbuild.sources.resolve import describe
from jitbuild.store.manifest import SourceRecord
from jitbuild.system.checksums import sha256_of
from jitbuild.system.progress import SilentReporter

if TYPE_CHECKING:
    from jitbuild.planning.plan import Plan, ResolvedRequest
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Target

_SILENT = SilentReporter()
_PREBUILT = Axes(provider="prebuilt")


def recorded_plan(
    interpreter: Interpreter,
    target: Target,
    store: Store,
    catalog: Catalog,
    *,
    offline: bool = False,
    reporter: Reporter = _SILENT,
) -> Plan:
    """Return the plan of `interpreter`, made again for `target` from its source and its variant.

    The recipes are those of today, so the plan has another key than the interpreter if a recipe
    that concerns it has changed. If `offline` is True, no commit is fetched.

    Raises UsageError if the interpreter was adopted, and RequestError if its source or one of its
    patches is no longer as it was.
    """
    if interpreter.adopted:
        expect = interpreter.manifest.expect or "jit"
        option = "" if expect == "jit" else f" --expect {expect}"
        raise UsageError(
            f"{interpreter.name} was adopted, so jitbuild has no plan for it.",
            remedy="To probe and register it again: "
            f"jitbuild adopt {shlex.quote(str(interpreter.executable))}{option}",
        )
    if interpreter.provider == "prebuilt":
        return _prebuilt_plan(interpreter, target, catalog)
    _check_patches(interpreter)
    resolved = _resolve(interpreter, store, catalog, offline=offline, reporter=reporter)
    return make_plan(resolved, interpreter.variant, target, catalog)


def _prebuilt_plan(interpreter: Interpreter, target: Target, catalog: Catalog) -> Plan:
    try:
        return prebuilt_plan(parse(interpreter.version), _PREBUILT, target, catalog)
    except JitbuildError as error:
        raise _changed(interpreter, error.what) from error


def check_unchanged(plan: Plan, interpreter: Interpreter) -> None:
    """Raise RequestError if `plan` has another key than `interpreter`."""
    if plan.key != interpreter.key:
        raise _changed(interpreter, "The recipes have changed since it was built.")


def _resolve(
    interpreter: Interpreter, store: Store, catalog: Catalog, *, offline: bool, reporter: Reporter
) -> ResolvedRequest:
    """Return the source of `interpreter`; raise RequestError if it is no longer as it was."""
    source = interpreter.manifest.source
    digest = source.digest if source else ""
    try:
        if interpreter.source_kind == "release":
            request = parse(interpreter.version)
            resolved = resolve_version(request, catalog, sha256=digest or None)
        else:
            resolved = describe(
                _request(interpreter),
                cache=store.root,
                catalog=catalog,
                offline=offline,
                reporter=reporter,
            )
    except JitbuildError as error:
        raise _changed(interpreter, error.what) from error
    if digest and resolved.source.digest != digest:
        raise _changed(interpreter, f"{resolved.source.location} has changed since it was built.")
    return resolved


def _request(interpreter: Interpreter) -> Request:
    """Return the request for the folder, archive or commit from which an interpreter was built."""
    source = interpreter.manifest.source or SourceRecord()
    if source.kind == "git":
        return Request(text=source.location, kind="git", value=source.location, ref=source.digest)
    return parse(interpreter.manifest.request or source.location)


def _check_patches(interpreter: Interpreter) -> None:
    """Raise RequestError if a patch of `interpreter` is not as it was."""
    for patch in interpreter.variant.patches:
        path = Path(patch.path)
        if not patch.path or not path.is_file() or sha256_of(path) != patch.sha256:
            name = patch.path or f"with the sha256 {patch.sha256}"
            raise _changed(interpreter, f"The patch {name} is no longer there as it was.")


def _changed(interpreter: Interpreter, reason: str) -> RequestError:
    variant = interpreter.variant
    request = interpreter.manifest.request or interpreter.version
    provider = ["--provider=prebuilt"] * (interpreter.provider == "prebuilt")
    command = shlex.join(["jitbuild", "install", request, *axis_options(variant), *provider])
    patches = patches_without_path(variant)
    addition = f"; add --patch FILE for {patches}" if patches else ""
    return RequestError(
        f"{interpreter.name} cannot be built again as it is. {reason}",
        remedy=f"To build from what is there today: {command}{addition}",
    )
