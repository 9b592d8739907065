"""The artifacts in a registry: interpreters by target, and stencils for the stencil cache."""

from __future__ import annotations

import httpx
import pytest
from cache_samples import FORECAST, UNITS, make_tree, read_unit, write_unit
from fake_registry import FakeRegistry

from jitbuild.building.caches.stencil_key import stencil_key
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.registry.client import connect
from jitbuild.registry.documents import Descriptor, ImageIndex, artifact, digest_of, own_artifact
from jitbuild.registry.repository import Repository
from jitbuild.registry.stencils import RegistryStencils, SharedEntry, push_stencils

REPOSITORY = Repository("https", "registry.test", "a/b")


def connecting(registry: FakeRegistry):
    return lambda: connect(REPOSITORY, effects=registry.effects)


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path / "scratch" / "source")


@pytest.fixture
def registry():
    return FakeRegistry()


@pytest.fixture
def shared(registry, reporter):
    return RegistryStencils(connect=connecting(registry), reporter=reporter)


def built(tmp_path, tree) -> tuple[StencilStore, str]:
    """Return a store with the stencils of `tree`, and their key."""
    store = StencilStore.below(tmp_path / "builder")
    key = stencil_key(tree, llvm_major=18, libc="glibc 2.36")
    write_unit(tree, UNITS["3.15"])
    store.put(tree, key, FORECAST, {"llvm": "18.1.8"})
    return store, key


def push(registry: FakeRegistry, store: StencilStore, key: str) -> str:
    content = store.entries.content(key)
    assert content is not None
    with connecting(registry)() as client:
        return push_stencils(client, SharedEntry(key, content), store.forecasts()[key])


def test_a_machine_without_stencils_gets_those_of_another(tmp_path, tree, registry, shared):
    builder, key = built(tmp_path, tree)
    push(registry, builder, key)
    store = StencilStore.below(tmp_path / "other", shared)
    entry = store.predict(FORECAST)
    assert entry is not None
    assert entry.facts["llvm"] == "18.1.8"
    other = make_tree(tmp_path / "tree")
    assert store.restore(other, key) is not None
    assert read_unit(other) == UNITS["3.15"]
    count = len(registry.requests)
    assert store.predict(FORECAST) == entry
    assert len(registry.requests) == count, "they are kept"


def test_stencils_are_found_by_their_key_alone(tmp_path, tree, registry, shared):
    builder, key = built(tmp_path, tree)
    push(registry, builder, key)
    store = StencilStore.below(tmp_path / "other", shared)
    assert store.restore(make_tree(tmp_path / "tree"), key) is not None


def test_pushing_twice_has_one_digest(tmp_path, tree, registry):
    builder, key = built(tmp_path, tree)
    assert push(registry, builder, key) == push(registry, builder, key)


def test_a_miss_is_silent(tmp_path, tree, shared, reporter):
    store = StencilStore.below(tmp_path / "other", shared)
    assert store.predict(FORECAST) is None
    assert store.restore(tree, "0" * 64) is None
    assert reporter.warnings == []


@pytest.mark.parametrize(
    "failure", [httpx.Response(403), httpx.ConnectError("refused"), httpx.Response(200)]
)
def test_a_registry_that_fails_is_a_miss_and_asked_once(tmp_path, failure, reporter):
    registry = FakeRegistry(failing="", failures=99, failure=failure)
    shared = RegistryStencils(connect=connecting(registry), reporter=reporter)
    store = StencilStore.below(tmp_path / "other", shared)
    assert store.predict(FORECAST) is None
    count = len(registry.requests)
    assert store.predict(FORECAST) is None
    assert len(registry.requests) == count
    assert len(reporter.warnings) == 1


@pytest.mark.parametrize("part", [b"UOP", b"llvm", b"jit_stencils"])
def test_changed_stencils_are_not_kept(tmp_path, tree, registry, shared, part):
    builder, key = built(tmp_path, tree)
    content = builder.entries.content(key)
    assert content is not None
    changed = content.replace(part, part[:-1] + b"x") if part in content else content[:-1]
    with connecting(registry)() as client:
        push_stencils(client, SharedEntry(key, changed), [FORECAST])
    store = StencilStore.below(tmp_path / "other", shared)
    assert store.predict(FORECAST) is None
    assert store.restore(tree, key) is None
    assert store.entries.statistics().entries == 0


def test_stencils_of_the_store_are_not_replaced_by_those_of_a_registry(
    tmp_path, tree, registry, shared
):
    builder, key = built(tmp_path, tree)
    push(registry, builder, key)
    store = StencilStore.below(tmp_path / "other", shared)
    own = {name: content + b"/* own */" for name, content in UNITS["3.15"].items()}
    write_unit(tree, own)
    store.put(tree, key, "e" * 64, {"llvm": "18.1.8"})
    entry = store.predict(FORECAST)
    assert entry is not None
    assert entry.files == own


@pytest.mark.parametrize("key", ["", "../../x", "1" * 64])
def test_stencils_of_another_key_are_not_taken(tmp_path, tree, registry, shared, key):
    builder, real = built(tmp_path, tree)
    content = builder.entries.content(real)
    assert content is not None
    layer = Descriptor(media_type="x", digest=digest_of(content), size=len(content))
    document = own_artifact("stencils", (layer,), {"jitbuild.stencils": key})
    with connecting(registry)() as client:
        client.upload(content, layer, "Uploading")
        for tag in (f"stencils-{real}", f"forecast-{FORECAST}"):
            client.put(document, tag)
    store = StencilStore.below(tmp_path / "other", shared)
    assert store.predict(FORECAST) is None
    assert store.restore(tree, real) is None


@pytest.mark.parametrize(
    "document",
    [
        ImageIndex(),
        artifact("application/vnd.test", (), {}),
        own_artifact("stencils", (), {}),
        own_artifact(
            "stencils",
            (Descriptor(media_type="x", digest=digest_of(b""), size=10**12),),
            {},
        ),
    ],
)
def test_other_artifacts_are_no_stencils(registry, shared, reporter, document):
    with connecting(registry)() as client:
        client.put(document, f"forecast-{FORECAST}")
    assert shared.by_forecast(FORECAST) is None
    assert len(reporter.warnings) == 1
