"""With --signed-by, what is not signed by that identity never comes out of a registry."""

from __future__ import annotations

import functools
import sys

import httpx
import pytest
from fake_registry import HOST as SERVER
from fake_registry import FakeRegistry
from moved_stores import REPAIRER
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules
from reporters import RecordingReporter

from jitbuild import api
from jitbuild.errors import MissingExtraError, RegistryError, SignatureError, UsageError
from jitbuild.options import BuildOptions
from jitbuild.providers.from_registry import RegistryProvider, registry_provider
from jitbuild.providers.push import push_interpreter, sign_pushed
from jitbuild.provision import Provisioner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.registry.client import connect
from jitbuild.registry.documents import decode_document
from jitbuild.registry.repository import Repository
from jitbuild.registry.signatures import add_signature
from jitbuild.registry.signers import parse_signer, signer_of
from jitbuild.registry.stencils import RegistryStencils, SharedEntry, push_stencils, shared_stencils
from jitbuild.request import Axes, parse
from jitbuild.store.store import Store
from jitbuild.system.signatures import SignedStatement

REPOSITORY = Repository("https", SERVER, "a/b")
IDENTITY = "https://github.com/octo/app/.github/workflows/jit.yml@refs/heads/main"
SIGNER = parse_signer(IDENTITY)
EVE = parse_signer(IDENTITY.replace("octo", "eve"))


@pytest.fixture
def registry():
    return FakeRegistry()


@pytest.fixture
def reporter():
    return RecordingReporter()


@pytest.fixture
def client(registry):
    with connect(REPOSITORY, effects=registry.effects) as client:
        yield client


def provisioner(store, registry=None, provider=None, **options):
    return Provisioner(
        store,
        load_catalog(),
        BuildOptions(**options),
        RecordingReporter(),
        provider=provider or FakeProvider(),
        registry=registry,
        probe=fake_probe,
        missing_modules=missing_modules,
        repairer=REPAIRER,
        this_host=lambda: HOST,
    )


@pytest.fixture
def pushed(client, tmp_path):
    store = Store(tmp_path / "origin")
    interpreter = provisioner(store).ensure(parse("3.15.2"), Axes())
    return push_interpreter(interpreter, client, store, RecordingReporter())


def sign(client, digest, signer=SIGNER):
    """Add a signature to the registry that `verify` accepts."""
    add_signature(client, digest, "x", lambda _: SignedStatement(str(signer).encode(), signer))


def verify(name, sha256, bundle, signer, predicate_type):
    if bundle != str(signer).encode():
        raise SignatureError(f"{name} was signed by another.", remedy="Do not use it.")


@pytest.fixture
def pull(registry, tmp_path):
    def pull(**options):
        connecting = functools.partial(connect, effects=registry.effects)
        provider = RegistryProvider(
            repository=REPOSITORY, signer=SIGNER, verify=verify, connect=connecting
        )
        provisioning = provisioner(Store(tmp_path / "home"), provider, **options)
        return provisioning.ensure(parse("3.15.2"), Axes())

    return pull


def test_the_manifest_states_the_verified_signature(client, pushed, pull):
    sign(client, pushed.digest)
    interpreter = pull()
    method = f"Sigstore signature of {IDENTITY}"
    assert interpreter.manifest.imported.verified == method
    assert interpreter.to_json()["imported"]["verified"] == method


@pytest.mark.parametrize("signer", [None, EVE])
@pytest.mark.parametrize("options", [{}, {"pull_only": True}])
def test_without_the_signature_nothing_is_downloaded_or_built(
    registry, client, pushed, pull, tmp_path, signer, options
):
    if signer:
        sign(client, pushed.digest, signer)
    layer = decode_document(registry.documents[pushed.digest][1], "").layers[0].digest
    with pytest.raises(SignatureError):
        pull(**options)
    assert f"/v2/a/b/blobs/{layer}" not in registry.sent("GET")
    store = Store(tmp_path / "home")
    assert store.installed() == []
    assert store.scratch_folders() == []


