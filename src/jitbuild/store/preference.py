"""The order in which the store prefers interpreters that fit a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jitbuild.store.interpreter import Interpreter

# The most preferred value comes first.
_PREFERRED_JIT = ("yes-off", "yes", "interpreter", "no")
_PREFERRED_PROFILE = ("release", "fast", "unknown", "debug")


def preference(interpreter: Interpreter) -> tuple[Any, ...]:
    """Return a sort key; the preferred interpreter has the greatest one.

    A newer version is preferred. Between equal versions, the value of the jit axis decides, then
    the profile (both in the order listed above). An interpreter that jitbuild built is then
    preferred to an adopted one, and finally the one that was created last.
    """
    from packaging.version import Version

    return (
        Version(interpreter.version),
        -_PREFERRED_JIT.index(interpreter.variant.jit),
        -_PREFERRED_PROFILE.index(interpreter.variant.profile),
        not interpreter.adopted,
        interpreter.manifest.created,
    )
