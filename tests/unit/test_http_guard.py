"""A client that was closed because a request took too long is not used for another attempt."""

import httpx
import pytest

from jitbuild.errors import TruncatedError
from jitbuild.system.http.guard import RequestGuard
from jitbuild.system.http.transfer_errors import RetryError
from jitbuild.system.urls import Address


def expire(guard, error):
    guard.expire()
    raise error


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadError("closed"),
        RuntimeError("Cannot send a request, as the client has been closed."),
        RetryError("the connection of a request within was closed"),
    ],
)
def test_an_expired_request_is_too_slow_whatever_it_raises(error):
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    guard = RequestGuard(address=Address("https://h.test/x"), client=client, window=60)
    with pytest.raises(TruncatedError, match="too slow: no whole answer in 60 s"), guard.errors():
        expire(guard, error)
    assert client.is_closed


def test_other_failures_may_be_repeated():
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    guard = RequestGuard(address=Address("https://h.test/x"), client=client, window=60)
    with pytest.raises(RetryError), guard.errors():
        raise httpx.ReadError("reset")
    with pytest.raises(RuntimeError), guard.errors():
        raise RuntimeError("a mistake")
