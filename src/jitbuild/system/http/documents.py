"""Get a small document over HTTP into memory, with a conditional request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError
from jitbuild.system.formatting import format_duration
from jitbuild.system.http import transfer_errors as errors
from jitbuild.system.http.client import NetworkEffects, create_client
from jitbuild.system.http.retries import with_retries
from jitbuild.system.http.small_request import SmallRequest, send_request
from jitbuild.system.http.transfer_errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.system.http.client import HTTPClient
    from jitbuild.system.urls import Address

# The most bytes of a document. The list of all releases has about 300 kB, an SPDX document 2 MB.
MOST_BYTES = 16_000_000
_MOST_REDIRECTS = 5
_RETRIES = 2
_LONGEST_WAIT = 24 * 3600.0
_EFFECTS = NetworkEffects()
# Maps each header that identifies the version of a document to the header of a condition on it.
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The answer to a request: the bytes of the document, and its validators.

    `body` is None if the document has not changed since the answer that the request named.
    `validators` are the headers that make a later request conditional (RFC 9110 13.1).
    """

    body: bytes | None
    validators: Mapping[str, str] = field(default_factory=dict)


def get_document(
    address: Address,
    *,
    validators: Mapping[str, str] | None = None,
    most_bytes: int = MOST_BYTES,
    effects: NetworkEffects = _EFFECTS,
) -> Document:
    """Return the document at `address`, which may have at most `most_bytes`.

    `validators` are those of an earlier answer. Redirects are followed only within the same origin
    (scheme, host and port). The whole answer must arrive within `effects.window` seconds. A failed
    attempt is repeated twice if another attempt may succeed.

    Raises MissingError if the document does not exist, TruncatedError if every answer ended early
    or an answer took too long, and DownloadError for every other failure.
    """
    request = SmallRequest(
        address=address,
        headers=dict(validators or {}),
        most_bytes=most_bytes,
        redirects=_MOST_REDIRECTS,
    )
    with create_client(effects) as client, errors.without_mirror(missing="Check the address."):
        return with_retries(
            lambda: _attempt(request, client, effects),
            request.shown,
            effects=effects,
            retries=_RETRIES,
        )


def fetch(address: Address, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the content of the document at `address`. Raises the errors of `get_document`."""
    body = get_document(address, most_bytes=most_bytes).body
    assert body is not None  # the request has no condition
    return body


def _attempt(request: SmallRequest, client: HTTPClient, effects: NetworkEffects) -> Document:
    try:
        answer = send_request(request, client=client, effects=effects)
    except RetryError as error:
        if error.status == 429:
            raise _limited(request.shown, error) from error
        raise
    if answer.status == 304 and request.headers:
        return Document(body=None, validators=request.headers)
    if answer.status != 200:
        raise errors.refused(request.shown, answer.status, answer.phrase)
    validators = {
        condition: answer.headers[name]
        for name, condition in _CONDITIONS.items()
        # httpx can send no other header than one in ASCII.
        if name in answer.headers and answer.headers[name].isascii()
    }
    return Document(body=answer.body, validators=validators)


def _limited(address: Address, error: RetryError) -> DownloadError:
    wait = min(error.wait, _LONGEST_WAIT)
    again = f"in {format_duration(wait)}" if wait else "later"
    return DownloadError(
        f"{address} was not answered: the server limits the number of requests from this network"
        " (HTTP 429 Too Many Requests).",
        remedy=f"Run the same command again {again}.",
    )
