"""The proof of an interpreter as text, for the commands that add one to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jitbuild.store.interpreter import Interpreter


def proof_of(interpreter: Interpreter) -> str:
    """Return what the probe has shown, as a part of a sentence."""
    verdict = interpreter.manifest.verdict
    return {
        "yes-off": "the JIT is present and runs machine code with PYTHON_JIT=1",
        "yes": "the JIT is present and runs machine code unless PYTHON_JIT=0",
        "interpreter": "micro-ops without machine code",
        "no": "no JIT, as requested",
    }[verdict.jit.built if verdict.jit else interpreter.variant.jit]
