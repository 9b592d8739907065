"""Find every interpreter in the store that a name or a request means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import NotInstalledError, UsageError
from jitbuild.request import Axes, parse
from jitbuild.running.lookup import local_digest, without_secrets
from jitbuild.store.mismatch import contradicts
from jitbuild.store.names import named, no_such_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.request import Request
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store


def matching(
    store: Store, spec: str, axes: Axes, *, every: bool, remedy: str = ""
) -> list[Interpreter]:
    """Return the interpreters that `spec`, a name or a request, and `axes` mean.

    Raises NotInstalledError when there is none. Unless `every` is True, raises UsageError with
    `remedy` when there are several.
    """
    installed = store.installed()
    exact = [interpreter for interpreter in installed if interpreter.name == spec]
    found = exact or _matching(store, parse(spec), installed, axes, every=every)
    if len(found) > 1 and not every:
        names = ", ".join(interpreter.name for interpreter in found)
        raise UsageError(
            f"{without_secrets(spec)} fits {len(found)} interpreters: {names}.", remedy=remedy
        )
    return found


def _matching(
    store: Store, request: Request, installed: Sequence[Interpreter], axes: Axes, *, every: bool
) -> list[Interpreter]:
    if request.kind == "name":
        found = [each for each in named(request.value, installed) if not contradicts(each, axes)]
        if not found:
            raise no_such_name(store, request.value, installed)
        return found
    digest = local_digest(request, store)
    candidates = [axes]
    if every and axes == Axes():
        # Variants with extra configure arguments, parts or patches are included. They do not fit
        # axes that state no arguments, parts and patches.
        candidates = list({_extras(interpreter): None for interpreter in installed})
    found = [
        interpreter
        for extras in candidates
        for interpreter in store.fitting(request, extras, digest=digest, among=installed)
    ]
    if not found:
        raise NotInstalledError(
            f"No interpreter in the store fits {request.text}.",
            remedy="`jitbuild list` shows the interpreters in the store.",
        )
    return found


def _extras(interpreter: Interpreter) -> Axes:
    """Return the axes that a request must state to fit the interpreter."""
    variant = interpreter.variant
    return Axes(
        configure_args=variant.configure_args, patches=variant.patches, includes=variant.includes
    )
