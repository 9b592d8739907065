"""The artifacts of interpreters: tags, annotations, and one index for all targets of a build."""

from __future__ import annotations

import pytest
import stores

from jitbuild.errors import RegistryError
from jitbuild.registry.documents import (
    Descriptor,
    ImageIndex,
    artifact,
    digest_of,
    encode,
    own_artifact,
)
from jitbuild.registry.interpreters import (
    KEY,
    LAYER_TYPE,
    NAME,
    TARGET,
    interpreter_artifact,
    key_tag,
    layer_of,
    readable_tag,
    with_target,
)

LAYER = Descriptor(media_type=LAYER_TYPE, digest=digest_of(b"x"), size=1)
LINUX, MACOS = "x86_64-linux-gnu", "aarch64-macos"


@pytest.fixture
def manifest_of(store):
    def put(target: str = LINUX, **options):
        interpreter = stores.put(store, "3.15.2", key="k" * 64, target=target, **options)
        return interpreter.manifest

    return put


def test_people_and_machines_have_a_tag_each(manifest_of):
    manifest = manifest_of()
    assert readable_tag(manifest) == "3.15.2-jit-fast"
    assert key_tag(manifest.key) == f"key-{'k' * 64}"


def test_custom_builds_of_one_version_have_different_tags(manifest_of):
    manifest = manifest_of(configure_args=("--with-dtrace",))
    assert readable_tag(manifest) == "3.15.2-jit-fast-custom-kkkkkkkk"


def test_the_annotations_tell_what_it_is(manifest_of):
    annotations = interpreter_artifact(manifest_of(), LAYER).annotations
    assert annotations[NAME] == "cpython-3.15.2-jit-fast-kkkkkkkk"
    assert annotations[KEY] == "k" * 64
    assert annotations[TARGET] == LINUX
    assert annotations["org.opencontainers.image.version"] == "3.15.2"
    assert annotations["jitbuild.verdict"].startswith("proven")
    assert all(annotations.values())


def test_an_index_has_one_entry_for_each_target(manifest_of):
    linux = interpreter_artifact(manifest_of(), LAYER)
    macos = interpreter_artifact(manifest_of(MACOS), LAYER)
    index = with_target(with_target(ImageIndex(), linux), macos)
    assert index == with_target(with_target(ImageIndex(), macos), linux)
    assert [each.annotations[TARGET] for each in index.manifests] == [MACOS, LINUX]
    assert [each.platform.os for each in index.manifests] == ["darwin", "linux"]
    assert index.manifests[1].digest == digest_of(encode(linux))
    assert index.manifests[1].platform.architecture == "amd64"


def test_a_new_build_replaces_the_one_of_its_target(manifest_of):
    old = interpreter_artifact(manifest_of(), LAYER)
    new = interpreter_artifact(
        manifest_of(), Descriptor(media_type=LAYER_TYPE, digest=digest_of(b"y"), size=1)
    )
    index = with_target(with_target(ImageIndex(), old), new)
    assert [each.digest for each in index.manifests] == [digest_of(encode(new))]


@pytest.mark.parametrize(
    "document",
    [
        artifact("application/vnd.other", (LAYER,), {}),
        own_artifact("interpreter", (), {}),
        own_artifact("interpreter", (LAYER, LAYER), {}),
        own_artifact(
            "interpreter",
            (Descriptor(media_type="application/gzip", digest=digest_of(b""), size=0),),
            {},
        ),
        artifact("", (), {}),
    ],
)
def test_other_artifacts_are_refused(document):
    with pytest.raises(RegistryError, match="not an interpreter that jitbuild pushed"):
        layer_of(document, "r/a:1")
