"""Send a small request, such as one to an API, and read its whole answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from jitbuild.errors import DownloadError
from jitbuild.system import transfer_errors
from jitbuild.system.formatting import format_size
from jitbuild.system.http_guard import RequestGuard
from jitbuild.system.retries import wait_before
from jitbuild.system.transfer_errors import RetryError, is_temporary, retry_after
from jitbuild.system.transfer_speed import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jitbuild.system.http_client import HTTPClient, NetworkEffects, RequestContent
    from jitbuild.system.transfer_speed import SpeedCheck
    from jitbuild.system.urls import Address

_Result = TypeVar("_Result")
# The largest document that registries have to accept (OCI distribution specification 1.1).
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer of a server. The names of the `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def send_request(  # noqa: PLR0913
    method: str,
    address: Address,
    *,
    client: HTTPClient,
    effects: NetworkEffects,
    headers: Mapping[str, str] | None = None,
    content: RequestContent | None = None,
    speed: SpeedCheck | None = None,
) -> Answer:
    """Send a request once, and return the answer, whatever its status is.

    Redirects are not followed. The answer must be complete within `effects.window` seconds. With
    `speed`, to which the caller counts the bytes of `content` as they are sent, only a request that
    is slower than that is given up; `client` then closes its connections. Raises RetryError if
    another attempt may succeed: for a broken connection, and for an answer that says so (429, 5xx).
    Raises DownloadError for an answer of more than 4 MiB, for a server that is too slow, and for an
    invalid URL.
    """
    guard = RequestGuard(address=address, client=client, window=effects.window)
    limit = watched(speed, effects.tick, guard.expire) if speed else guard.headers_in_time()
    with guard.errors(), limit:
        request = client.build_request(method, address.reveal(), headers=headers, content=content)
        response = client.send(request, stream=True)
        try:
            if is_temporary(response.status_code):
                wait = retry_after(response.headers.get("Retry-After", ""), effects.clock())
                code = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
                raise RetryError(f"the server answered {code}", wait=wait)
            body = _read(response.iter_raw(), address) if method != "HEAD" else b""
        finally:
            response.close()
    names = {name.lower(): text for name, text in response.headers.items()}
    return Answer(status=response.status_code, headers=names, body=body)


def with_retries(
    attempt: Callable[[], _Result],
    address: Address,
    *,
    effects: NetworkEffects,
    on_wait: Callable[[str], None] = lambda _: None,
    retries: int = 4,
) -> _Result:
    """Return the result of `attempt`, which is repeated if it raises RetryError.

    Before each wait, `on_wait` is called with the reason. After `retries` repetitions, raises
    DownloadError for `address`.
    """
    failures = 0
    while True:
        try:
            return attempt()
        except RetryError as error:
            failures += 1
            if failures > retries:
                raise transfer_errors.request_failed(address, error) from error
            wait = wait_before(failures, error.wait, effects)
            on_wait(f"{error.reason}; trying again in {wait:.0f} s")
            effects.sleep(wait)


def _read(chunks: Iterator[bytes], address: Address) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > _MOST_BYTES:
            raise DownloadError(
                f"The answer of {address} is larger than {format_size(_MOST_BYTES)}.",
                remedy="Check the URL: no answer that jitbuild expects is that large.",
            )
    return bytes(body)
