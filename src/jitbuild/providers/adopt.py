"""Adopt interpreters that are already on this machine: register them without changing them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jitbuild.errors import InterpreterError, ProofError, VariantError
from jitbuild.probing import run_probe as probing
from jitbuild.request import Variant
from jitbuild.store import manifest as manifests
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.interpreter import lock_name, lock_of_adopted
from jitbuild.store.launchers import FOLDER as LAUNCHERS
from jitbuild.store.launchers import write_launchers
from jitbuild.store.manifest import UNSET, Manifest, VariantRecord, VerdictRecord
from jitbuild.system.paths import UNRECORDABLE, UNRECORDABLE_REMEDY, is_recordable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    profile: Profile | None = None,
    probe: Callable[..., Verdict] = probing.probe,
    held: str = "",
) -> Interpreter:
    """Probe the interpreter `program`, and register it in `store`; return the registration.

    If `program` is a shim that starts another Python, as those of pyenv, mise and asdf do, that
    other Python is registered: in another folder, the shim may start a different Python. If
    `program` is in the folder of an interpreter in `store`, nothing is registered and that
    interpreter is returned. `profile` is the profile with which the interpreter was built; if it is
    None, it is that of an earlier registration of the program, else `unknown`. The new registration
    replaces earlier ones of the program. `held` names a lock of `store` that the caller holds.

    Raises ProofError, which states the reason, if the interpreter does not meet `expect`;
    InterpreterError if `program` is not a Python; and VariantError if it is a Python other than
    CPython.
    """
    program = program.absolute()
    if not is_recordable(str(program)):
        raise InterpreterError(
            f"The path {program} {UNRECORDABLE}, so it cannot be registered.",
            remedy=UNRECORDABLE_REMEDY,
        )
    if (own := own_interpreter(store, program)) is not None:
        return own
    probed = _probe_started(_probe(program, expect, probe), expect, probe)
    program, verdict = probed.program, probed.verdict
    if (own := own_interpreter(store, Path(verdict.facts.executable or program))) is not None:
        return own
    _check(program, verdict, probe)
    with contextlib.ExitStack() as stack:
        if (lock := lock_of_adopted(_key(program))) != held:
            stack.enter_context(store.lock(lock))
        return _register(store, probed, expect, profile)


def refresh(
    store: Store, stale: Interpreter, *, probe: Callable[..., Verdict] = probing.probe
) -> None:
    """Probe the adopted interpreter `stale`, which has changed, and register it again.

    If the name of the interpreter changes, for example because of a new version, the old
    registration is removed. If the probe fails, the old registration remains, and records the
    failure. If another process does the same at the moment, wait for it; the interpreter is then
    not probed again. Raises the same errors as `adopt`.
    """
    if not stale.adopted or Fingerprint.of(stale.executable) is None:
        return
    with store.lock(lock_name(stale.manifest)):
        present = store.get(stale.path.name)
        if present is None or not present.adopted or present.fresh:
            return
        if present.failed and not stale.failed:
            raise ProofError(
                f"{present.executable} has changed, and another process has found that it no "
                "longer passes its probe.",
                remedy=f"To see why: jitbuild probe {shlex.quote(str(present.executable))}",
            )
        _refresh(store, present, probe)


def _refresh(store: Store, stale: Interpreter, probe: Callable[..., Verdict]) -> None:
    """Probe and register `stale` again, whose lock is held."""
    fingerprint = Fingerprint.of(stale.executable)
    try:
        renewed = adopt(
            store,
            stale.executable,
            expect=stale.manifest.expect or "jit",
            profile=stale.variant.profile,
            probe=probe,
            held=lock_name(stale.manifest),
        )
    except (InterpreterError, ProofError, VariantError):
        if fingerprint is not None:
            _record_failure(stale, fingerprint)
        raise
    if renewed.key != stale.key:  # the program has become a shim that starts another one
        store.remove(stale)


def _register(
    store: Store, probed: _Probed, expect: Expect, profile: Profile | None
) -> Interpreter:
    """Register `probed`, and remove earlier registrations of its program, whose lock is held."""
    program = probed.program
    earlier = _registrations(store, program)
    manifest = _manifest(probed, expect, profile or _profile_of(earlier))
    with store.scratch() as scratch:
        staged = scratch / "adopted"
        staged.mkdir()
        # Write the launchers now, because the store may be read-only later.
        write_launchers(staged / LAUNCHERS, program, probed.verdict.version)
        adopted = store.commit(staged, manifest.name, manifest)
    for registration in earlier:
        if registration.name != adopted.name:
            store.remove(registration)
    return adopted


def _registrations(store: Store, program: Path) -> list[Interpreter]:
    """Return the registrations of `program` in the store, the newest one last."""
    key = _key(program)
    found = [each for each in store.installed() if each.adopted and each.key == key]
    return sorted(found, key=lambda each: each.created)


def _profile_of(registrations: Sequence[Interpreter]) -> Profile:
    return registrations[-1].variant.profile if registrations else "unknown"


def _record_failure(stale: Interpreter, fingerprint: Fingerprint) -> None:
    """Record in the manifest of `stale` that the file with `fingerprint` failed its probe.

    If the store cannot be written, nothing is recorded.
    """
    manifest = msgspec.structs.replace(stale.manifest, failed_fingerprint=fingerprint)
    with contextlib.suppress(OSError):
        manifests.write(manifest, stale.path)


def own_interpreter(store: Store, program: Path) -> Interpreter | None:
    """Return the interpreter in `store` whose folder contains `program`, or None.

    Return None for the Python of a virtual environment, even though it is a link to such a program.
    """
    folder = Path(os.path.realpath(store.interpreters))
    real = Path(os.path.realpath(program))
    environments = [parent / "pyvenv.cfg" for parent in (program.parent, program.parent.parent)]
    if folder not in real.parents or any(file.is_file() for file in environments):
        return None
    return store.get(real.relative_to(folder).parts[0])


class _Probed(NamedTuple):
    """A probed program, with its verdict.

    The fingerprint was taken before the probe, so that a change after that is noticed.
    """

    program: Path
    fingerprint: Fingerprint | None
    verdict: Verdict


def _probe(program: Path, expect: Expect, probe: Callable[..., Verdict]) -> _Probed:
    return _Probed(program, Fingerprint.of(program), probe(program, expect=expect, modules=True))


def _probe_started(probed: _Probed, expect: Expect, probe: Callable[..., Verdict]) -> _Probed:
    """Return the result of probing the Python that `probed` started, instead of its wrapper.

    Return `probed` itself if there is no wrapper, or if the Python, started directly, does not run
    or is not the same Python. A wrapper may set variables that the interpreter needs. It may also
    give the interpreter a false name, so that sys.executable is another Python.
    """
    started = Path(probed.verdict.facts.executable)
    if not started.is_file() or _are_one(started, probed.program):
        return probed
    try:
        direct = _probe(started.absolute(), expect, probe)
    except InterpreterError:
        return probed
    facts = direct.verdict.facts
    same = facts.full_version == probed.verdict.facts.full_version
    return direct if same and _are_one(Path(facts.executable), started) else probed


def _manifest(probed: _Probed, expect: Expect, profile: Profile) -> Manifest:
    program, verdict = probed.program, probed.verdict
    variant = Variant(
        jit=verdict.built,
        profile="debug" if verdict.debug else profile,
        free_threaded=verdict.free_threaded,
    )
    key = _key(program)
    threads = "t" if verdict.free_threaded else ""
    return Manifest(
        name=f"cpython-{verdict.version}{threads}-{variant.slug}-{key[:8]}",
        key=key,
        version=verdict.version,
        adopted=True,
        request=str(program),
        expect=expect,
        created=datetime.now(UTC),
        executable=str(program),
        fingerprint=probed.fingerprint or UNSET,
        variant=VariantRecord.of(variant),
        verdict=msgspec.convert(verdict.to_json(), VerdictRecord),
    )


def _key(program: Path) -> str:
    return hashlib.sha256(f"adopted {program}".encode()).hexdigest()


def _are_one(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _check(program: Path, verdict: Verdict, probe: Callable[..., Verdict]) -> None:
    """Raise VariantError unless `program` is a CPython, and ProofError if a check failed.

    Another value of --expect is suggested only if the program passes the probe with it.
    """
    if verdict.implementation.lower() != "cpython":
        raise VariantError(
            f"{program} is {verdict.implementation}, not CPython.",
            remedy="Adopt a CPython: jitbuild supports no other implementation.",
        )
    if verdict.ok:
        return
    quoted = shlex.quote(str(program))
    remedy = f"`jitbuild probe {quoted}` shows every check."
    if probe(program, expect=verdict.built, modules=True).ok:
        remedy = f"To register it as it is: jitbuild adopt {quoted} --expect {verdict.built}"
    raise ProofError(f"{program} was not adopted: {verdict.reason}", remedy=remedy)
