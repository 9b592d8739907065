"""The artifacts of stencils: an entry of the stencil cache, under the key that the cache uses.

A second tag, made from the forecast key, leads to the same artifact, so that a build knows before
configure whether it needs an LLVM (building/caches/stencil_key.py).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import JitbuildError, MissingError, RegistryError
from jitbuild.registry.client import connect
from jitbuild.registry.documents import (
    EMPTY_BLOB,
    Descriptor,
    ImageManifest,
    descriptor_of,
    own_artifact,
)
from jitbuild.registry.repository import parse_repository
from jitbuild.registry.signatures import require_signature
from jitbuild.registry.signers import signer_of
from jitbuild.system.http.client import effects_with
from jitbuild.system.signatures import verify_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from jitbuild.options import BuildOptions
    from jitbuild.registry.client import RegistryClient
    from jitbuild.registry.documents import ImageIndex
    from jitbuild.registry.signatures import Verify
    from jitbuild.system.progress import Reporter
    from jitbuild.system.signatures import Signer

STENCILS = "stencils"
_KEY = "jitbuild.stencils"
# The stencils of one build take 1 to 10 MB.
_MOST_BYTES = 100_000_000


class SharedEntry(NamedTuple):
    """The stencil key of shared stencils, and the content of their entry. Neither is trusted."""

    key: str
    content: bytes


def push_stencils(client: RegistryClient, entry: SharedEntry, forecasts: Iterable[str]) -> str:
    """Upload `entry`, with tags for its key and for `forecasts`; return its digest.

    Raises the errors of RegistryClient.
    """
    layer = descriptor_of("application/octet-stream", entry.content)
    document = own_artifact(STENCILS, (layer,), {_KEY: entry.key})
    client.upload(entry.content, layer, f"Uploading stencils {entry.key[:12]}")
    client.upload(EMPTY_BLOB, document.config)
    for tag in (_forecast_tag(forecast) for forecast in forecasts):
        client.put(document, tag)
    return client.put(document, stencil_tag(entry.key))


@dataclass(kw_only=True, slots=True)
class RegistryStencils:
    """The stencils in a repository, for the stencil cache; `connect` opens a client of it.

    If `signer` is given, stencils must have its signature, which `verify` verifies: nothing else
    shows that the machine code in them was made from honest sources.

    After the first failure other than a miss, the registry is not asked again in this build.
    """

    connect: Callable[[], AbstractContextManager[RegistryClient]]
    reporter: Reporter
    signer: Signer | None = None
    verify: Verify = verify_statement
    _failed: bool = field(default=False, init=False)

    def by_key(self, key: str) -> SharedEntry | None:
        """Return the stencils with the key `key`, or None for a miss."""
        return self._fetch(stencil_tag(key))

    def by_forecast(self, forecast: str) -> SharedEntry | None:
        """Return the stencils of builds with the forecast key `forecast`; None for a miss."""
        return self._fetch(_forecast_tag(forecast))

    def _fetch(self, tag: str) -> SharedEntry | None:
        if self._failed:
            return None
        try:
            with self.connect() as client:
                return self._read(client, tag)
        except MissingError:
            return None
        except JitbuildError as error:
            self._failed = True
            self.reporter.warn(f"The registry's stencils are not used. {error.what}")
            return None

    def _read(self, client: RegistryClient, tag: str) -> SharedEntry:
        document, digest = client.get(tag)
        layer = _layer_of(document, f"{client.repository}:{tag}")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if self.signer:
                require_signature(client, digest, self.signer, folder, verify=self.verify)
            title = f"Fetching stencils from {client.repository}"
            path = client.download(layer, folder / "stencils", title)
            return SharedEntry(document.annotations.get(_KEY, ""), path.read_bytes())


def _layer_of(document: ImageManifest | ImageIndex, shown: str) -> Descriptor:
    """Return the stencils in the artifact `document`; `shown` names it in messages.

    Raises RegistryError if it cannot be an artifact of stencils.
    """
    if not isinstance(document, ImageManifest) or document.kind != STENCILS:
        raise RegistryError(
            f"{shown} contains no stencils.", remedy="Check the name of the repository."
        )
    size = sum(layer.size for layer in document.layers)
    if len(document.layers) != 1 or size > _MOST_BYTES:
        raise RegistryError(
            f"{shown} has {len(document.layers)} layers of {size} bytes, which cannot be stencils.",
            remedy="Push them again: jitbuild push --stencils.",
        )
    return document.layers[0]


def stencil_tag(key: str) -> str:
    """Return the tag of the stencils with the key `key`."""
    return f"stencils-{key}"


def _forecast_tag(forecast: str) -> str:
    return f"forecast-{forecast}"


def shared_stencils(options: BuildOptions, reporter: Reporter) -> RegistryStencils | None:
    """Return the stencils in the repository that `options` name; None without a registry.

    Raises UsageError if they name something else than a repository, or no possible signer.
    """
    if not options.registry:
        return None
    repository, effects = parse_repository(options.registry), effects_with(options.min_speed)
    return RegistryStencils(
        connect=lambda: connect(repository, effects=effects, reporter=reporter),
        reporter=reporter,
        signer=signer_of(options),
    )
