"""Interpreters go to a registry and come back: whole, proven, and only as what they are."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from fake_registry import HOST as SERVER
from fake_registry import FakeRegistry
from moved_stores import REPAIRER
from provision_fakes import HOST, FakeProvider, fake_probe, missing_modules
from reporters import RecordingReporter

from jitbuild.errors import (
    ArchiveError,
    DiskFullError,
    DownloadError,
    IntegrityError,
    MissingError,
    ProofError,
    RegistryError,
    UsageError,
)
from jitbuild.options import BuildOptions
from jitbuild.providers.from_registry import RegistryProvider, registry_provider, report
from jitbuild.providers.push import push_interpreter
from jitbuild.provision import Provisioner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.registry.client import connect
from jitbuild.registry.documents import (
    ImageIndex,
    decode_document,
    descriptors_of,
    digest_of,
    encode,
)
from jitbuild.registry.interpreters import TARGET
from jitbuild.registry.repository import Repository
from jitbuild.request import Axes, parse
from jitbuild.store.store import Store

REPOSITORY = Repository("https", SERVER, "a/b")
TAG = "3.15.2-jit-fast"


@pytest.fixture
def registry():
    return FakeRegistry()


@pytest.fixture
def origin(tmp_path):
    return Store(tmp_path / "origin")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def provisioner(store, provider=None, registry=None, reporter=None, **options):
    return Provisioner(
        store,
        load_catalog(),
        BuildOptions(**options),
        reporter or RecordingReporter(),
        provider=provider or FakeProvider(),
        registry=registry,
        probe=fake_probe,
        missing_modules=missing_modules,
        repairer=REPAIRER,
        this_host=lambda: HOST,
    )


def built(store, content=None):
    return provisioner(store, FakeProvider(content)).ensure(parse("3.15.2"), Axes())


def push(registry, interpreter, store):
    with connect(REPOSITORY, effects=registry.effects) as client:
        return push_interpreter(interpreter, client, store, RecordingReporter())


def complaints(reporter):
    """Return the warnings about the registry; others may be about known bugs of the release."""
    return [text for text in reporter.warnings if "registry" in text]


def provider_of(registry, locked=lambda _: None):
    connecting = functools.partial(connect, effects=registry.effects)
    return RegistryProvider(repository=REPOSITORY, locked=locked, connect=connecting)


@pytest.fixture
def pushed(registry, origin):
    return push(registry, built(origin), origin)


def pull(store, registry, *, locked=lambda _: None, reporter=None, **options):
    """Install 3.15.2, and return the interpreter and how often it was built."""
    provider = FakeProvider()
    through = provider_of(registry, locked)
    provisioning = provisioner(store, provider, through, reporter, **options)
    return provisioning.ensure(parse("3.15.2"), Axes()), len(provider.tasks)


def test_a_pulled_interpreter_is_proven_and_not_built(store, origin, registry, pushed):
    interpreter, builds = pull(store, registry)
    old = origin.installed()[0]
    assert builds == 0
    assert interpreter.state == "proven"
    assert interpreter.key == old.key
    assert interpreter.instance != old.instance
    assert interpreter.manifest.source == old.manifest.source
    assert interpreter.manifest.toolchain == old.manifest.toolchain
    record = interpreter.manifest.imported
    assert record.file == f"{REPOSITORY}@{pushed.digest}"
    assert record.built == old.created
    assert set(interpreter.manifest.times) == {"download", "unpack", "probe", "total"}
    assert store.scratch_folders() == []


def test_a_pull_needs_space_for_the_archive_and_its_content(store, registry, pushed):
    size = max(len(blob) for blob in registry.blobs.values())
    effects = replace(registry.effects, free_space=lambda folder: 2 * size)
    through = RegistryProvider(
        repository=REPOSITORY, connect=functools.partial(connect, effects=effects)
    )
    with pytest.raises(DiskFullError, match="are needed, and"):
        provisioner(store, registry=through).ensure(parse("3.15.2"), Axes())
    assert store.installed() == []
    assert store.scratch_folders() == []


def test_the_same_interpreter_has_one_digest(registry, origin, pushed):
    again = push(registry, origin.installed()[0], origin)
    assert again == pushed
    assert pushed.tags[0] == TAG


def test_what_was_pulled_keeps_its_digest(registry, store, pushed):
    """Its archive would be another one: it has the paths of this store, and this date."""
    pulled, _ = pull(store, registry)
    before = dict(registry.documents)
    del registry.documents[TAG], registry.documents[pushed.tags[1]]
    assert push(registry, pulled, store) == pushed
    assert registry.documents == before


def test_what_was_pulled_is_uploaded_if_the_registry_has_lost_it(registry, store, pushed):
    pulled, _ = pull(store, registry)
    registry.blobs.clear()
    assert push(registry, pulled, store).digest != pushed.digest


@pytest.mark.parametrize("target", [None, "aarch64-macos"])
def test_a_pulled_document_that_names_another_target_is_not_pushed(registry, store, pushed, target):
    kind, content = registry.documents[pushed.digest]
    document = decode_document(content, TAG)
    document.annotations.pop(TARGET)
    if target:
        document.annotations[TARGET] = target
    foreign = encode(document)
    for reference in (pushed.tags[1], digest_of(foreign)):
        registry.documents[reference] = (kind, foreign)
    pulled, _ = pull(store, registry)
    assert pulled.manifest.imported.file.endswith(digest_of(foreign))
    del registry.documents[TAG]
    assert push(registry, pulled, store).digest != digest_of(foreign)
    index = decode_document(registry.documents[TAG][1], TAG)
    assert [each.annotations[TARGET] for each in index.manifests] == [pulled.manifest.target]


def test_what_the_store_has_is_not_asked_for(store, registry, pushed):
    built(store)
    before = len(registry.requests)
    _, builds = pull(store, registry)
    assert builds == 0
    assert len(registry.requests) == before


def test_what_is_missing_is_built(store, registry, reporter):
    _, builds = pull(store, registry, reporter=reporter)
    assert builds == 1
    assert complaints(reporter) == []


def test_reinstall_builds(store, registry, pushed):
    assert pull(store, registry, reinstall=True)[1] == 1


@pytest.mark.parametrize("failure", [httpx.Response(403), httpx.ConnectError("refused")])
def test_a_registry_that_fails_is_replaced_by_a_build(store, failure, reporter):
    registry = FakeRegistry(failing="", failures=99, failure=failure)
    assert pull(store, registry, reporter=reporter)[1] == 1
    assert len(complaints(reporter)) == 1


def test_an_interpreter_that_does_not_run_here_is_replaced_by_a_build(
    store, origin, registry, reporter, pushed
):
    old = origin.installed()[0]
    old.executable.write_text("broken")
    push(registry, old, origin)
    interpreter, builds = pull(store, registry, reporter=reporter)
    assert builds == 1
    assert interpreter.state == "proven"
    assert "SIGSEGV" in complaints(reporter)[0]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (None, MissingError),
        (httpx.Response(403), RegistryError),
        (httpx.ConnectError("refused"), DownloadError),
    ],
)
def test_a_pull_never_builds(store, failure, error):
    registry = FakeRegistry(failing="", failures=99 if failure else 0, failure=failure)
    provider = FakeProvider()
    provisioning = provisioner(store, provider, provider_of(registry), pull_only=True)
    with pytest.raises(error):
        provisioning.ensure(parse("3.15.2"), Axes())
    assert provider.tasks == []
    assert store.installed() == []


@pytest.mark.parametrize("content", ["3.15.2 no", "broken"])
def test_a_pulled_interpreter_must_pass_its_proof(store, origin, registry, pushed, content):
    old = origin.installed()[0]
    old.executable.write_text(content)
    push(registry, old, origin)
    with pytest.raises(ProofError, match="was pulled, but ") as caught:
        pull(store, registry, pull_only=True)
    assert "newest log" not in str(caught.value)  # there is none
    assert store.installed() == []
    assert store.scratch_folders() == []


@pytest.mark.parametrize("part", ["blob", "document"])
def test_what_was_tampered_with_is_refused_and_not_built(store, registry, pushed, part):
    if part == "blob":
        digest = max(registry.blobs, key=lambda each: len(registry.blobs[each]))
        registry.blobs[digest] = registry.blobs[digest][:-1] + b"x"
        error, locked = IntegrityError, None
    else:
        kind, content = registry.documents[pushed.digest]
        registry.documents[pushed.digest] = (kind, content.replace(b"3.15.2", b"3.15.1"))
        error, locked = IntegrityError, pushed.digest
    with pytest.raises(error):
        pull(store, registry, locked=lambda _: locked)
    assert store.installed() == []


def test_an_archive_that_is_none_is_refused(store, origin, registry, pushed):
    digest = max(registry.blobs, key=lambda each: len(registry.blobs[each]))
    document = registry.documents[pushed.digest][1].replace(
        digest.encode(),
        b"sha256:" + b"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    )
    size = len(registry.blobs[digest])
    document = document.replace(f'"size":{size}'.encode(), b'"size":2')
    registry.documents[pushed.tags[1]] = (registry.documents[pushed.digest][0], document)
    with pytest.raises(ArchiveError) as caught:
        pull(store, registry)
    assert f"{REPOSITORY}@sha256:" in caught.value.what
    assert "scratch" not in caught.value.what
    assert caught.value.remedy == "Push the interpreter again."
    assert store.installed() == []
    assert store.scratch_folders() == []


def test_another_interpreter_is_not_accepted(store, tmp_path, registry, reporter, pushed):
    other = Store(tmp_path / "other")
    wrong = provisioner(other).ensure(parse("3.15.0"), Axes())
    pushed_wrong = push(registry, wrong, other)
    registry.documents[pushed.tags[1]] = registry.documents[pushed_wrong.tags[1]]
    with pytest.raises(RegistryError, match="and not cpython-3"):
        pull(store, registry, pull_only=True)
    _, builds = pull(store, registry, reporter=reporter)
    assert builds == 1


# Lock files.


def test_a_locked_digest_is_pulled_even_if_the_tag_moved(store, origin, tmp_path, registry, pushed):
    other = Store(tmp_path / "other")
    moved = push(registry, built(other), other)
    assert moved.digest != pushed.digest
    interpreter, _ = pull(store, registry, locked=lambda _: pushed.digest)
    assert interpreter.manifest.imported.file.endswith(pushed.digest)


def test_a_request_is_that_for_the_locked_release(store, tmp_path, registry):
    """A newer release that the recipes know does not change what a project gets."""
    other = Store(tmp_path / "other")
    old = provisioner(other).ensure(parse("3.15.0"), Axes())
    push(registry, old, other)
    through = replace(provider_of(registry), pinned=lambda request, _: parse("3.15.0"))
    provisioning = provisioner(store, registry=through, pull_only=True)
    assert provisioning.ensure(parse("3.15"), Axes()).version == "3.15.0"


def test_a_locked_digest_that_is_gone_is_an_error_with_both(store, registry, pushed):
    locked = f"sha256:{'0' * 64}"
    with pytest.raises(IntegrityError) as caught:
        pull(store, registry, locked=lambda _: locked)
    assert locked in str(caught.value)
    assert pushed.digest in str(caught.value)
    assert store.installed() == []


# Pushing.


# From GitLab's list of supported media types; its registry refuses all others.
KNOWN_TYPES = {
    "application/octet-stream",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.unknown.config.v1+json",
}


def test_all_registries_know_the_types(registry, pushed):
    contents = [json.loads(content) for _, content in registry.documents.values()]
    assert {type_ for content in contents for type_ in types_in(content)} <= KNOWN_TYPES


def types_in(document):
    """Return the types of a document and of everything that it refers to."""
    inner = [
        document.get("config", {}),
        *document.get("layers", ()),
        *document.get("manifests", ()),
    ]
    names = ("mediaType", "artifactType")
    return {each[name] for each in (document, *inner) for name in names if name in each}


def unfinished(registry: FakeRegistry) -> list[str]:
    """Return the tags that lead to a document or a blob which the registry does not have."""
    broken = []
    for tag, (_, content) in registry.documents.items():
        document = decode_document(content, tag)
        known = registry.documents if isinstance(document, ImageIndex) else registry.blobs
        broken += [tag for each in descriptors_of(document) if each.digest not in known]
    return broken


def test_a_push_that_ends_at_any_request_leaves_no_half_artifact(origin):
    interpreter = built(origin)
    whole = FakeRegistry(auth="bearer")
    with pytest.raises(RegistryError):
        push(whole, interpreter, origin)  # no credentials
    whole = FakeRegistry()
    expected = push(whole, interpreter, origin)
    count = len(whole.requests)
    assert count > 8
    for number in range(count):
        registry = FakeRegistry(ends_at=number)
        with pytest.raises(KeyboardInterrupt):
            push(registry, interpreter, origin)
        assert unfinished(registry) == []
        registry.ends_at = None
        assert push(registry, interpreter, origin) == expected
        assert registry.documents == whole.documents
        assert origin.scratch_folders() == []


def test_an_index_that_another_process_wrote_meanwhile_keeps_both(origin, registry):
    """Another target's build writes its own index between our reading and our writing."""
    interpreter = built(origin)
    other = FakeRegistry()
    push(other, interpreter, origin)
    kind, content = other.documents[TAG]
    theirs = content.replace(b"x86_64-linux-gnu", b"aarch64-linux-gnu").replace(b"amd64", b"arm64")
    manifest = decode_document(content, TAG).manifests[0].digest
    changed = manifest.replace("sha256:", "sha256:0")[:71]
    theirs = theirs.replace(manifest.encode(), changed.encode())
    registry.overwrites = {TAG: (kind, theirs)}
    push(registry, interpreter, origin)
    index = decode_document(registry.documents[TAG][1], TAG)
    assert [each.annotations[TARGET] for each in index.manifests] == [
        "aarch64-linux-gnu",
        "x86_64-linux-gnu",
    ]


