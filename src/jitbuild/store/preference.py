"""The order in which the store prefers interpreters that fit a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jitbuild.store.interpreter import Interpreter

_PREFERRED_JIT = ("yes-off", "yes", "interpreter", "no")
_PREFERRED_PROFILE = ("release", "fast", "unknown", "debug")


def preference(interpreter: Interpreter) -> tuple[Any, ...]:
    """Return a key that sorts the preferred interpreter last.

    Newest version first, then yes-off, then release, fast, unknown, debug, then built before
    adopted, then the newest build.
    """
    from packaging.version import Version

    return (
        Version(interpreter.version),
        -_PREFERRED_JIT.index(interpreter.variant.jit),
        -_PREFERRED_PROFILE.index(interpreter.variant.profile),
        not interpreter.adopted,
        interpreter.manifest.created,
    )
