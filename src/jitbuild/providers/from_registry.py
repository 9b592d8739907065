"""Obtain an interpreter from a registry: find it, download it, unpack and relocate it.

The registry is not trusted. The archive is unpacked in the scratch folder, its manifest must be
that of the planned interpreter, and the interpreter becomes visible only after it is proven.
"""

from __future__ import annotations

import contextlib
import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitbuild.errors import (
    DownloadError,
    IntegrityError,
    JitbuildError,
    MissingError,
    ProofError,
    RegistryError,
    UsageError,
)
from jitbuild.providers.exported_archive import naming, unpack_exported
from jitbuild.providers.provider import StagedInterpreter
from jitbuild.providers.push import push_interpreter, sign_pushed
from jitbuild.registry.client import RegistryClient, connect
from jitbuild.registry.documents import ImageManifest
from jitbuild.registry.interpreters import key_tag, layer_of
from jitbuild.registry.lock_file import LockFile, find_lock_file, read_lock_file
from jitbuild.registry.repository import parse_repository
from jitbuild.registry.signatures import require_signature
from jitbuild.registry.signers import signer_of
from jitbuild.store.archive_reader import read_manifest
from jitbuild.store.manifest import UNSET, ImportRecord, SourceRecord
from jitbuild.system.formatting import format_size
from jitbuild.system.http.client import effects_with
from jitbuild.system.http.transfer_limits import ROOM_TO_UNPACK
from jitbuild.system.signatures import require_package, verify_statement
from jitbuild.system.signing import StatementSigner

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from jitbuild.options import BuildOptions
    from jitbuild.planning.plan import Plan
    from jitbuild.providers.provider import ProviderTask
    from jitbuild.registry.repository import Repository
    from jitbuild.registry.signatures import Verify
    from jitbuild.request import Request
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.manifest import Manifest, Unset
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter
    from jitbuild.system.signatures import Signer

# After these errors, the interpreter can still be built.
FAILURES = (DownloadError, RegistryError, ProofError)


