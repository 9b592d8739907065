"""The artifacts of interpreters: their tags, their annotations, and the index of their targets.

An interpreter is a manifest with one layer, the archive that `jitbuild export` writes. Two tags
lead to it. The readable one, such as `3.15.2-jit-release`, names an image index, which has one
manifest for each target. The other one is made from the plan's key, and names the manifest itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jitbuild.errors import RegistryError
from jitbuild.registry.documents import (
    Descriptor,
    ImageIndex,
    ImageManifest,
    Platform,
    describe,
    own_artifact,
)

if TYPE_CHECKING:
    from jitbuild.store.manifest import Manifest, ToolchainRecord

INTERPRETER = "interpreter"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"
# Annotations of an artifact, and of its entry in an index. jitbuild reads TARGET; all others are
# for people.
TARGET, NAME, KEY = "jitbuild.target", "jitbuild.name", "jitbuild.key"
_OF_ENTRIES = (TARGET, NAME, KEY)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SYSTEMS = {"linux": "linux", "macos": "darwin", "windows": "windows"}


def readable_tag(manifest: Manifest) -> str:
    """Return the tag that people use for an interpreter, such as `3.15.2-jit-release`.

    Custom builds of one version differ in their arguments or patches, so their tag ends with a part
    of the key.
    """
    name = manifest.name.removeprefix("cpython-")
    return name if manifest.variant.to_variant().is_custom else name.rpartition("-")[0]


def key_tag(key: str) -> str:
    """Return the tag of the interpreter that a plan with the key `key` describes."""
    return f"key-{key}"


def interpreter_artifact(manifest: Manifest, layer: Descriptor) -> ImageManifest:
    """Return the artifact of the interpreter with `manifest`, whose archive is `layer`."""
    return own_artifact(INTERPRETER, (layer,), _annotations(manifest))


def names_interpreter(document: ImageManifest, manifest: Manifest) -> bool:
    """Return True if `document` has the annotations of an entry for this interpreter in an index.

    A document that was pulled may come from anywhere, so it may lack them or name another one.
    """
    stated, expected = document.annotations, _annotations(manifest)
    return all(stated.get(name) == expected.get(name) for name in _OF_ENTRIES)


def with_target(index: ImageIndex, document: ImageManifest) -> ImageIndex:
    """Return `index` with the artifact `document` in place of that of the same target."""
    target = document.annotations[TARGET]
    entry = msgspec.structs.replace(
        describe(document),
        platform=_platform(target),
        annotations={name: document.annotations[name] for name in _OF_ENTRIES},
    )
    others = [each for each in index.manifests if each.annotations.get(TARGET) != target]
    entries = sorted([*others, entry], key=lambda each: each.annotations.get(TARGET, ""))
    return ImageIndex(manifests=tuple(entries), annotations=index.annotations)


def layer_of(document: ImageManifest, shown: str) -> Descriptor:
    """Return the archive in the artifact `document`; `shown` names it in messages.

    Raises RegistryError if it is not the artifact of an interpreter.
    """
    if document.kind == INTERPRETER and len(document.layers) == 1:
        layer = document.layers[0]
        if layer.media_type == LAYER_TYPE:
            return layer
    raise RegistryError(
        f"{shown} is not an interpreter that jitbuild pushed, but"
        f" {document.kind or document.artifact_type or 'a container image'}.",
        remedy="Check the name of the repository and the tag.",
    )


def _platform(target: str) -> Platform | None:
    architecture, _, system = target.partition("-")
    go_system = _SYSTEMS.get(system.partition("-")[0])
    if architecture not in _ARCHITECTURES or go_system is None:
        return None
    return Platform(architecture=_ARCHITECTURES[architecture], os=go_system)


def _annotations(manifest: Manifest) -> dict[str, str]:
    variant, jit = manifest.variant, manifest.verdict.jit
    size = jit.machine_code_bytes if jit else 0
    texts = {
        "org.opencontainers.image.title": f"{manifest.name}.tar.zst",
        "org.opencontainers.image.version": manifest.version,
        NAME: manifest.name,
        KEY: manifest.key,
        TARGET: manifest.target or "",
        "jitbuild.instance": manifest.instance,
        "jitbuild.jit": variant.jit,
        "jitbuild.profile": variant.profile,
        "jitbuild.verdict": f"proven, {size} bytes of machine code" if size else "proven",
        **(_toolchain(manifest.toolchain) if manifest.toolchain else {}),
    }
    return {name: text for name, text in texts.items() if text}


def _toolchain(record: ToolchainRecord) -> dict[str, str]:
    llvm = f"{record.llvm.version}" if record.llvm else ""
    return {
        "jitbuild.compiler": record.compiler,
        "jitbuild.libc": record.libc,
        "jitbuild.llvm": llvm,
    }
