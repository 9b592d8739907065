"""Change an image index that several processes may write at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.errors import MissingError, RegistryError
from jitbuild.registry.documents import ImageIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.registry.client import RegistryClient

# How often the index is written again because another process wrote it at the same time.
_ATTEMPTS = 5


def add_to_index(
    client: RegistryClient, tag: str, digest: str, change: Callable[[ImageIndex], ImageIndex]
) -> None:
    """Add the document `digest` to the index with the tag `tag`, unless it is there.

    `change` returns an index with the document in it. A registry cannot compare and swap. So the
    index is read again afterwards, and written again if another process, such as the build of
    another target, wrote its own index in between. Raises RegistryError if that happens too often,
    or if the tag names something else than an index.
    """
    for _ in range(_ATTEMPTS):
        index = read_index(client, tag)
        if any(each.digest == digest for each in index.manifests):
            return
        client.put(change(index), tag)
    if any(each.digest == digest for each in read_index(client, tag).manifests):
        return
    raise RegistryError(
        f"{client.repository}:{tag} was replaced by others {_ATTEMPTS} times while {digest} was"
        " added to it.",
        remedy="Run the same command again.",
    )


def read_index(client: RegistryClient, tag: str) -> ImageIndex:
    """Return the index with the tag `tag`; an empty one if there is none."""
    try:
        document, _ = client.get(tag)
    except MissingError:
        return ImageIndex()
    if isinstance(document, ImageIndex):
        return document
    raise RegistryError(
        f"{client.repository}:{tag} is not an index, so it is not replaced.",
        remedy="Use a repository that contains nothing but interpreters of jitbuild.",
    )
