"""Fill a store for a test: manifests and interpreters that were never built."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.request import Variant
from jitbuild.store import manifest as manifests
from jitbuild.store.fingerprint import Fingerprint
from jitbuild.store.interpreter import Interpreter
from jitbuild.store.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.store.store import Store

CREATED = datetime(2026, 11, 22, tzinfo=UTC)
_VARIANT_FIELDS = frozenset(field.name for field in msgspec.structs.fields(Variant))


def manifest(version: str = "3.15.2", *, ok: bool = True, **fields: Any) -> Manifest:
    """Return the manifest of a built release; `fields` are axes of its variant, or its own keys.

    `patches` is an axis; the key `patches` of the manifest is given as `patch_files`.
    """
    files = fields.pop("patch_files", None)
    axes = {name: fields.pop(name) for name in list(fields) if name in _VARIANT_FIELDS}
    variant = Variant(**axes).to_json()
    plain: dict[str, Any] = {
        "key": "k" * 64,
        "version": version,
        "adopted": False,
        "created": CREATED,
        "executable": "bin/python3",
        "variant": variant,
        "source": {"kind": "release", "digest": "d" * 64},
        "verdict": {"ok": ok, "jit": {"built": variant["jit"]}},
    }
    if files is not None:
        plain["patches"] = files
    if fields.get("adopted"):
        del plain["source"]
    return msgspec.convert(plain | fields, Manifest)


def put(
    store: Store,
    version: str = "3.15.2",
    *,
    name: str | None = None,
    content: str = "python",
    program: Path | None = None,
    **fields: Any,
) -> Interpreter:
    """Commit an interpreter that is a file with `content`; `program` registers an adopted one."""
    if program is not None:
        fingerprint = Fingerprint.of(program)
        fields = {
            "adopted": True,
            "executable": str(program),
            "fingerprint": msgspec.to_builtins(fingerprint),
            "expect": "jit",
        } | fields
    data = manifest(version, **fields)
    slug = data.variant.to_variant().slug
    threads = "t" if data.variant.free_threaded else ""
    with store.scratch() as scratch:
        staged = scratch / "staged"
        (staged / "bin").mkdir(parents=True)
        if program is None:
            (staged / data.executable).write_text(content)
            (staged / data.executable).chmod(0o755)
        return store.commit(
            staged, name or f"cpython-{version}{threads}-{slug}-{data.key[:8]}", data
        )


def rename(interpreter: Interpreter, folder: Path) -> Path:
    """Rename an interpreter's folder to `folder`, as if it had been built for that name."""
    manifests.write(
        msgspec.structs.replace(interpreter.manifest, name=folder.name), interpreter.path
    )
    return interpreter.path.rename(folder)


def edited(interpreter: Interpreter, **fields: Any) -> Interpreter:
    """Return `interpreter` with other values in its manifest, which is not written."""
    plain = interpreter.manifest.to_plain() | fields
    changed = msgspec.convert(plain, Manifest)
    return Interpreter(interpreter.path, changed, changed.variant.to_variant(changed.patches or ()))