def test_a_registry_that_refuses_a_push_is_noticed_before_packing(origin):
    """A registry that everybody may read asks for credentials only when something is uploaded."""
    interpreter, reporter = built(origin), RecordingReporter()
    registry = FakeRegistry(failing="/uploads/", failures=1, failure=httpx.Response(403))
    with connect(REPOSITORY, effects=registry.effects) as client, pytest.raises(RegistryError):
        push_interpreter(interpreter, client, origin, reporter)
    assert registry.sent("POST") == ["/v2/a/b/blobs/uploads/"]
    assert reporter.titles == []


def test_an_adopted_interpreter_is_not_pushed(origin, registry, tmp_path):
    import stores

    program = tmp_path / "python"
    program.write_text("3.15.2 yes-off")
    with pytest.raises(UsageError, match="was adopted"):
        push(registry, stores.put(origin, program=program), origin)
    assert registry.requests == []


def test_a_foreign_tag_is_not_replaced(origin, registry, pushed):
    registry.documents[TAG] = registry.documents[pushed.digest]
    with pytest.raises(RegistryError, match="is not an index"):
        push(registry, origin.installed()[0], origin)


def test_what_was_built_is_pushed_if_asked(store, registry):
    pull(store, registry, push=True)
    assert TAG in registry.documents


