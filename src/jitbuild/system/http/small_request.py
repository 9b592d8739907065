"""Send a small request, such as one to an API, and read its whole answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitbuild.errors import DownloadError
from jitbuild.system.formatting import format_size
from jitbuild.system.http.guard import RequestGuard
from jitbuild.system.http.transfer_errors import is_temporary
from jitbuild.system.http.transfer_speed import watched
from jitbuild.system.urls import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.system.http.client import HTTPClient, NetworkEffects, RequestContent, Response
    from jitbuild.system.http.transfer_speed import SpeedCheck

# The largest document that registries have to accept (OCI distribution specification 1.1).
_MOST_BYTES = 4 << 20
# The most bytes of a refusal that are read. The reason stands at its beginning.
_MOST_OF_REFUSAL = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallRequest:
    """A request to `address`, whose answer may have at most `most_bytes`.

    At most `redirects` redirects are followed, and only within the same origin (scheme, host and
    port) unless `any_origin` is True. If it is 0, a redirect is an answer like any other.
    """

    address: Address
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: RequestContent | None = field(default=None, repr=False)
    most_bytes: int = _MOST_BYTES
    redirects: int = 0
    any_origin: bool = False

    @property
    def shown(self) -> Address:
        """The address in messages: without credentials and query."""
        return Address(self.address.public)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer of a server. The names of the `headers` are in lower case.

    Unless `status` is one of success (2xx), `body` may be only the beginning of the body.
    """

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def send_request(
    request: SmallRequest,
    *,
    client: HTTPClient,
    effects: NetworkEffects,
    speed: SpeedCheck | None = None,
) -> Answer:
    """Send `request` once, and return the answer, whatever its status is.

    The answer must be complete within `effects.window` seconds. With `speed`, to which the caller
    counts the bytes of the content as they are sent, only a request that is slower than that is
    given up; `client` then closes its connections.

    Raises RetryError if another attempt may succeed: for a broken connection, and for an answer
    that says so (429, 5xx). Raises TruncatedError for a server that is too slow, and DownloadError
    for an answer that is too large, a redirect that is not followed, and an invalid URL.
    """
    guard = RequestGuard(address=request.shown, client=client, window=effects.window)
    limit = watched(speed, effects.tick, guard.expire) if speed else guard.in_time()
    with guard.errors(), limit:
        sent = client.build_request(
            request.method,
            request.address.reveal(),
            headers=request.headers,
            content=request.content,
        )
        if request.redirects:
            same_origin = not request.any_origin
            response = guard.follow(sent, request.redirects, same_origin=same_origin)
        else:
            response = client.send(sent, stream=True)
        try:
            if is_temporary(response.status_code):
                raise guard.refused(response, effects.clock())
            guard.started = True
            body = _read(response, request) if request.method != "HEAD" else b""
        finally:
            response.close()
    return Answer(
        status=response.status_code,
        phrase=response.reason_phrase,
        headers={name.lower(): text for name, text in response.headers.items()},
        body=body,
    )


def _read(response: Response, request: SmallRequest) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if not response.is_success and len(body) >= _MOST_OF_REFUSAL:
            break
        if len(body) > request.most_bytes:
            raise DownloadError(
                f"The answer of {request.shown} is larger than {format_size(request.most_bytes)}.",
                remedy="Check the URL: no answer that jitbuild expects is that large.",
            )
    return bytes(body)
