"""The documents about another document of a repository (its referrers), such as its signatures.

A registry lists them itself, or clients keep the list in an image index, whose tag is made from the
digest of the other document. Source: OCI distribution specification 1.1, "Listing Referrers",
"Pushing Manifests with Subject" and "Referrers Tag Schema".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from jitbuild.registry.documents import Descriptor, describe
from jitbuild.registry.indexes import add_to_index, read_index

if TYPE_CHECKING:
    from jitbuild.registry.client import RegistryClient
    from jitbuild.registry.documents import ImageManifest

# More is not read: whoever may push could add documents without end.
_MOST_PAGES = 10


def list_referrers(client: RegistryClient, digest: str, artifact_type: str) -> list[Descriptor]:
    """Return the descriptors of artifacts about the document `digest` that have `artifact_type`.

    The registry states their types and annotations; neither is verified. Raises the errors of
    RegistryClient.
    """
    found: list[Descriptor] = []
    query = f"{digest}?artifactType={quote(artifact_type, safe='')}"
    for _ in range(_MOST_PAGES):
        page, query = client.referrers(query)
        if page is None:
            page = read_index(client, referrers_tag(digest))
        found += page.manifests
        if not query:
            break
    return [each for each in found if each.artifact_type == artifact_type]


def add_referrer(client: RegistryClient, document: ImageManifest) -> None:
    """Write `document`, which has a subject.

    Its blobs must be there already. If the registry does not list it by itself, it is added to the
    list that clients keep. Raises the errors of RegistryClient.
    """
    digest = client.put(document, "")
    assert isinstance(document.subject, Descriptor)
    page, _ = client.referrers(document.subject.digest)
    if page is None:
        entry = msgspec.structs.replace(
            describe(document),
            artifact_type=document.artifact_type,
            annotations=document.annotations,
        )
        add_to_index(
            client,
            referrers_tag(document.subject.digest),
            digest,
            lambda index: msgspec.structs.replace(index, manifests=(*index.manifests, entry)),
        )


def referrers_tag(digest: str) -> str:
    """Return the tag of the index with the documents about the document `digest`."""
    return digest.replace(":", "-")
