"""Find the known JIT bugs of an interpreter, which need not have been built by jitbuild."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jitbuild import api, target
from jitbuild.recipes.known_bugs import KnownBugs, known_bugs
from jitbuild.request import Variant
from jitbuild.store.manifest import UNSET

if TYPE_CHECKING:
    from jitbuild.probing.verdict import Verdict
    from jitbuild.recipes.catalog import Catalog
    from jitbuild.store.interpreter import Interpreter


def bugs_of_probed(verdict: Verdict) -> KnownBugs:
    """Return the known JIT bugs of the interpreter that was probed on this machine.

    An interpreter other than CPython has none of them.
    """
    if verdict.implementation != "cpython":
        return KnownBugs(version=verdict.version)
    variant = Variant(
        jit=verdict.built,
        profile="debug" if verdict.debug else "unknown",
        free_threaded=verdict.free_threaded,
    )
    return known_bugs(api.catalog(), verdict.version, target.host().target, variant)


def bugs_of_installed(interpreter: Interpreter, catalog: Catalog) -> KnownBugs:
    """Return the known JIT bugs of an interpreter in the store, from its record."""
    record = interpreter.manifest.verdict
    if record.implementation not in {UNSET, "cpython"}:
        return KnownBugs(version=interpreter.version)
    variant = interpreter.variant
    if record.debug is True:
        variant = replace(variant, profile="debug")
    machine = target.TARGETS.get(interpreter.manifest.target or "") or target.host().target
    return known_bugs(catalog, interpreter.version, machine, variant)
