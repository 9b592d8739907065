"""`install --prebuilt --verify`: without a valid attestation, nothing is downloaded."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules
from reporters import RecordingReporter

from jitbuild.errors import SignatureError, UsageError
from jitbuild.options import BuildOptions
from jitbuild.planning.prebuilt import prebuilt_plan
from jitbuild.providers.prebuilt import PrebuiltProvider
from jitbuild.provision import Provisioner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.sources.archive_cache import CachedArchive
from jitbuild.sources.build_attestations import STANDALONE_SIGNER, verify_build
from jitbuild.store.store import Store
from jitbuild.system.signatures import verify_statement
from sigstore_instance import SigstoreInstance, provenance

CATALOG = load_catalog()
PREBUILT = Axes(provider="prebuilt")
PLAN = prebuilt_plan(parse("3.15"), PREBUILT, HOST.target, CATALOG)
[(NAME, SHA)] = PLAN.source.files
INSTANCE = SigstoreInstance()


class UnreachableError(Exception):
    """Raised instead of a download."""


class NoRegistry:
    """A registry that must not be asked."""

    def pinned(self, request, _):
        return request

    def stage(self, _):
        raise AssertionError


@pytest.fixture
def install(tmp_path):
    """Install with fakes; `attest` stands for the check of the attestation."""

    def install(*, attest, fetch=None, registry=None, **options):
        def unreachable(*_):
            raise UnreachableError

        def unpack(_path, folder, **_):
            (folder / "bin").mkdir(parents=True)
            (folder / f"bin/python{PLAN.version.rpartition('.')[0]}").write_text(
                f"{PLAN.version} yes-off"
            )
            return folder

        return Provisioner(
            Store(tmp_path / "home"),
            CATALOG,
            BuildOptions(**options),
            RecordingReporter(),
            provider=FakeProvider(),
            prebuilt=PrebuiltProvider(
                fetch=fetch or unreachable,
                unpack=unpack,
                relocate=lambda *_: None,
                attest=attest,
            ),
            probe=fake_probe,
            missing_modules=missing_modules,
            this_host=lambda: HOST,
            registry=registry,
        ).ensure(parse("3.15"), PREBUILT)

    return install


def by(signer):
    """Return a check of the attestation that finds one by `signer`."""
    bundle = INSTANCE.attest(
        provenance((NAME, SHA)), signer.identity, signer.issuer, repository=signer.repository
    )
    verify = functools.partial(verify_statement, verifier=INSTANCE.verifier)
    return lambda name, sha256: verify_build(
        name, sha256, [bundle], STANDALONE_SIGNER, verify=verify
    )


def test_an_archive_with_a_valid_attestation_is_installed_and_the_record_says_so(install, tmp_path):
    archive = CachedArchive(tmp_path / NAME, "cache")
    interpreter = install(attest=by(STANDALONE_SIGNER), fetch=lambda *_: archive, verify=True)
    assert interpreter.to_json()["source"]["verified"] == (
        "sha256 pin in a recipe, and build attestation of GitHub"
    )


def test_an_archive_with_an_attestation_of_another_workflow_is_not_downloaded(install):
    other = STANDALONE_SIGNER.identity.replace("release.yml", "evil.yml")
    signer = replace(STANDALONE_SIGNER, identity=other)
    with pytest.raises(SignatureError, match=r"was signed by .*evil\.yml"):
        install(attest=by(signer), verify=True)


def test_without_the_option_no_attestation_is_asked_for(install):
    def asked(*_):
        raise AssertionError

    with pytest.raises(UnreachableError):
        install(attest=asked)


def test_an_interpreter_that_must_have_an_attestation_does_not_come_from_a_registry(install):
    with pytest.raises(UnreachableError):
        install(attest=by(STANDALONE_SIGNER), verify=True, registry=NoRegistry())
    with pytest.raises(UsageError, match="which never use a registry"):
        install(attest=by(STANDALONE_SIGNER), verify=True, pull_only=True, registry=NoRegistry())
