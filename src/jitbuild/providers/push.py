"""Push interpreters and stencils of the store to a repository in a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import JitbuildError, MissingError
from jitbuild.providers.exporting import check_exportable, export
from jitbuild.registry.documents import (
    Descriptor,
    ImageManifest,
    digest_of,
    encode,
)
from jitbuild.registry.indexes import add_to_index
from jitbuild.registry.interpreters import (
    LAYER_TYPE,
    interpreter_artifact,
    key_tag,
    names_interpreter,
    readable_tag,
    with_target,
)
from jitbuild.registry.signatures import add_signature
from jitbuild.registry.stencils import SharedEntry, push_stencils, stencil_tag

if TYPE_CHECKING:
    from jitbuild.building.caches.stencil_store import StencilStore
    from jitbuild.registry.client import RegistryClient
    from jitbuild.registry.signatures import Sign
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter
    from jitbuild.system.signatures import Signer


class Pushed(NamedTuple):
    """An artifact in a registry: its tags, the readable one first, its digest and its size."""

    tags: tuple[str, ...]
    digest: str
    size: int


def push_interpreter(
    interpreter: Interpreter, client: RegistryClient, store: Store, reporter: Reporter
) -> Pushed:
    """Upload `interpreter` with its two tags (registry/interpreters.py).

    What is in the registry already is not uploaded again, so a push that was interrupted can be
    repeated. An interpreter that was pulled from the repository gets its tags again: its archive
    would have another digest than the one in lock files, because its paths are those of this store.
    The tags are written last. Raises the errors of `export` and of RegistryClient.
    """
    check_exportable(interpreter)
    client.check_push()  # before it is packed, which takes longer
    document = _pulled(interpreter, client)
    if document is None:
        document = _upload(interpreter, client, store, reporter)
    else:
        reporter.note(
            f"{interpreter.name} was pulled from {client.repository}, which still has it."
        )
    manifest = interpreter.manifest
    tags = (readable_tag(manifest), key_tag(manifest.key))
    digest = client.put(document, tags[1])
    add_to_index(client, tags[0], digest, lambda index: with_target(index, document))
    return Pushed(tags, digest, document.layers[0].size)


def _pulled(interpreter: Interpreter, client: RegistryClient) -> ImageManifest | None:
    """Return the artifact from which `interpreter` was pulled, if the repository still has it."""
    record = interpreter.manifest.imported
    place, _, digest = record.file.rpartition("@") if record else ("", "", "")
    if place != str(client.repository):
        return None
    try:
        document, _ = client.get(digest)
    except MissingError:
        return None
    if not isinstance(document, ImageManifest) or digest_of(encode(document)) != digest:
        return None
    if not names_interpreter(document, interpreter.manifest):
        return None
    present = all(client.has_blob(each.digest) for each in document.layers)
    return document if present else None


def _upload(
    interpreter: Interpreter, client: RegistryClient, store: Store, reporter: Reporter
) -> ImageManifest:
    """Pack and upload `interpreter`; return its artifact, which is not uploaded."""
    with store.scratch() as scratch:
        file = export(interpreter, scratch / "archive.tar.zst", reporter=reporter)
        layer = Descriptor(
            media_type=LAYER_TYPE,
            digest=f"sha256:{file.sha256}",
            size=file.size,
            annotations={"org.opencontainers.image.title": f"{interpreter.name}.tar.zst"},
        )
        client.upload(file.path, layer, f"Uploading {interpreter.name}")
    return interpreter_artifact(interpreter.manifest, layer)


def sign_pushed(pushed: Pushed, client: RegistryClient, sign: Sign, reporter: Reporter) -> Signer:
    """Sign `pushed` and upload its signature; return the signer.

    Raises the errors of `sign` and of RegistryClient; what was pushed then remains without it.
    """
    shown = f"{client.repository}@{pushed.digest}"
    try:
        signer = add_signature(client, pushed.digest, pushed.tags[0], sign)
    except JitbuildError as error:
        what = f"{shown} was pushed, but is not signed. {error.what}"
        raise type(error)(what, remedy=error.remedy) from error
    reporter.note(f"signed {shown} as {signer.identity}")
    return signer


def push_all_stencils(stencils: StencilStore, client: RegistryClient) -> list[Pushed]:
    """Upload all stencils of the stencil cache. Raises the errors of RegistryClient."""
    pushed, forecasts = [], stencils.forecasts()
    for key in stencils.entries.list_keys():
        content = stencils.entries.content(key)
        if content is not None:
            digest = push_stencils(client, SharedEntry(key, content), forecasts.get(key, ()))
            pushed.append(Pushed((stencil_tag(key),), digest, len(content)))
    return pushed