def report(error: JitbuildError, plan: Plan, reporter: Reporter) -> None:
    """Say that the planned interpreter is installed otherwise: the registry failed with `error`."""
    if isinstance(error, MissingError):
        how = "downloaded from its builder" if plan.prebuilt else "built"
        reporter.note(f"The registry does not have {plan.prefix_name}, so it is {how}.")
    else:
        reporter.warn(f"The registry is not used for {plan.prefix_name}. {error.what}")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryProvider:
    """Provides the interpreters in `repository`. `connect` and `clock` are effects.

    `locked` returns the digest that a lock file states for the interpreter with a plan key, and
    `pinned` the request for the release that it states for a request and the name of a target. If
    `signer` is given, interpreters must have its signature, which `verify` verifies. If `sign_with`
    is given, it signs what is pushed.
    """

    repository: Repository
    locked: Callable[[str], str | None] = lambda _: None
    pinned: Callable[[Request, str], Request] = lambda request, _: request
    signer: Signer | None = None
    verify: Verify = verify_statement
    sign_with: StatementSigner | None = None
    connect: Callable[..., AbstractContextManager[RegistryClient]] = connect
    clock: Callable[[], float] = time.monotonic

    def stage(self, task: ProviderTask) -> StagedInterpreter:
        """Carry out the task's plan, and return the staged interpreter.

        Raises MissingError if the registry does not have it, IntegrityError if it is not the one of
        the lock file, RegistryError if the artifact is that of another interpreter, ArchiveError if
        its archive is damaged, the errors of RegistryClient and, if it must be signed, those of
        `require_signature`.
        """
        begun, plan = self.clock(), task.plan
        if self.signer:
            require_package()  # before anything is fetched
        with self.connect(self.repository, reporter=task.reporter) as client:
            document, digest = self._find(client, plan)
            shown = f"{self.repository}@{digest}"
            layer = layer_of(document, shown)
            verified = self._verified(client, digest, task)
            archive = task.scratch / "archive.tar.zst"
            title = f"Downloading {plan.name}"
            file = client.download(layer, archive, title, room=ROOM_TO_UNPACK)
        downloaded = self.clock()
        with naming(shown, file, remedy="Push the interpreter again."):
            manifest = read_manifest(file)
            _check(manifest, plan, shown)
            folder, final = task.scratch / "stage", task.store.interpreters / plan.prefix_name
            prefix = unpack_exported(file, manifest, folder, final, reporter=task.reporter)
        return StagedInterpreter(
            prefix=prefix,
            program=prefix / manifest.executable,
            source=manifest.source or SourceRecord(),
            toolchain=manifest.toolchain,
            missing_headers=manifest.missing_headers,
            imported=ImportRecord(
                file=shown,
                sha256=layer.digest.removeprefix("sha256:"),
                built=manifest.created,
                verified=verified,
            ),
            times={
                "download": round(downloaded - begun, 2),
                "unpack": round(self.clock() - downloaded, 2),
            },
        )

    def check_push(self, reporter: Reporter) -> None:
        """Raise the errors of RegistryClient if the repository cannot be pushed to.

        If the push is to be signed, raise UsageError if there is no identity to sign with.
        """
        if self.sign_with:
            self.sign_with.require_identity()
        with self.connect(self.repository, reporter=reporter) as client:
            client.check_push()

    def push(self, interpreter: Interpreter, store: Store, reporter: Reporter) -> None:
        """Upload `interpreter`. Raises the errors of `push_interpreter` and `sign_pushed`."""
        try:
            with self.connect(self.repository, reporter=reporter) as client:
                pushed = push_interpreter(interpreter, client, store, reporter)
                size = format_size(pushed.size)
                reporter.note(f"pushed {self.repository}:{pushed.tags[0]} ({size})")
                if self.sign_with:
                    sign_pushed(pushed, client, self.sign_with.sign, reporter)
        except JitbuildError as error:
            # The same installation would find the interpreter in the store, and push nothing.
            remedy = f"{interpreter.name} is in the store. {self.how_to_push(interpreter)}"
            raise type(error)(error.what, remedy=remedy) from error

    def how_to_push(self, interpreter: Interpreter) -> str:
        """Return the sentence that says how an interpreter in the store is pushed."""
        sign = "--sign " if self.sign_with else ""
        return f"To push it, run: jitbuild push {sign}{interpreter.name} {self.repository}"

    def _verified(self, client: RegistryClient, digest: str, task: ProviderTask) -> str | Unset:
        """Return how the signature of the document `digest` was verified, if it must have one."""
        if self.signer is None:
            return UNSET
        method = require_signature(client, digest, self.signer, task.scratch, verify=self.verify)
        task.reporter.note(f"{task.plan.name} was signed by {self.signer.identity}.")
        return method

    def _find(self, client: RegistryClient, plan: Plan) -> tuple[ImageManifest, str]:
        """Return the artifact of the planned interpreter, and its digest."""
        tag, locked = key_tag(plan.key), self.locked(plan.key)
        try:
            document, digest = client.get(locked or tag)
        except MissingError as missing:
            raise self._absence(client, plan, locked) from missing
        if isinstance(document, ImageManifest):
            return document, digest
        raise RegistryError(
            f"{self.repository}:{tag} is an index, and not an interpreter.",
            remedy="Push the interpreter again.",
        )

    def _absence(
        self, client: RegistryClient, plan: Plan, locked: str | None
    ) -> MissingError | IntegrityError:
        """Return the error for a registry without the interpreter, or with another digest of it."""
        if locked is not None:
            with contextlib.suppress(MissingError):
                _, digest = client.get(key_tag(plan.key))
                return IntegrityError(
                    f"{self.repository} has {plan.name} with the digest {digest}, and not with"
                    f" {locked}, which jitbuild.lock states.",
                    remedy="To accept the one in the registry, run `jitbuild lock` again.",
                )
        return MissingError(
            f"{self.repository} has no {plan.prefix_name}.",
            remedy="Build it with `jitbuild install --push`, here or elsewhere, or upload it with"
            " `jitbuild push` from a store that has it.",
        )


def _check(manifest: Manifest, plan: Plan, shown: str) -> None:
    """Raise RegistryError unless `manifest` is that of the planned interpreter."""
    found = (manifest.key, manifest.name, manifest.target)
    if found != (plan.key, plan.prefix_name, plan.target.name):
        raise RegistryError(
            f"{shown} is {manifest.name} for {manifest.target}, and not {plan.prefix_name} for"
            f" {plan.target.name}.",
            remedy="Do not use this registry until you know why.",
        )


def registry_provider(options: BuildOptions) -> RegistryProvider | None:
    """Return the provider for the repository that `options` name; None if they name none.

    The releases and digests in the nearest lock file, if there is one, are binding. Raises
    UsageError if the registry is not the name of a repository, or missing for a pull or a push, if
    the signer is not a possible one, and if a signature is wanted without a push. Raises
    SettingsError if the lock file is invalid.
    """
    if options.sign and not options.push:
        raise UsageError(
            "--sign signs only what is pushed, and nothing is pushed without --push.",
            remedy="Add --push, or sign what the store has with `jitbuild push --sign`.",
        )
    if not options.registry:
        if options.push or options.pull_only:
            raise UsageError(
                f"No registry is named to {'push to' if options.push else 'pull from'}.",
                remedy="Name it: --registry ghcr.io/OWNER/jitbuild, or set JITBUILD_REGISTRY.",
            )
        return None
    path = find_lock_file()
    lock = read_lock_file(path) if path else LockFile(registry=options.registry)
    return RegistryProvider(
        repository=parse_repository(options.registry),
        locked=lock.digest_of,
        pinned=lock.pinned,
        signer=signer_of(options),
        sign_with=StatementSigner() if options.sign else None,
        connect=functools.partial(connect, effects=effects_with(options.min_speed)),
    )
