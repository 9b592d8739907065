"""The HTTP client: its proxies, its trusted certificates, and the effects that tests replace."""

from __future__ import annotations

import functools
import os
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from jitbuild.errors import DownloadError
from jitbuild.system import cancellation
from jitbuild.system.http.transfer_limits import MOST_BYTES
from jitbuild.system.http.transfer_speed import LEAST_SPEED, SpeedCheck
from jitbuild.system.own_version import own_version

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    import httpx

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR")


# The body of a request, at once or in parts.
RequestContent: TypeAlias = "bytes | Iterable[bytes]"
Request: TypeAlias = "httpx.Request"
Response: TypeAlias = "httpx.Response"


class HTTPClient(Protocol):
    """The methods of httpx.Client that transfers use."""

    def build_request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: RequestContent | None = None,
    ) -> httpx.Request:
        """Return a request, which `send` sends."""

    def send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """Send `request`, and return the response; with `stream`, its body is not read yet."""

    def close(self) -> None:
        """Close all connections. Another thread may call this, to end a request."""


def system_proxies() -> Mapping[str, str]:
    """Return the proxies, by the keys `http`, `https` and `all`.

    The key `no` lists the hosts that need no proxy. The values are taken from the environment and,
    on macOS and Windows, from the system's settings.
    """
    from urllib.request import getproxies

    return getproxies()


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkEffects:
    """The effects of a download, for which unit tests pass fakes.

    `timeout` limits each connect and each read, in seconds. If a failed attempt received at least
    `progress_bytes`, and a twentieth of the file, the count of failed attempts starts again. The
    headers of a response, and of all redirects to it, must arrive within `window` seconds. A
    transfer is given up if its speed stays below `least_speed` bytes per second for `window`
    seconds; 0 accepts every speed. Another thread looks at the speed every `tick` seconds. `clock`
    returns the time since 1970, and `monotonic` the time of a clock that never jumps, both in
    seconds. A file of unknown size may have `most_bytes`, and `free_space` returns the free bytes
    on the disk of a folder.
    """

    transport: httpx.BaseTransport | None = None
    timeout: float = 30.0
    progress_bytes: int = 1 << 20
    least_speed: int = LEAST_SPEED
    window: float = 60.0
    tick: float = 5.0
    most_bytes: int = MOST_BYTES
    free_space: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    sleep: Callable[[float], None] = cancellation.sleep
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    proxies: Callable[[], Mapping[str, str]] = system_proxies

    def speed_check(self) -> SpeedCheck:
        """Return a check of the speed of a transfer, which begins now."""
        return SpeedCheck(least=self.least_speed, window=self.window, clock=self.monotonic)


def effects_with(least_speed: int | None) -> NetworkEffects:
    """Return the effects with `least_speed` as the lowest accepted speed; None is the default."""
    return NetworkEffects() if least_speed is None else NetworkEffects(least_speed=least_speed)


def create_client(effects: NetworkEffects) -> httpx.Client:
    """Return a client that uses the proxies and CA files that environment variables name.

    Raises DownloadError if one of these proxies cannot be used; a CA file is read when a request
    needs it, which raises DownloadError if that is not possible.
    """
    import httpx

    from jitbuild.system.http.transports import DirectTransport, proxy_mounts

    @functools.cache
    def context() -> ssl.SSLContext:
        return trust_context(effects.environ)

    fake = effects.transport
    try:
        return httpx.Client(
            transport=fake or DirectTransport(context),
            # The proxies are those of `mounts`: httpx does not understand every NO_PROXY.
            trust_env=False,
            mounts={} if fake else proxy_mounts(effects.proxies(), context),
            timeout=effects.timeout,
            # The transfer follows them itself: httpx would read the body of a redirect to its end.
            follow_redirects=False,
            headers={"User-Agent": _user_agent(), "Accept-Encoding": "identity"},
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        # The cause is suppressed, because its message may contain the proxy's password.
        raise DownloadError(
            "The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used.",
            remedy="Write the proxy as http://host:port, or unset the variable. For a socks5 "
            "proxy, install httpx[socks].",
        ) from None


def trust_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return an SSL context that trusts the right certificate authorities (CAs).

    If `environ` has SSL_CERT_FILE, REQUESTS_CA_BUNDLE or SSL_CERT_DIR, the context trusts only the
    CAs in the file or folder that the first of these variables names. (httpx itself does not read
    REQUESTS_CA_BUNDLE, which companies set for pip.) If `environ` has none of them, the context
    trusts certifi's CAs, as httpx does, and also the CAs in the system's own store, where Windows
    keeps a company's CA. Raises DownloadError if the file or folder cannot be used.
    """
    import ssl

    import httpx

    name = next((name for name in _CA_VARIABLES if environ.get(name)), None)
    if name is None:
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
        return context
    place = Path(environ[name])
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)
    except OSError as error:  # ssl.SSLError is an OSError
        raise DownloadError(
            f"{name} names {place}, which cannot be used: {error.strerror or error}.",
            remedy="Set the variable to a file of PEM certificates, or unset it.",
        ) from error


def _user_agent() -> str:
    return f"jitbuild/{own_version()}"
