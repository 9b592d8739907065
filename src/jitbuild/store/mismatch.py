"""Say why interpreters of the requested version do not fit a request."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jitbuild.errors import UsageError
from jitbuild.options import axis_options, patches_without_path
from jitbuild.system.list_text import joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jitbuild.request import Axes, Request
    from jitbuild.store.interpreter import Interpreter

_PLURALS = {"has": "have", "is": "are", "was": "were"}
_PROVIDERS = {
    "source": "was compiled by jitbuild",
    "prebuilt": "was built by others (--prebuilt)",
    "adopt": "was adopted",
}
_SOURCES = {"folder": "a folder", "archive": "an archive", "git": "a git commit"}


def reasons(
    interpreters: Iterable[Interpreter], request: Request, axes: Axes, *, digest: str = ""
) -> str:
    """Return sentences that say why the interpreters do not fit `request` and `axes`.

    Interpreters of other versions are not mentioned; the result is "" if all are of other versions.
    `digest` is as for `Store.find`.
    """
    names: dict[str, list[str]] = {}
    for interpreter in interpreters:
        if reason := _mismatch(interpreter, request, axes, digest):
            names.setdefault(reason, []).append(interpreter.name)
    return " ".join(_sentence(each, reason) for reason, each in names.items())


def check_axes(interpreter: Interpreter, axes: Axes) -> None:
    """Raise UsageError if an interpreter that was named contradicts the stated `axes`."""
    if contradicts(interpreter, axes):
        options = f"was built with {_options_of(interpreter)}"
        other = not axes.admits_provider(interpreter.provider)
        raise UsageError(
            _sentence([interpreter.name], _PROVIDERS[interpreter.provider] if other else options),
            remedy="Omit the options that state another variant.",
        )


def contradicts(interpreter: Interpreter, axes: Axes) -> bool:
    """Return True if the interpreter has another value for an axis that is stated."""
    variant = interpreter.variant
    stated = replace(
        axes,
        machine_code=False,
        configure_args=axes.configure_args or variant.configure_args,
        patches=axes.patches or variant.patches,
        includes=axes.includes or variant.includes,
    )
    return not (stated.admits(variant) and stated.admits_provider(interpreter.provider))


def _mismatch(interpreter: Interpreter, request: Request, axes: Axes, digest: str) -> str:
    """Return the reason as a predicate whose verb is in the singular, or ""."""
    variant = interpreter.variant
    if not interpreter.answers(request, digest):
        source = _SOURCES.get(interpreter.source_kind, "another source")
        is_version = request.is_version and request.admits(interpreter.version)
        return f"was built from {source}, which a version does not name" if is_version else ""
    if interpreter.state in {"gone", "not proven"}:
        return f"is {interpreter.state}"
    if variant.free_threaded != request.free_threaded:
        return "is free-threaded" if variant.free_threaded else "is not free-threaded"
    if axes.machine_code and not variant.has_stencils:
        return "has no machine code" + ", only micro-ops" * (variant.jit == "interpreter")
    if not axes.admits(variant):
        return f"was built with {_options_of(interpreter)}"
    if not axes.admits_provider(interpreter.provider):
        return _PROVIDERS[interpreter.provider]
    return ""


def _sentence(names: list[str], predicate: str) -> str:
    verb, _, rest = predicate.partition(" ")
    return f"{joined(names)} {verb if len(names) == 1 else _PLURALS[verb]} {rest}."


def _options_of(interpreter: Interpreter) -> str:
    variant = interpreter.variant
    parts = [
        shlex.join(axis_options(variant)),
        *["an unknown profile"] * (variant.profile == "unknown"),
        patches_without_path(variant),
    ]
    return " and ".join(filter(None, parts))
