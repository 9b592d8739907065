"""Adopt interpreters that are already on this machine: register them without changing them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from jitbuild.errors import ProofError, VariantError
from jitbuild.probing import run_probe as probing
from jitbuild.request import Variant
from jitbuild.store.launchers import FOLDER as LAUNCHERS
from jitbuild.store.launchers import write_launchers
from jitbuild.store.manifest import UNSET, Fingerprint, Manifest, VariantRecord, VerdictRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jitbuild.probing.facts import Expect
    from jitbuild.probing.verdict import Verdict
    from jitbuild.request import Profile
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store


def adopt(
    store: Store,
    program: Path,
    *,
    expect: Expect = "jit",
    profile: Profile = "unknown",
    probe: Callable[..., Verdict] = probing.probe,
) -> Interpreter:
    """Probe the interpreter `program` and register it in `store`; return the registration.

    `profile` is the profile that the interpreter was built with, if that is known. Raises
    ProofError, which states the reason, if the interpreter does not meet `expect`; InterpreterError
    if it is not a Python; and VariantError if it is a Python other than CPython.
    """
    program = program.absolute()
    # Taken before the probe, so that a program that changes during the probe counts as changed.
    fingerprint = Fingerprint.of(program)
    verdict = probe(program, expect=expect)
    _check(program, verdict)
    variant = Variant(
        jit=verdict.built,
        profile="debug" if verdict.debug else profile,
        free_threaded=verdict.free_threaded,
    )
    key = hashlib.sha256(f"adopted {program}".encode()).hexdigest()
    threads = "t" if verdict.free_threaded else ""
    name = f"cpython-{verdict.version}{threads}-{variant.slug}-{key[:8]}"
    manifest = Manifest(
        key=key,
        version=verdict.version,
        adopted=True,
        request=str(program),
        expect=expect,
        created=datetime.now(UTC),
        executable=str(program),
        fingerprint=fingerprint or UNSET,
        variant=VariantRecord.of(variant),
        verdict=msgspec.convert(verdict.to_json(), VerdictRecord),
    )
    with store.lock(name), store.scratch() as scratch:
        staged = scratch / "adopted"
        staged.mkdir()
        # Written now, because later the store may be read-only.
        write_launchers(staged / LAUNCHERS, program, verdict.version)
        return store.commit(staged, name, manifest)


def refresh(
    store: Store, stale: Interpreter, *, probe: Callable[..., Verdict] = probing.probe
) -> None:
    """Probe an adopted interpreter that has changed, and register it again.

    If its name changes, for example with its version, the old registration is removed. Raises the
    same errors as `adopt`.
    """
    if stale.adopted and stale.executable.exists():
        expect = stale.manifest.expect or "jit"
        profile = stale.variant.profile
        renewed = adopt(store, stale.executable, expect=expect, profile=profile, probe=probe)
        if renewed.name != stale.name:
            store.remove(stale)


def _check(program: Path, verdict: Verdict) -> None:
    if not verdict.ok:
        raise ProofError(
            f"{program} was not adopted: {verdict.reason}",
            remedy=f"To register it as it is: jitbuild adopt {program} --expect {verdict.built}",
        )
    if verdict.implementation.lower() != "cpython":
        raise VariantError(
            f"{program} is {verdict.implementation}.", remedy="jitbuild adopts CPython only."
        )
