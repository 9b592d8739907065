"""The order of preference among interpreters in the store that fit a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jitbuild.store.interpreter import Interpreter

# The most preferred value comes first.
_PREFERRED_JIT = ("yes-off", "yes", "interpreter", "no")
_PREFERRED_PROFILE = ("release", "fast", "unknown", "debug")


def preference(interpreter: Interpreter) -> tuple[Any, ...]:
    """Return a sort key, which is greatest for the preferred interpreter.

    An interpreter whose JIT produces machine code is preferred, because the mode `on` needs it.
    Then a newer version is preferred. Between equal versions, the value of the jit axis decides,
    and then the profile, in the orders listed above. After that, an interpreter that jitbuild built
    is preferred to an adopted one. Finally, the interpreter that was created last is preferred.
    """
    from packaging.version import Version

    return (
        interpreter.variant.has_stencils,
        Version(interpreter.version),
        -_PREFERRED_JIT.index(interpreter.variant.jit),
        -_PREFERRED_PROFILE.index(interpreter.variant.profile),
        not interpreter.adopted,
        interpreter.manifest.created,
    )
