"""The client of a registry: names of repositories, credentials, requests and their failures."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path

import httpx
import msgspec
import pytest
from fake_registry import BASIC, HOST, PASSWORD, USER, FakeRegistry, error
from reporters import RecordingReporter

from jitbuild.errors import (
    DownloadError,
    IntegrityError,
    MissingError,
    RegistryError,
    UsageError,
)
from jitbuild.registry.authentication import parse_challenge
from jitbuild.registry.client import RegistryClient, connect
from jitbuild.registry.credentials import Credentials, find_credentials
from jitbuild.registry.documents import (
    EMPTY_BLOB,
    Descriptor,
    ImageIndex,
    artifact,
    decode_document,
    digest_of,
    encode,
)
from jitbuild.registry.repository import Repository, parse_repository
from jitbuild.system.process import Completed

REPOSITORY = Repository("https", HOST, "a/b")
DATA = bytes(range(256)) * 4096
BLOB = Descriptor(media_type="application/octet-stream", digest=digest_of(DATA), size=len(DATA))
LOGIN = Credentials(user=USER, password=PASSWORD)


@contextlib.contextmanager
def client_of(registry: FakeRegistry, login: Credentials = LOGIN):
    with connect(REPOSITORY, find=lambda host: login, effects=registry.effects) as client:
        yield client


def pushed(registry: FakeRegistry, client: RegistryClient, tag: str = "1") -> str:
    client.upload(DATA, BLOB, "Uploading")
    client.upload(
        EMPTY_BLOB, Descriptor(media_type="x", digest=digest_of(EMPTY_BLOB), size=2), "Uploading"
    )
    return client.put(artifact("application/vnd.test", (BLOB,), {"b": "2", "a": "1"}), tag)


# The names of repositories.


@pytest.mark.parametrize(
    ("text", "scheme", "host", "name"),
    [
        ("ghcr.io/octo/jitbuild", "https", "ghcr.io", "octo/jitbuild"),
        ("https://h.test:5000/a", "https", "h.test:5000", "a"),
        ("oci://h.test/a/b", "https", "h.test", "a/b"),
        ("http://h.test/a", "http", "h.test", "a"),
        ("localhost:5000/a-b/c_d", "http", "localhost:5000", "a-b/c_d"),
        ("127.0.0.1:5000/a/", "http", "127.0.0.1:5000", "a"),
        ("[::1]:5000/a", "http", "[::1]:5000", "a"),
        ("https://localhost/a", "https", "localhost", "a"),
        ("GHCR.io/a", "https", "ghcr.io", "a"),
    ],
)
def test_a_repository_is_a_host_and_a_name(text, scheme, host, name):
    assert parse_repository(text) == Repository(scheme, host, name)


def test_docker_hub_is_reached_at_its_own_host():
    url = parse_repository("docker.io/octo/jitbuild").url("manifests/1")
    assert url == "https://registry-1.docker.io/v2/octo/jitbuild/manifests/1"


def test_a_repository_without_tls_is_shown_with_its_scheme():
    assert str(parse_repository("http://h.test/a")) == "http://h.test/a"
    assert str(parse_repository("localhost:5/a")) == "localhost:5/a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ghcr.io", "not the name of a repository"),
        ("/a/b", "not the name of a repository"),
        ("h.test/", "not the name"),
        ("ftp://h.test/a", "scheme"),
        ("h.test/Octo/JITbuild", "h.test/octo/jitbuild"),
        ("http://h.test/Octo", "http://h.test/octo"),
        ("h.test/a/../b", "not the name"),
        ("h.test/a?b=c", "not the name"),
        ("-h/a", "not the name"),
        ("h.test:65536/a", "not the name"),
        (f"h.test/{'a' * 300}", "not the name"),
    ],
)
def test_other_names_are_refused(text, words):
    with pytest.raises(UsageError) as caught:
        parse_repository(text)
    assert words in str(caught.value)


def test_a_password_in_the_name_is_refused_and_not_shown():
    with pytest.raises(UsageError) as caught:
        parse_repository("bob:hunter22@h.test/a")
    assert "hunter22" not in str(caught.value)
    assert "docker login" in str(caught.value)


# Credentials.


class Helpers:
    """Runs credential helpers that answer with `answer`, and records what they were asked."""

    def __init__(self, answer: object, **result: object) -> None:
        self.answer = answer if isinstance(answer, str) else json.dumps(answer)
        self.result = {"returncode": 0, "stderr": "it is \x1b[31mlocked", **result}
        self.asked: list[tuple[list[str], str]] = []

    def __call__(self, argv, *, stdin=None, **options):
        self.asked.append((argv, stdin))
        return Completed(argv=tuple(argv), stdout=self.answer, **self.result)


def no_helper(argv, **options):
    raise FileNotFoundError(argv[0])


def docker(tmp_path: Path, **content) -> dict[str, str]:
    (tmp_path / "config.json").write_text(json.dumps(content))
    return {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path / "home")}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_environment_takes_precedence(tmp_path):
    environ = docker(tmp_path, auths={HOST: {"auth": encoded("other:x")}})
    environ |= {"JITBUILD_REGISTRY_USER": "me", "JITBUILD_REGISTRY_PASSWORD": "pw"}
    assert find_credentials(HOST, environ=environ) == Credentials(user="me", password="pw")


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"https://{HOST}/v1/"])
def test_the_credentials_of_docker_are_used(tmp_path, key):
    environ = docker(tmp_path, auths={key: {"auth": encoded("me:a:b")}})
    assert find_credentials(HOST, environ=environ) == Credentials(user="me", password="a:b")
    assert not find_credentials("other.test", environ=environ)


def test_an_identity_token_is_found(tmp_path):
    environ = docker(tmp_path, auths={HOST: {"auth": "", "identitytoken": "long"}})
    assert find_credentials(HOST, environ=environ) == Credentials(identity_token="long")


@pytest.mark.parametrize(
    "content",
    [{"credsStore": "desktop"}, {"credHelpers": {HOST: "desktop"}, "auths": {HOST: {}}}],
)
def test_a_helper_is_asked_for_the_host(tmp_path, content):
    helpers = Helpers({"Username": "me", "Secret": "pw"})
    found = find_credentials(HOST, environ=docker(tmp_path, **content), runner=helpers)
    assert found == Credentials(user="me", password="pw")
    assert helpers.asked == [(["docker-credential-desktop", "get"], HOST)]


def test_a_helper_may_answer_with_a_token(tmp_path):
    helpers = Helpers({"Username": "<token>", "Secret": "long"})
    environ = docker(tmp_path, credsStore="acr")
    assert find_credentials(HOST, environ=environ, runner=helpers).identity_token == "long"


def test_a_helper_without_credentials_means_anonymous_access(tmp_path):
    helpers = Helpers("credentials not found in native keychain", returncode=1)
    assert not find_credentials(HOST, environ=docker(tmp_path, credsStore="x"), runner=helpers)


@pytest.mark.parametrize(
    ("content", "runner", "words"),
    [
        ({"credsStore": "gone"}, no_helper, "docker-credential-gone, which is not on PATH"),
        ({"credsStore": "x"}, Helpers("", returncode=1), "it is \\x1b[31mlocked"),
        ({"credsStore": "x"}, Helpers("pw", returncode=1, stderr=""), f"{HOST}: exit code 1."),
        ({"credsStore": "x"}, Helpers("", returncode=-15, timed_out=True), "no answer within 60 s"),
        ({"credsStore": "x"}, Helpers("[]"), "is not JSON with Username and Secret"),
        ({"credsStore": "../../x"}, no_helper, "is not the name of a credential helper"),
        ({"auths": {HOST: {"auth": "%%%"}}}, no_helper, "not in base64"),
        ({"auths": []}, no_helper, "its key auths is not an object"),
    ],
)
def test_defective_credentials_are_an_error(tmp_path, content, runner, words):
    if content == {"auths": []}:
        content = {"auths": ["x"]}
    with pytest.raises(RegistryError) as caught:
        find_credentials(HOST, environ=docker(tmp_path, **content), runner=runner)
    assert words in str(caught.value)


def test_a_config_that_is_no_json_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text('{"auths": {"h": {"auth": "c2VjcmV0"')
    with pytest.raises(RegistryError) as caught:
        find_credentials(HOST, environ={"DOCKER_CONFIG": str(tmp_path), "HOME": "/nowhere"})
    assert "it is not JSON" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


def test_without_files_there_are_no_credentials(tmp_path):
    assert not find_credentials(HOST, environ={"HOME": str(tmp_path)})


def test_the_files_of_podman_are_read(tmp_path):
    file = tmp_path / "containers/auth.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"auths": {HOST: {"auth": encoded("p:q")}}}))
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_credentials(HOST, environ=environ).user == "p"
    environ = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(file)}
    assert find_credentials(HOST, environ=environ).user == "p"


def test_credentials_are_not_shown():
    assert PASSWORD not in repr(LOGIN)


# Challenges.


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ("", "", {}),
        ("Negotiate", "", {}),
        ('Basic realm="a, b"', "basic", {"realm": "a, b"}),
        (
            'bearer Realm="https://t/x?y=1",service=s,scope="r:a:pull,push"',
            "bearer",
            {"realm": "https://t/x?y=1", "service": "s", "scope": "r:a:pull,push"},
        ),
        ('Bearer realm="https://t", Basic realm="b"', "bearer", {"realm": "https://t"}),
        ('Digest realm="d", Basic realm="q\\"uote"', "basic", {"realm": 'q"uote'}),
    ],
)
def test_challenges(header, scheme, parameters):
    challenge = parse_challenge(header)
    assert (challenge.scheme, dict(challenge.parameters)) == (scheme, parameters)


@pytest.mark.parametrize("auth", ["", "basic", "bearer"])
def test_what_was_pushed_can_be_read(tmp_path, auth):
    registry = FakeRegistry(auth=auth)
    with client_of(registry) as client:
        digest = pushed(registry, client)
    with client_of(registry) as client:
        document, found = client.get("1")
        assert found == digest
        assert client.get(digest)[0] == document
        assert document.annotations == {"a": "1", "b": "2"}
        assert client.download(document.layers[0], tmp_path / "x", "d").read_bytes() == DATA


def test_an_identity_token_is_exchanged_for_a_token():
    registry = FakeRegistry(auth="bearer")
    with client_of(registry, Credentials(identity_token="long")) as client:
        pushed(registry, client)
    tokens = [each for each in registry.requests if each.url.host == "tokens.test"]
    assert {each.method for each in tokens} == {"POST"}
    assert b"refresh_token=long" in tokens[0].content


def test_credentials_go_to_the_registry_and_its_token_service_only(tmp_path):
    registry = FakeRegistry(auth="basic", blobs_at="blobs.test", upload_at="uploads.test")
    with client_of(registry) as client:
        pushed(registry, client)
        client.download(BLOB, tmp_path / "x", "d")
    sent = {each.url.host: each.headers.get("Authorization") for each in registry.requests}
    assert sent == {HOST: BASIC, "blobs.test": None, "uploads.test": None}


@pytest.mark.parametrize(
    "realm",
    ["http://tokens.test/", "file:///etc/passwd", "https://u:p@t/", "https://:p@t/", "https://["],
)
def test_an_unsafe_token_service_is_not_asked(realm):
    refusal = httpx.Response(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})
    registry = FakeRegistry(failing="v2", failures=9, failure=refusal)
    with client_of(registry) as client, pytest.raises(RegistryError) as caught:
        client.get("1")
    assert "token service" in str(caught.value)
    assert len(registry.requests) == 1


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("login", [Credentials(), Credentials(user=USER, password="wrong-word")])
def test_refused_credentials_are_one_message(auth, login):
    registry = FakeRegistry(auth=auth)
    with client_of(registry, login) as client, pytest.raises(RegistryError) as caught:
        client.get("1")
    assert "refused" in str(caught.value)
    assert "docker login" in str(caught.value)
    assert "wrong-word" not in str(caught.value)
    assert len(registry.requests) <= 3


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 1}', b'{"token": "a\\r\\nX: y"}'])
def test_a_token_service_without_a_token(body):
    registry = FakeRegistry(
        auth="bearer", failing="token", failures=1, failure=httpx.Response(200, content=body)
    )
    with client_of(registry) as client, pytest.raises(RegistryError, match="contains no token"):
        client.get("1")
    assert len(registry.responses) == 2
    assert all(each.is_closed for each in registry.responses)


# Failures.


def test_a_missing_tag_is_an_error_of_its_own():
    with client_of(FakeRegistry()) as client, pytest.raises(MissingError) as caught:
        client.get("nope")
    assert f"{HOST}/a/b:nope" in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_tried_again(status):
    registry = FakeRegistry(failing="manifests", failures=3, failure=httpx.Response(status))
    with client_of(registry) as client:
        pushed(registry, client)
    assert len(registry.slept) == 3


def test_the_wait_that_a_registry_asks_for_is_respected():
    busy = httpx.Response(429, headers={"Retry-After": "7"})
    registry = FakeRegistry(failing="manifests", failures=1, failure=busy)
    with client_of(registry) as client:
        pushed(registry, client)
    assert registry.slept == [7]


def test_a_token_service_that_cannot_be_reached_is_named():
    registry = FakeRegistry(
        auth="bearer", failing="token", failures=99, failure=httpx.ConnectTimeout("timed out")
    )
    with client_of(registry) as client, pytest.raises(DownloadError) as caught:
        client.get("1")
    assert "its token service https://tokens.test/token" in caught.value.what
    assert PASSWORD not in str(caught.value)


def test_a_changed_blob_has_a_remedy_for_registries(tmp_path):
    registry = FakeRegistry()
    with client_of(registry) as client:
        pushed(registry, client)
        registry.blobs[BLOB.digest] = DATA[:-1] + b"x"
        with pytest.raises(IntegrityError) as caught:
            client.download(BLOB, tmp_path / "blob", "Downloading")
    assert caught.value.remedy == "Do not use this registry until you know why."


def test_a_wait_is_announced():
    """A registry behind a firewall is tried for minutes: nobody should wonder what happens."""
    registry = FakeRegistry(failing="", failures=2, failure=httpx.ConnectError("timed out"))
    reporter = RecordingReporter()
    with connect(REPOSITORY, effects=registry.effects, reporter=reporter) as client:
        client.check_push()
    assert [note.partition(";")[0] for note in reporter.notes] == [f"{HOST}: timed out"] * 2


def test_a_registry_without_tls_has_a_remedy_of_its_own():
    failure = httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    registry = FakeRegistry(failing="", failures=99, failure=failure)
    with client_of(registry) as client, pytest.raises(DownloadError) as caught:
        client.get("1")
    assert caught.value.remedy == f"If the registry has no TLS, write http://{HOST}/a/b."


@pytest.mark.parametrize("failure", [httpx.Response(500), httpx.ConnectError("refused")])
def test_a_lasting_failure_is_given_up(failure):
    registry = FakeRegistry(failing="", failures=99, failure=failure)
    with client_of(registry) as client, pytest.raises(DownloadError) as caught:
        client.get("1")
    assert len(registry.requests) == 5
    assert "mirror" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_has_its_own_remedy():
    failure = httpx.ConnectError("CERTIFICATE_VERIFY_FAILED")
    registry = FakeRegistry(failing="", failures=99, failure=failure)
    with client_of(registry) as client, pytest.raises(DownloadError, match="not trusted") as caught:
        client.get("1")
    assert "SSL_CERT_FILE" in caught.value.remedy


@pytest.mark.parametrize(("status", "words"), [(403, "Check that you may"), (405, "Ask those who")])
def test_a_refusal_quotes_the_registry(status, words):
    registry = FakeRegistry(failing="blobs/uploads", failures=9, failure=error(status, "DENIED"))
    with client_of(registry) as client, pytest.raises(RegistryError) as caught:
        pushed(registry, client)
    text = str(caught.value)
    assert f"HTTP {status} (DENIED: as the specification \\x1b[31msays)" in text
    assert words in text


def test_an_upload_that_breaks_off_is_repeated():
    broken = httpx.RemoteProtocolError("peer closed connection")
    registry = FakeRegistry(failing="uploads/1", failures=2, failure=broken)
    with client_of(registry) as client:
        pushed(registry, client)
    assert registry.blobs[BLOB.digest] == DATA


def test_an_upload_whose_token_expired_is_repeated(tmp_path):
    source = tmp_path / "blob"
    source.write_bytes(DATA)
    registry = FakeRegistry(
        auth="bearer", failing="uploads/1", failures=1, failure=httpx.Response(401)
    )
    with client_of(registry) as client:
        client.upload(source, BLOB, "Uploading")
    assert registry.blobs[BLOB.digest] == DATA


def test_a_blob_that_is_there_is_not_uploaded_again():
    registry = FakeRegistry()
    with client_of(registry) as client:
        pushed(registry, client)
        pushed(registry, client, "2")
    assert len(registry.sent("POST")) == 2  # the blob and the empty configuration


def test_a_blob_that_another_server_stores_is_not_uploaded_again():
    registry = FakeRegistry(blobs_at="blobs.test")
    with client_of(registry) as client:
        pushed(registry, client)
        assert client.has_blob(BLOB.digest)
        assert not client.has_blob(digest_of(b"other"))
        pushed(registry, client, "2")
    assert len(registry.sent("POST")) == 2  # the blob and the empty configuration


def test_another_document_than_that_of_the_digest_is_refused():
    registry = FakeRegistry()
    with client_of(registry) as client:
        digest = pushed(registry, client)
        kind, content = registry.documents[digest]
        registry.documents[digest] = (kind, content.replace(b'"2"', b'"3"'))
        with pytest.raises(IntegrityError):
            client.get(digest)


def test_another_document_than_the_registry_states_is_refused():
    digest = digest_of(DATA)
    answer = httpx.Response(200, headers={"Docker-Content-Digest": digest}, content=b"{}")
    registry = FakeRegistry(failing="manifests", failures=1, failure=answer)
    with client_of(registry) as client, pytest.raises(IntegrityError):
        client.get("1")


def test_a_tampered_blob_is_refused_and_leaves_nothing(tmp_path):
    registry = FakeRegistry()
    with client_of(registry) as client:
        pushed(registry, client)
        registry.blobs[BLOB.digest] = DATA[:-1] + b"x"
        with pytest.raises(IntegrityError):
            client.download(BLOB, tmp_path / "x", "d")
    assert [each.name for each in tmp_path.iterdir() if not each.name.endswith(".lock")] == []


def test_a_blob_of_size_0_is_not_downloaded(tmp_path):
    registry = FakeRegistry()
    with client_of(registry) as client:
        pushed(registry, client)
        empty = msgspec.structs.replace(BLOB, size=0)
        with pytest.raises(RegistryError, match="is empty"):
            client.download(empty, tmp_path / "x", "d")
    assert registry.sent("GET") == []


def test_a_lost_blob_is_an_error_with_its_own_remedy(tmp_path):
    registry = FakeRegistry()
    with client_of(registry) as client, pytest.raises(MissingError, match="was not found") as e:
        client.download(BLOB, tmp_path / "x", "d")
    assert "The registry has lost this file" in str(e.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"mediaType": 1}',
        b'{"config": {"mediaType": "x", "digest": "sha256:1", "size": 1}, "layers": []}',
        b'{"manifests": [{"mediaType": "x", "digest": "md5:00", "size": 1}]}',
        b'{"manifests": [{"mediaType": "x", "digest": "sha256:00", "size": -1}]}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_no_manifest_is_refused(content):
    with pytest.raises(RegistryError, match="not a manifest"):
        decode_document(content, "r/a:1")


def test_an_invalid_address_of_an_upload_is_refused():
    answer = httpx.Response(202, headers={"Location": "https://["})
    registry = FakeRegistry(failing="uploads", failures=1, failure=answer)
    with client_of(registry) as client, pytest.raises(RegistryError, match="refused an upload"):
        pushed(registry, client)


def test_an_invalid_address_of_a_page_is_that_of_no_page():
    headers = {
        "Content-Type": "application/vnd.oci.image.index.v1+json",
        "Link": '<https://[>; rel="next"',
    }
    answer = httpx.Response(200, headers=headers, json={"manifests": []})
    registry = FakeRegistry(failing="referrers", failures=1, failure=answer)
    with client_of(registry) as client:
        assert client.referrers(BLOB.digest) == (ImageIndex(), "")


def test_an_impossible_port_of_a_redirect_is_not_that_of_the_registry(tmp_path):
    registry = FakeRegistry(auth="basic", blobs={BLOB.digest: DATA})
    registry.blobs_at = "blobs.test:99999"  # the fake redirects there without end
    with client_of(registry) as client, pytest.raises(DownloadError, match="too many redirects"):
        client.download(BLOB, tmp_path / "x", "d")
    elsewhere = [each for each in registry.requests if each.url.port == 99999]
    assert elsewhere
    assert not any("Authorization" in each.headers for each in elsewhere)


def test_a_huge_answer_is_not_read_to_its_end():
    huge = httpx.Response(200, content=b" " * (5 << 20))
    registry = FakeRegistry(failing="manifests", failures=1, failure=huge)
    with client_of(registry) as client, pytest.raises(DownloadError, match="larger than"):
        client.get("1")


def test_documents_have_one_form():
    one = artifact("t", (BLOB,), {"a": "1", "b": "2"})
    other = artifact("t", (BLOB,), {"b": "2", "a": "1"})
    assert encode(one) == encode(other)
    assert decode_document(encode(one), "r") == one
    index = ImageIndex(manifests=(BLOB,))
    assert decode_document(encode(index), "r") == index
