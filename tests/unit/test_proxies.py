"""The hosts that NO_PROXY excludes from the proxy."""

import httpx
import pytest

from jitbuild.system.http_client import NetworkEffects, create_client
from jitbuild.system.proxies import bypasses


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("*", "example.com"),
        ("example.com", "example.com"),
        ("example.com", "www.example.com"),
        (".example.com", "www.example.com"),
        ("*.example.com", "www.example.com"),
        ("a.test, EXAMPLE.com", "Example.COM."),
        ("a.test example.com", "example.com"),
        ("example.com:8080", "example.com"),
        ("http://example.com/", "example.com"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("fd00::/8", "fd12::1"),
        ("[fd00::]/8", "fd12::1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[::1]:8080", "[::1]"),
        ("fd00::1/8", "fd12::1"),
    ],
)
def test_a_host_in_the_list_uses_no_proxy(no_proxy, host):
    assert bypasses(no_proxy, host, 8080)


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("", "example.com"),
        (" , ", "example.com"),
        ("example.com", "myexample.com"),
        ("example.com", "example.com.evil.test"),
        ("example.com:443", "example.com"),
        ("[::1]:443", "::1"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("10.0.0.0/8", "10.example.com"),
        ("fd00::/8", "example.com"),
        ("fd00::/8", "fe80::1"),
        (".", "example.com"),
        ("::::", "example.com"),
        ("[", "example.com"),
    ],
)
def test_every_other_host_uses_the_proxy(no_proxy, host):
    assert not bypasses(no_proxy, host, 8080)


def test_a_range_of_ipv6_addresses_breaks_no_client():
    proxies = {"https": "http://proxy.test:3128", "no": "fd00::/8,[::1],10.0.0.0/8,example.com"}
    with create_client(NetworkEffects(environ={}, proxies=lambda: proxies)) as client:
        assert client._mounts
    with create_client(NetworkEffects(environ={}, proxies=dict)) as client:
        assert not client._mounts


def test_each_request_goes_to_the_proxy_or_directly_by_its_host(monkeypatch):
    proxies = {"all": "proxy.test:3128", "no": "fd00::/8"}
    seen = []

    def handle(transport, request):
        seen.append((request.url.host, "Proxy" in type(transport._pool).__name__))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with create_client(NetworkEffects(environ={}, proxies=lambda: proxies)) as client:
        client.get("http://example.com/")
        client.get("http://[fd12::1]/")
    assert seen == [("example.com", True), ("fd12::1", False)]