def test_the_package_is_required_before_anything_is_fetched(registry, pushed, pull, monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore", None)
    before = len(registry.requests)
    with pytest.raises(MissingExtraError):
        pull()
    assert len(registry.requests) == before


@pytest.mark.parametrize("signer", [None, EVE, SIGNER])
def test_stencils_must_be_signed_too(registry, client, reporter, signer):
    digest = push_stencils(client, SharedEntry("k" * 64, b"stencils"), ["f" * 64])
    if signer:
        sign(client, digest, signer)
    stencils = RegistryStencils(
        connect=lambda: connect(REPOSITORY, effects=registry.effects),
        reporter=reporter,
        signer=SIGNER,
        verify=verify,
    )
    before = len(registry.requests)
    entries = [stencils.by_key("k" * 64), stencils.by_forecast("f" * 64)]
    if signer is SIGNER:
        assert entries == [SharedEntry("k" * 64, b"stencils")] * 2
        assert reporter.warnings == []
        return
    assert entries == [None, None]
    (warning,) = reporter.warnings
    assert warning.startswith("The registry's stencils are not used.")
    sent = registry.requests[before:]
    assert not any(request.content == b"stencils" for request in sent)


# Signing.


class FakeSigner:
    """Signs as SIGNER, or fails with an error: before the push, or when it should sign."""

    def __init__(self, missing=None, failure=None):
        self.missing = missing
        self.failure = failure

    def require_identity(self):
        if self.missing:
            raise self.missing

    def sign(self, statement):
        if self.failure:
            raise self.failure
        return SignedStatement(str(SIGNER).encode(), SIGNER)


@pytest.fixture
def install(registry, tmp_path):
    """Build an interpreter, push and sign it; return the provider that built it."""

    def install(signer):
        built = FakeProvider()
        connecting = functools.partial(connect, effects=registry.effects)
        provider = RegistryProvider(repository=REPOSITORY, sign_with=signer, connect=connecting)
        store = Store(tmp_path / "builder")
        provisioner(store, provider, built, push=True, sign=True).ensure(parse("3.15.2"), Axes())
        return built

    return install


def test_what_was_built_is_pushed_and_signed(install, pull):
    install(FakeSigner())
    assert pull().manifest.imported.verified == f"Sigstore signature of {IDENTITY}"


def test_without_an_identity_nothing_is_built_or_pushed(registry, install, tmp_path):
    with pytest.raises(UsageError, match="no identity"):
        install(FakeSigner(missing=UsageError("There is no identity.", remedy="Get one.")))
    assert Store(tmp_path / "builder").installed() == []
    assert registry.sent("PUT") == []


@pytest.mark.parametrize("where", ["sigstore", "registry"])
def test_a_push_that_is_not_signed_says_so(registry, client, pushed, reporter, where):
    error = SignatureError("Sigstore did not sign.", remedy="Try again.")
    if where == "registry":
        registry.failing, registry.failures, registry.failure = "referrers", 9, httpx.Response(403)
        error = RegistryError("", remedy="")
    signer = FakeSigner(failure=error if where == "sigstore" else None)
    with pytest.raises(type(error)) as caught:
        sign_pushed(pushed, client, signer.sign, reporter)
    shown = f"{REPOSITORY}@{pushed.digest}"
    assert caught.value.what.startswith(f"{shown} was pushed, but is not signed. ")
    assert caught.value.remedy
    registry.failures = 0
    assert sign_pushed(pushed, client, FakeSigner().sign, reporter) == SIGNER
    assert reporter.notes[-1] == f"signed {shown} as {IDENTITY}"


@pytest.mark.parametrize("registry", ["h.test/a", None])
def test_only_a_push_is_signed(registry, tmp_path):
    options = BuildOptions(home=tmp_path, registry=registry, sign=True)
    with pytest.raises(UsageError, match="--sign signs only what is pushed"):
        api.provisioner(options)


# The signers that can be stated.


def test_the_issuers_of_known_workflows_are_known():
    assert SIGNER.issuer == "https://token.actions.githubusercontent.com"
    assert SIGNER.repository == "https://github.com/octo/app"
    gitlab = parse_signer("https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main")
    assert (gitlab.issuer, gitlab.repository) == ("https://gitlab.com", "")
    person = parse_signer("me@example.org", "https://accounts.google.com")
    assert (person.issuer, person.repository) == ("https://accounts.google.com", "")


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ("", "is not the identity of a signer"),
        (" ", "is not the identity of a signer"),
        ("me@example.org\n", "is not the identity of a signer"),
        ("me@example.org", "issuer of the identity me@example.org is not known"),
        (
            "https://github.com/octo/app",
            "is not the identity of a workflow.\nThat of a workflow names its file",
        ),
        (IDENTITY.partition("@")[0], "is not the identity of a workflow"),
    ],
)
def test_impossible_signers_are_refused(identity, message):
    with pytest.raises(UsageError, match=message):
        parse_signer(identity)
    for use in (registry_provider, lambda options: shared_stencils(options, RecordingReporter())):
        with pytest.raises(UsageError, match=message):
            use(BuildOptions(registry="h.test/a", signed_by=identity))


def test_an_issuer_alone_is_refused():
    with pytest.raises(UsageError, match="An issuer is stated"):
        signer_of(BuildOptions(signed_by_issuer="https://accounts.google.com"))
    assert signer_of(BuildOptions()) is None


def test_the_signer_is_a_setting(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JITBUILD_REGISTRY", "h.test/a")
    monkeypatch.setenv("JITBUILD_SIGNED_BY", "me@example.org")
    monkeypatch.setenv("JITBUILD_SIGNED_BY_ISSUER", "https://accounts.google.com")
    provider = registry_provider(BuildOptions().with_settings())
    assert str(provider.signer) == "me@example.org (issuer https://accounts.google.com)"
