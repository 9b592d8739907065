"""The client of an OCI registry: read and write the documents and blobs of one repository.

Source: OCI distribution specification 1.1 (spec.md). A blob is uploaded in one request, because
registries differ in how they accept parts; a download is resumed.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from jitbuild.errors import IntegrityError, MissingError, RegistryError
from jitbuild.registry.authentication import AuthenticatedClient
from jitbuild.registry.credentials import find_credentials
from jitbuild.registry.documents import (
    EMPTY_BLOB,
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    ImageIndex,
    decode_document,
    digest_of,
    empty_descriptor,
    encode,
)
from jitbuild.registry.refusals import refused, registry_errors
from jitbuild.registry.repository import is_digest
from jitbuild.system.files import provide_file
from jitbuild.system.http.client import NetworkEffects, create_client
from jitbuild.system.http.resumable_transfer import Transfer
from jitbuild.system.http.retries import RETRIES, with_retries
from jitbuild.system.http.small_request import Answer, SmallRequest, send_request
from jitbuild.system.http.transfer_errors import RetryError
from jitbuild.system.http.transfer_limits import SizeLimit
from jitbuild.system.progress import SilentReporter
from jitbuild.system.urls import Address, resolved_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jitbuild.registry.credentials import Credentials
    from jitbuild.registry.documents import ImageManifest
    from jitbuild.registry.repository import Repository
    from jitbuild.system.http.transfer_speed import SpeedCheck
    from jitbuild.system.progress import Reporter, Stage

_SILENT = SilentReporter()
_EFFECTS = NetworkEffects()
_CHUNK_BYTES = 1 << 18
_MOST_REDIRECTS = 5


@contextlib.contextmanager
def connect(
    repository: Repository,
    *,
    find: Callable[[str], Credentials] = find_credentials,
    effects: NetworkEffects = _EFFECTS,
    reporter: Reporter = _SILENT,
) -> Iterator[RegistryClient]:
    """Yield a client of `repository`, whose connections and token are used for all its requests.

    `find` returns the credentials for the host of a registry, if it asks for them.
    """
    with create_client(effects) as client:
        authenticated = AuthenticatedClient(
            client=client,
            registry=repository.url(""),
            find=lambda: find(repository.host),
            effects=effects,
        )
        yield RegistryClient(
            repository=repository, client=authenticated, effects=effects, reporter=reporter
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryClient:
    """Reads and writes `repository`; `connect` makes one.

    After an error of the network, the client cannot be used any more.
    """

    repository: Repository
    client: AuthenticatedClient
    effects: NetworkEffects
    reporter: Reporter

    def get(self, reference: str) -> tuple[ImageManifest | ImageIndex, str]:
        """Return the document with the tag or digest `reference`, and its digest.

        Raises MissingError if there is none, IntegrityError if it is not the one of the digest,
        RegistryError for a refusal or an invalid answer, and DownloadError if the registry cannot
        be reached.
        """
        answer = self._request(
            SmallRequest(
                address=self._address(f"manifests/{reference}"),
                headers={"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}"},
            )
        )
        shown = self._shown(reference)
        if answer.status == 404:
            raise MissingError(
                f"The registry has no {shown}.",
                remedy="Check the name of the repository and the tag.",
            )
        if answer.status != 200:
            raise refused(self.repository, f"to send {shown}", answer)
        digest = digest_of(answer.body)
        # For a tag, the registry states the digest itself ("Pulling manifests").
        stated = answer.headers.get("docker-content-digest", "")
        expected = reference if is_digest(reference) else stated
        if is_digest(expected) and digest != expected:
            raise IntegrityError(
                f"The registry sent another document for {shown}: its digest is {digest}.",
                remedy="Do not use this registry until you know why.",
            )
        return decode_document(answer.body, shown), digest

    def referrers(self, query: str) -> tuple[ImageIndex | None, str]:
        """Return a page of the documents about another one, and the query of the next page, or "".

        `query` is the digest of the other document, and perhaps a filter: DIGEST?artifactType=TYPE
        ("Listing Referrers"). The first value is None if the registry cannot list them. Raises
        RegistryError for a refusal, and DownloadError if the registry cannot be reached.
        """
        path = f"referrers/{query}"
        answer = self._request(
            SmallRequest(address=self._address(path), headers={"Accept": INDEX_TYPE})
        )
        if answer.status in {401, 403}:
            raise refused(self.repository, "to list signatures", answer)
        # Registries without this list answer 404, or anything else that is not an index.
        if answer.status != 200 or not answer.headers.get("content-type", "").startswith(
            INDEX_TYPE
        ):
            return None, ""
        document = decode_document(answer.body, self._shown(query))
        link = re.match(r'\s*<([^>]*)>\s*;\s*rel="?next', answer.headers.get("link", ""))
        following = resolved_url(self.repository.url(path), link[1]) if link else ""
        begin = self.repository.url("referrers/")
        next_query = following.removeprefix(begin) if following.startswith(begin) else ""
        return document if isinstance(document, ImageIndex) else None, next_query

    def put(self, document: ImageManifest | ImageIndex, tag: str) -> str:
        """Write `document` with the tag `tag` ("": none), and return its digest.

        The blobs and documents that it refers to must be there already. Raises RegistryError for a
        refusal, and DownloadError if the registry cannot be reached.
        """
        content = encode(document)
        digest = digest_of(content)
        answer = self._request(
            SmallRequest(
                method="PUT",
                address=self._address(f"manifests/{tag or digest}"),
                headers={"Content-Type": document.media_type},
                content=content,
            )
        )
        if answer.status != 201:
            raise refused(self.repository, f"to store {self._shown(tag or digest)}", answer)
        return digest

    def has_blob(self, digest: str) -> bool:
        """Return True if the repository has the blob `digest`."""
        address = self._address(f"blobs/{digest}")
        # As for a download, the registry may lead to the server that stores its blobs.
        answer = self._request(
            SmallRequest(method="HEAD", address=address, redirects=_MOST_REDIRECTS, any_origin=True)
        )
        if answer.status not in {200, 404}:
            raise refused(self.repository, f"to look for {self._shown(digest)}", answer)
        return answer.status == 200

    def check_push(self) -> None:
        """Find out, before any work, whether the registry can be reached and accepts uploads.

        The blob that each artifact needs is uploaded for this purpose, even if it is there already:
        reading may be allowed to all. Raises the errors of `upload`.
        """
        self._upload(EMPTY_BLOB, empty_descriptor(), "")

    def upload(self, source: Path | bytes, blob: Descriptor, title: str = "") -> None:
        """Upload the blob `blob`, the content of `source`, unless the repository has it already.

        A failed upload is repeated as a whole. `title` is shown during the upload, unless it is "".
        Raises RegistryError for a refusal, and DownloadError if the registry cannot be reached.
        """
        if not self.has_blob(blob.digest):
            self._upload(source, blob, title)

    def _upload(self, source: Path | bytes, blob: Descriptor, title: str) -> None:
        address = self._address("blobs/uploads/")
        reporter = self.reporter if title else _SILENT
        with reporter.stage(title) as stage, registry_errors(self.repository):
            with_retries(
                lambda: self._upload_once(source, blob, stage),
                address,
                effects=self.effects,
                on_wait=stage.detail if title else self._note_wait,
            )

    def download(self, blob: Descriptor, dest: Path, title: str, *, room: int = 1) -> Path:
        """Download the blob `blob` to the file `dest`, and return `dest`.

        A partial download is resumed; the size and the digest are checked. If `dest` exists already
        and has that digest, it is used. Takes `room`, and raises errors, as
        `system.http.download.download` does. Raises RegistryError if the blob is empty.
        """
        if not blob.size:  # the size of a download whose size is not known
            raise RegistryError(
                f"{self._shown(blob.digest)} is empty, according to its manifest.",
                remedy="Push it again.",
            )
        sha256 = blob.digest.removeprefix("sha256:")
        limit = SizeLimit(size=blob.size, room=room, free_space=self.effects.free_space)

        def fetch(part: Path, stage: Stage) -> None:
            with registry_errors(self.repository):
                Transfer(
                    address=self._address(f"blobs/{blob.digest}"),
                    part=part,
                    sha256=sha256,
                    limit=limit,
                    client=self.client,
                    effects=self.effects,
                    stage=stage,
                ).run(RETRIES)

        return provide_file(dest, fetch, sha256=sha256, reporter=self.reporter, title=title)

    def _upload_once(self, source: Path | bytes, blob: Descriptor, stage: Stage) -> None:
        begin = self._address("blobs/uploads/")
        answer = self._send(SmallRequest(method="POST", address=begin))
        location = answer.headers.get("location", "")
        url = resolved_url(begin.reveal(), location) if location else ""
        if answer.status != 202 or not url:
            raise refused(self.repository, "an upload", answer)
        mark = "&" if urlsplit(url).query else "?"
        speed = self.effects.speed_check()
        request = SmallRequest(
            method="PUT",
            address=Address(f"{url}{mark}{urlencode({'digest': blob.digest})}"),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(blob.size),
            },
            content=source
            if isinstance(source, bytes)
            else _parts(source, blob.size, stage, speed),
        )
        answer = send_request(request, client=self.client.once, effects=self.effects, speed=speed)
        if answer.status in {401, 404}:  # the token or the upload has expired
            raise RetryError(f"the registry answered HTTP {answer.status}")
        if answer.status != 201:
            raise refused(self.repository, f"to store {self._shown(blob.digest)}", answer)

    def _request(self, request: SmallRequest) -> Answer:
        with registry_errors(self.repository):
            return with_retries(
                lambda: self._send(request),
                request.address,
                effects=self.effects,
                on_wait=self._note_wait,
            )

    def _send(self, request: SmallRequest) -> Answer:
        return send_request(request, client=self.client, effects=self.effects)

    def _note_wait(self, reason: str) -> None:
        self.reporter.note(f"{self.repository.host}: {reason}.")

    def _address(self, path: str) -> Address:
        return Address(self.repository.url(path))

    def _shown(self, reference: str) -> str:
        return f"{self.repository}{'@' if is_digest(reference) else ':'}{reference}"


def _parts(source: Path, size: int, stage: Stage, speed: SpeedCheck) -> Iterator[bytes]:
    done = 0
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
            done += len(chunk)
            stage.advance(done, size)
            speed.received(len(chunk))
