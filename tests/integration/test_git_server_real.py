"""Repositories behind HTTP: credentials are used, not recorded, and not sent elsewhere."""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

import git_server
import pytest
from test_git_real import checkout as repository
from test_git_real import git

from jitbuild.errors import DownloadError
from jitbuild.request import parse
from jitbuild.sources import git_remote
from jitbuild.sources.git_remote import FetchLimits
from jitbuild.system import process
from jitbuild.system.progress import SilentReporter
from jitbuild.system.urls import Address

pytestmark = pytest.mark.integration


def basic(login):
    return "Basic " + base64.b64encode(login.encode()).decode()


CREDENTIALS = basic("bob:hunter2")

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


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_argument_of_a_program_contains_the_password(server, described):
    password = uuid.uuid4().hex  # no other process of this machine has it, either
    server.credentials = basic(f"bob:{password}")
    described(f"git+{server.url(user=f'bob:{password}@')}/my%20cpython@main")
    assert [words for words in server.arguments if b"remote-http" in words]
    assert [words for words in server.arguments if password.encode() in words] == []


@pytest.mark.parametrize("password", ["", "a'b$HOME`id`", "50%s\\n", "p:a@s#s?", "pässword !"])
def test_the_server_gets_the_password_as_it_is(server, described, password):
    server.credentials = basic(f"bob smith:{password}")
    described(f"git+{server.url(user=f'bob%20smith:{quote(password)}@')}/my%20cpython@main")


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Configure a helper that knows bob's password, and return the file of its operations."""
    log = tmp_path / "operations"
    answer = "printf 'username=bob\\npassword=hunter2\\n'"
    config = tmp_path / "gitconfig"
    command = f"!f() {{ echo $1 >> '{log}'; {answer}; }}; f"
    git(tmp_path, "config", "--file", str(config), "credential.helper", command)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    return log


@pytest.mark.parametrize("user", ["", "bob@"])
def test_without_a_password_the_helper_of_the_user_is_asked(server, described, helper, user):
    described(f"git+{server.url(user=user)}/my%20cpython@main")
    assert helper.read_text().split() == ["get", "store"]


def test_a_password_in_a_url_is_not_given_to_the_helper_of_the_user(server, described, helper):
    place = "my%20cpython"
    config = Path(os.environ["GIT_CONFIG_GLOBAL"])
    for key in (f"{server.url()}/{place}", server.url()):
        setting = f"credential.{key}.helper", f"store --file='{helper}'"
        git(config.parent, "config", "--file", str(config), *setting)
    server.credentials = basic("ann:other")
    described(f"git+{server.url(user='ann:other@')}/{place}@main")
    with pytest.raises(DownloadError, match="Authentication failed"):
        described(f"git+{server.url(user='ann:wrong@')}/{place}@v3.15.0a1")
    assert not helper.exists()


def test_a_replacement_of_the_user_does_not_apply_to_a_url_with_a_password(
    server, described, monkeypatch, tmp_path
):
    config = tmp_path / "gitconfig"
    git(tmp_path, "config", "--file", str(config), "url.file:///gone/.insteadOf", server.url())
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    described(f"git+{server.url(user='bob:hunter2@')}/my%20cpython@main")
    with pytest.raises(DownloadError, match="gone"):
        described(f"git+{server.url()}/my%20cpython@main")


def test_without_credentials_access_is_denied_and_no_secret_is_asked_for(server, described):
    with pytest.raises(DownloadError, match="could not read Username"):
        described(f"git+{server.url()}/my%20cpython@main")


@pytest.mark.parametrize("entry", ["127.0.0.1", "localhost"])
def test_credentials_in_a_url_are_used_before_those_of_netrc(
    server, described, monkeypatch, tmp_path, entry
):
    (tmp_path / ".netrc").write_text(f"machine {entry} login ann password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    described(f"git+{server.url(user='bob:hunter2@')}/my%20cpython@main")
    assert CREDENTIALS in "".join(server.seen)
    assert basic("ann:other") not in "".join(server.seen)
    server.credentials = basic("ann:other")
    known = entry in server.url()
    with contextlib.nullcontext() if known else pytest.raises(DownloadError, match="Username"):
        described(f"git+{server.url()}/my%20cpython@main")


def test_a_repository_that_is_too_large_is_not_fetched(server, checkout, tmp_path):
    (checkout / "large").write_bytes(os.urandom(1_000_000))
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "large")
    url, cache = Address(f"{server.url(user='bob:hunter2@')}/my%20cpython"), tmp_path / "cache"
    fetch = functools.partial(git_remote.fetch, url, runner=process.run, reporter=SilentReporter())
    with pytest.raises(DownloadError, match=r"is larger than 500\.0 kB"):
        fetch("main", cache, limits=FetchLimits(most_bytes=500_000))
    assert not [path for path in cache.rglob("*") if path.stat().st_size > 100_000]
    assert fetch("main", cache, limits=FetchLimits()) == git(checkout, "rev-parse", "main")


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
