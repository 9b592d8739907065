"""The order of preference among interpreters in the store that fit a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jitbuild.store.interpreter import Interpreter

# The most preferred value comes first.
_PREFERRED_JIT = ("yes-off", "yes", "interpreter", "no")
_PREFERRED_PROFILE = ("release", "fast", "unknown", "debug")
# The phases of versions, in the order of the alphabet. After them comes the final release.
_PHASES, _FINAL = ("a", "b", "rc"), "z"


def preference(interpreter: Interpreter) -> tuple[Any, ...]:
    """Return a sort key, which is greatest for the preferred interpreter.

    An interpreter whose JIT produces machine code is preferred, because the mode `on` needs it.
    Then a newer version is preferred. Between equal versions, the value of the jit axis decides,
    and then the profile, in the orders listed above. After that, an interpreter that jitbuild built
    is preferred to an adopted one. Finally, the interpreter that was created last is preferred.
    """
    return (
        interpreter.variant.has_stencils,
        version_order(interpreter.version),
        -_PREFERRED_JIT.index(interpreter.variant.jit),
        -_PREFERRED_PROFILE.index(interpreter.variant.profile),
        not interpreter.adopted,
        interpreter.manifest.created,
    )


def version_order(version: str) -> tuple[Any, ...]:
    """Return a sort key for versions in the form that CPython has, such as `3.15.0b2`.

    The keys are in the order of packaging's versions, which take longer to import than a lookup.
    """
    numbers = [int(digits) for digits in re.findall("[0-9]+", version)]
    phase = next((phase for phase in _PHASES if phase in version), _FINAL)
    return numbers[:3], phase, numbers[3:]
