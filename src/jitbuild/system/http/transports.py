"""The transports of the HTTP client. Unlike client.py, this module imports httpx at once."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

from jitbuild.system.http.proxies import bypasses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# httpx gives None for the port of a URL without a port, and of one with its scheme's default port.
_DEFAULT_PORTS = {"http": 80, "https": 443}


class DirectTransport(httpx.BaseTransport):
    """Sends requests without a proxy.

    `context` returns the SSL context with the trusted CAs. It is called for the first request that
    needs it, because reading all CAs takes as long as a small download.
    """

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        self._transports: dict[bool, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        secure = request.url.scheme == "https"
        if secure not in self._transports:
            # A new context trusts no CA.
            context = self._context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._transports[secure] = httpx.HTTPTransport(verify=context)
        try:
            return self._transports[secure].handle_request(request)
        except UnicodeError as error:  # from the codec `idna`, for a host such as `a..test`
            raise httpx.InvalidURL("The host cannot be encoded.") from error

    def close(self) -> None:
        for transport in list(self._transports.values()):
            transport.close()


class SelectingTransport(httpx.BaseTransport):
    """Sends each request through a proxy, or directly if the host needs no proxy.

    The host is checked for every request, because a redirect may lead to another host.
    """

    def __init__(
        self, *, proxy: httpx.BaseTransport, direct: DirectTransport, no_proxy: str
    ) -> None:
        self._proxy = proxy
        self._direct = direct
        self._no_proxy = no_proxy

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        # A redirect may lead to another scheme, which the transport then refuses.
        port = url.port or _DEFAULT_PORTS.get(url.scheme, 0)
        direct = bypasses(self._no_proxy, url.host, port)
        return (self._direct if direct else self._proxy).handle_request(request)

    def close(self) -> None:
        self._proxy.close()
        self._direct.close()


def proxy_mounts(
    proxies: Mapping[str, str], context: Callable[[], ssl.SSLContext]
) -> dict[str, httpx.BaseTransport]:
    """Return the transports of a client for `proxies`, a result of `system_proxies`.

    `context` is as for DirectTransport. Raises ValueError, ImportError or httpx.InvalidURL if a
    proxy cannot be used.
    """
    mounts: dict[str, httpx.BaseTransport] = {}
    for scheme in ("http", "https", "all"):
        if address := proxies.get(scheme):
            url = address if "://" in address else f"http://{address}"
            mounts[f"{scheme}://"] = SelectingTransport(
                proxy=httpx.HTTPTransport(verify=context(), proxy=httpx.Proxy(url)),
                direct=DirectTransport(context),
                no_proxy=proxies.get("no", ""),
            )
    return mounts