def test_a_registry_that_refuses_a_push_is_noticed_before_the_build(store):
    registry = FakeRegistry(failing="/uploads/", failures=1, failure=httpx.Response(403))
    provider = FakeProvider()
    provisioning = provisioner(store, provider, provider_of(registry), push=True)
    with pytest.raises(RegistryError, match="refused an upload: HTTP 403"):
        provisioning.ensure(parse("3.15.2"), Axes())
    assert provider.tasks == []


def test_a_push_that_fails_after_the_build_says_how_to_repeat_it(store):
    registry = FakeRegistry(failing=f"/{TAG}", failures=1, failure=httpx.Response(403))
    with pytest.raises(RegistryError, match="HTTP 403") as caught:
        pull(store, registry, push=True)
    (interpreter,) = store.installed()
    command = f"jitbuild push {interpreter.name} {REPOSITORY}"
    assert caught.value.remedy == f"{interpreter.name} is in the store. To push it, run: {command}"
    reporter = RecordingReporter()
    for upgrade in (False, True):
        pull(store, registry, push=True, upgrade=upgrade, reporter=reporter)
        assert TAG not in registry.documents
        assert reporter.notes.pop().endswith(command)


def test_what_was_pulled_is_not_pushed_again(store, registry, pushed):
    before = len(registry.sent("PUT"))
    pull(store, registry, push=True)
    assert len(registry.sent("PUT")) == before


