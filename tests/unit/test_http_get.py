"""Small documents over HTTP, from a server that is a function."""

from __future__ import annotations

import itertools

import httpx
import pytest
from test_download import Breaks, Server

from jitbuild.errors import DownloadError, JitbuildError, MissingError, TruncatedError
from jitbuild.system.http.documents import Document, get_document
from jitbuild.system.urls import Address

URL = Address("https://host.test/api/release/?is_published=true")


def fetch(*answers, **options) -> Document:
    return get_document(URL, effects=Server(list(answers)).effects, **options)


def whole(data: bytes, **headers: str) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(data), headers=headers)


def answer(status: int, body: httpx.SyncByteStream | None = None) -> httpx.Response:
    return httpx.Response(status, stream=body or httpx.ByteStream(b""))


def redirect(place: str) -> httpx.Response:
    return httpx.Response(302, headers={"Location": place})


def test_a_document_is_returned_with_the_headers_for_a_conditional_request():
    headers = {"ETag": '"a"', "Last-Modified": "Fri, 27 Nov 2026 12:00:00 GMT"}
    document = fetch(whole(b"[]", **headers))
    assert document.body == b"[]"
    assert document.validators == {
        "If-None-Match": '"a"',
        "If-Modified-Since": "Fri, 27 Nov 2026 12:00:00 GMT",
    }


def test_a_validator_that_cannot_be_sent_back_is_ignored():
    answer = httpx.Response(200, stream=httpx.ByteStream(b""), headers={"ETag": b'"\xe9"'})
    assert fetch(answer).validators == {}


def test_an_unchanged_document_has_no_body():
    server = Server([answer(304)])
    validators = {"If-None-Match": '"a"'}
    document = get_document(URL, validators=validators, effects=server.effects)
    assert document == Document(body=None, validators=validators)
    assert server.requests[0].headers["If-None-Match"] == '"a"'


def test_an_unrequested_304_is_an_error():
    with pytest.raises(DownloadError, match="the server answered HTTP 304"):
        fetch(answer(304))


def test_a_redirect_within_the_server_is_followed():
    assert fetch(redirect("/elsewhere"), whole(b"x")).body == b"x"


ERRORS = {
    "another host": ([redirect("https://evil.test/x")], DownloadError, "another server .*evil"),
    "without TLS": ([redirect("http://host.test/x")], DownloadError, "another server .http:"),
    "another port": ([redirect("https://host.test:1/x")], DownloadError, "another server"),
    "a circle": ([redirect("/x")], DownloadError, "too many redirects"),
    "a file": ([redirect("file:///etc/passwd")], DownloadError, "another server|not an http"),
    "403": ([answer(403)], DownloadError, "denied .HTTP 403 Forbidden.*proxy settings"),
    "404": ([answer(404)], MissingError, "was not found .HTTP 404"),
    "429": ([answer(429)], DownloadError, "limits the number of requests.*again later"),
    "429 with a time": (
        [httpx.Response(429, headers={"Retry-After": "3600"})],
        DownloadError,
        "again in 60 min 00 s",
    ),
    "429 with an endless time": (
        [httpx.Response(429, headers={"Retry-After": "9" * 400})],
        DownloadError,
        "again in 1440 min 00 s",
    ),
    "500": ([answer(500)], DownloadError, "answered HTTP 500.*Check the network"),
    "418": ([answer(418)], DownloadError, "answered HTTP 418"),
    "offline": ([httpx.ConnectError("no route to host")], DownloadError, "no route to host"),
    "TLS": (
        [httpx.ConnectError("CERTIFICATE_VERIFY_FAILED")],
        DownloadError,
        "certificate of .* is not trusted",
    ),
    "too large": ([whole(b"x" * 101)], DownloadError, "larger than 100 B"),
    "truncated": (
        [lambda _: httpx.Response(200, stream=Breaks(b"[{"))],
        TruncatedError,
        "peer closed connection",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_each_failure_has_one_error_with_its_reason_and_a_remedy(name):
    answers, kind, text = ERRORS[name]
    with pytest.raises(JitbuildError) as raised:
        fetch(*answers, most_bytes=100)
    assert type(raised.value) is kind
    assert raised.match(f"(?s){text}")
    assert "--mirror" not in raised.value.remedy


def test_an_endless_refusal_is_a_refusal():
    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            return itertools.repeat(b"x" * 1000)

    with pytest.raises(MissingError, match="was not found"):
        fetch(answer(404, Endless()))


def test_a_temporary_failure_is_tried_again_after_a_pause():
    server = Server(
        [
            httpx.Response(503, headers={"Retry-After": "7"}),
            httpx.ReadTimeout("slow"),
            whole(b"x"),
        ]
    )
    assert get_document(URL, effects=server.effects).body == b"x"
    assert server.slept == [7, 1]


def test_a_refusal_is_not_tried_again():
    server = Server([answer(429)])
    with pytest.raises(DownloadError):
        get_document(URL, effects=server.effects)
    assert (len(server.requests), server.slept) == (1, [])
