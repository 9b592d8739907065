"""The documents of a registry: descriptors, manifests and image indexes.

Only the parts that jitbuild uses are read and written. Sources: OCI image specification 1.1
(descriptor.md, manifest.md, image-index.md).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import msgspec

from jitbuild.errors import RegistryError
from jitbuild.registry.repository import is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
# GitLab's registry refuses every type that is not in its list ("Supported Media Types" in its
# documentation), so jitbuild's artifacts have no type of their own, but an annotation.
_UNKNOWN_TYPE = "application/vnd.unknown.config.v1+json"
KIND = "jitbuild.kind"
# The content of the blob that stands for the configuration of an artifact that has none.
EMPTY_BLOB = b"{}"

_Size = Annotated[int, msgspec.Meta(ge=0)]


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that an artifact is for, in the words of Go (GOARCH and GOOS)."""

    architecture: str
    os: str


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Names a blob or a document by its type, its digest and its size in bytes."""

    media_type: str
    digest: str
    size: _Size
    artifact_type: str = ""
    platform: Platform | None = None
    annotations: dict[str, str] = {}


class ImageManifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An artifact: its type, if any, its layers, and annotations about it.

    `subject` is the document that the artifact is about, such as the one that it signs.
    """

    schema_version: int = 2
    media_type: str = MANIFEST_TYPE
    artifact_type: str | msgspec.UnsetType = msgspec.UNSET
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | msgspec.UnsetType = msgspec.UNSET
    annotations: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """The kind of an artifact that `own_artifact` returned; "" for all others."""
        return self.annotations.get(KIND, "")


class ImageIndex(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A list of manifests, such as one for each target."""

    schema_version: int = 2
    media_type: str = INDEX_TYPE
    manifests: tuple[Descriptor, ...] = ()
    annotations: dict[str, str] = {}


def own_artifact(
    kind: str, layers: tuple[Descriptor, ...], annotations: Mapping[str, str]
) -> ImageManifest:
    """Return the manifest of an artifact of jitbuild, such as one of the kind `interpreter`."""
    return ImageManifest(
        config=descriptor_of(_UNKNOWN_TYPE, EMPTY_BLOB),
        layers=layers,
        annotations=dict(sorted({**annotations, KIND: kind}.items())),
    )


def artifact(
    artifact_type: str,
    layers: tuple[Descriptor, ...],
    annotations: Mapping[str, str],
    subject: Descriptor | msgspec.UnsetType = msgspec.UNSET,
) -> ImageManifest:
    """Return the manifest of an artifact without a configuration."""
    return ImageManifest(
        artifact_type=artifact_type,
        config=empty_descriptor(),
        layers=layers,
        subject=subject,
        annotations=dict(sorted(annotations.items())),
    )


def empty_descriptor() -> Descriptor:
    """Return the descriptor of EMPTY_BLOB."""
    return descriptor_of(_EMPTY_TYPE, EMPTY_BLOB)


def descriptor_of(media_type: str, content: bytes) -> Descriptor:
    """Return the descriptor of a blob or document that consists of `content`."""
    return Descriptor(media_type=media_type, digest=digest_of(content), size=len(content))


def describe(document: ImageManifest) -> Descriptor:
    """Return the descriptor of `document`, as an index or another document refers to it."""
    return descriptor_of(document.media_type, encode(document))


def encode(document: ImageManifest | ImageIndex) -> bytes:
    """Return the bytes of `document`; equal documents have equal bytes, and so one digest."""
    return msgspec.json.encode(document, order="deterministic")


def decode_document(content: bytes, origin: str) -> ImageManifest | ImageIndex:
    """Return the manifest or the index in `content`, which a registry sent for `origin`.

    Raises RegistryError if it is neither.
    """
    try:
        head = msgspec.json.decode(content, type=_Head)
        document: ImageManifest | ImageIndex
        if _is_index(head):
            document = msgspec.json.decode(content, type=ImageIndex)
        else:
            document = msgspec.json.decode(content, type=ImageManifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _invalid(origin, str(error)) from error
    for each in descriptors_of(document):
        if not is_digest(each.digest):
            raise _invalid(origin, f"the digest {each.digest!r} is not a SHA-256 digest")
    return document


def descriptors_of(document: ImageManifest | ImageIndex) -> tuple[Descriptor, ...]:
    """Return the descriptors of everything that `document` refers to."""
    if isinstance(document, ImageIndex):
        return document.manifests
    return (document.config, *document.layers)


def digest_of(content: bytes) -> str:
    """Return the digest of `content` in the notation of registries."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Head(msgspec.Struct, rename="camel"):
    media_type: str = ""
    manifests: msgspec.Raw = msgspec.Raw(b"")


def _is_index(head: _Head) -> bool:
    return bool(bytes(head.manifests)) if not head.media_type else head.media_type == INDEX_TYPE


def _invalid(origin: str, reason: str) -> RegistryError:
    return RegistryError(
        f"The registry's answer for {origin} is not a manifest of an artifact: {reason}.",
        remedy="Check the name of the repository and the tag.",
    )
