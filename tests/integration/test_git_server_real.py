"""Repositories behind HTTP: credentials are used, not recorded, and not sent elsewhere."""

from __future__ import annotations

import base64

import git_server
import pytest
from test_git_real import checkout as repository

from jitbuild.errors import DownloadError
from jitbuild.request import parse

pytestmark = pytest.mark.integration

CREDENTIALS = "Basic " + base64.b64encode(b"bob:hunter2").decode()


checkout = repository


@pytest.fixture
def server(checkout, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with git_server.running(checkout.parent) as server:
        server.credentials = CREDENTIALS
        yield server


def recorded(folder):
    """Return the files below a folder that contain the secret."""
    return [
        path for path in folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()
    ]


def test_credentials_in_a_url_are_used_and_recorded_nowhere(server, described, obtained, tmp_path):
    place = "/my%20cpython"
    request = f"git+{server.url(user='bob:hunter2@')}{place}@main"
    resolved = described(request)
    assert resolved.version == "3.15.0a2"
    assert resolved.source.location == f"{server.url()}{place}"
    assert CREDENTIALS in "".join(server.seen)
    assert obtained(resolved.source).origin == f"{server.url()}{place}"
    assert recorded(tmp_path) == []
    assert parse(request).shown == f"git+{server.url()}{place}@main"


def test_without_credentials_access_is_denied_and_no_secret_is_asked_for(server, described):
    with pytest.raises(DownloadError, match="could not read Username"):
        described(f"git+{server.url()}/my%20cpython@main")


def test_wrong_credentials_are_not_shown(server, described):
    with pytest.raises(DownloadError) as caught:
        described(f"git+{server.url(user='bob:hunter3@')}/my%20cpython@main")
    assert "hunter3" not in str(caught.value)


def test_credentials_are_not_sent_to_the_server_that_a_redirect_names(
    server,
    described,
    checkout,
    tmp_path,
):
    with git_server.running(checkout.parent) as other:
        server.redirect = other.url(host="localhost")
        described(f"git+{server.url(user='bob:hunter2@')}/my%20cpython@main")
    assert other.seen
    assert not [seen for seen in other.seen if "Authorization" in seen]
    assert recorded(tmp_path) == []


def test_a_server_that_sends_single_bytes_is_given_up(server, described, monkeypatch):
    monkeypatch.setenv("GIT_HTTP_LOW_SPEED_TIME", "1")  # in place of a minute
    server.drips = True
    with pytest.raises(DownloadError, match=r"too slow|Less than 1000 bytes"):
        described(f"git+{server.url()}/my%20cpython@main")
