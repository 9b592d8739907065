"""The hosts that NO_PROXY excludes from the proxy."""

import ssl

import httpx
import pytest

from jitbuild.system.http.client import NetworkEffects, create_client
from jitbuild.system.http.proxies import bypasses
from jitbuild.system.http.transports import DirectTransport


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
        (f"example.com:{'9' * 5000}", "example.com"),
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


@pytest.fixture
def seen(monkeypatch):
    """Record the URL of each request, and whether it went through a proxy; send nothing."""
    seen = []

    def handle(transport, request):
        seen.append((str(request.url), "Proxy" in type(transport._pool).__name__))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    return seen


def test_each_request_goes_to_the_proxy_or_directly_by_its_host(seen):
    proxies = {"all": "proxy.test:3128", "no": "fd00::/8"}
    with create_client(NetworkEffects(environ={}, proxies=lambda: proxies)) as client:
        client.get("http://example.com/")
        client.get("http://[fd12::1]/")
    assert seen == [("http://example.com/", True), ("http://[fd12::1]/", False)]


@pytest.mark.parametrize(
    ("port", "url", "by_proxy"),
    [
        (8080, "https://example.com/", True),
        (8080, "https://example.com:443/", True),
        (8080, "https://example.com:8080/", False),
        (443, "https://example.com/", False),
        (443, "http://example.com/", True),
        (80, "http://example.com/", False),
        (80, "https://example.com/", True),
    ],
)
def test_a_url_without_a_port_has_the_default_port_of_its_scheme(seen, port, url, by_proxy):
    proxies = {"all": "proxy.test:3128", "no": f"example.com:{port}"}
    with create_client(NetworkEffects(environ={}, proxies=lambda: proxies)) as client:
        client.get(url)
    assert [went_by_proxy for _, went_by_proxy in seen] == [by_proxy]


def test_a_scheme_that_the_client_does_not_know_is_refused_as_without_a_proxy():
    proxies = {"all": "proxy.test:3128", "no": "example.com:80"}
    with (
        create_client(NetworkEffects(environ={}, proxies=lambda: proxies)) as client,
        pytest.raises(httpx.UnsupportedProtocol),
    ):
        client.get("ftp://example.com/")


def test_certificates_are_read_at_the_first_request_over_tls(seen):
    read = []

    def context():
        read.append(1)
        return ssl.create_default_context()

    with httpx.Client(transport=DirectTransport(context)) as client:
        client.get("http://example.com/")
        assert read == []
        client.get("https://example.com/")
        client.get("https://example.com/")
    assert read == [1]
    assert len(seen) == 3


@pytest.mark.parametrize("host", ["a..test", f"{'x' * 64}.test"])
def test_a_host_that_cannot_be_encoded_makes_no_valid_url(monkeypatch, host):
    """socket.getaddrinfo encodes the name before it resolves it."""

    def handle_request(self, request):
        raise AssertionError(request.url.host.encode("idna"))

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle_request)
    with (
        httpx.Client(transport=DirectTransport(ssl.create_default_context)) as client,
        pytest.raises(httpx.InvalidURL),
    ):
        client.get(f"http://{host}/")