def test_the_command_that_pushes_what_the_store_has_is_named(store, registry, reporter):
    name = built(store).name
    options = BuildOptions(push=True, registry="h.test/a")
    asking = replace(provisioner(store, registry=provider_of(registry)), options=options)
    replace(asking, reporter=reporter).ensure(parse("3.15.2"), Axes())
    assert reporter.notes[-1].endswith(f"To push it, run: jitbuild push {name} {REPOSITORY}")
    assert registry.requests == []


@pytest.mark.parametrize(
    ("prebuilt", "how"), [(None, "built"), (object(), "downloaded from its builder")]
)
def test_a_note_says_what_replaces_the_registry(reporter, prebuilt, how):
    plan = SimpleNamespace(prefix_name="a", prebuilt=prebuilt)
    report(MissingError("", remedy=""), plan, reporter)
    assert reporter.notes == [f"The registry does not have a, so it is {how}."]


@pytest.mark.parametrize("option", ["push", "pull_only"])
def test_a_registry_must_be_named(option):
    with pytest.raises(UsageError, match="No registry is named"):
        registry_provider(BuildOptions(**{option: True}))


def test_without_a_registry_there_is_no_provider(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert registry_provider(BuildOptions()) is None
    assert registry_provider(BuildOptions(registry="h.test/a")).repository.name == "a"


def test_a_variant_of_stencils_is_refused(run):
    code, _, err = run("push", "--stencils", "--profile", "release", "127.0.0.1:1/a")
    assert code == 2
    assert "A variant is stated, but no interpreter." in err
