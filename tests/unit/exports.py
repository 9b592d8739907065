"""Interpreters to export, archives of them, and archives that no export would write."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import stores
import tomli_w
from provision_fakes import HOST, fake_probe, missing_modules

from jitbuild.providers.importing import Importer
from jitbuild.store import manifest as manifests
from jitbuild.system.archives.zstd import compressed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store

ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
pytest.importorskip(ZSTD, reason="needs zstd")

KEY = "0123abcd" * 8
NAME = "cpython-3.15.2-jit-fast-0123abcd"
FOLDER = f"/elsewhere/interpreters/{NAME}"


def put(store: Store, content: str = "3.15.2 yes-off", **fields: Any) -> Interpreter:
    """Put an interpreter into the store that has files as a real one, and can be exported."""
    fields = {"key": KEY, "target": HOST.target.name, **fields}
    interpreter = stores.put(store, content=content, **fields)
    prefix = interpreter.path
    files = {
        "bin/pip": f"#!{prefix}/bin/python3\nimport pip\n",
        "lib/python3.15/os.py": "name = 'posix'\n",
        "lib/python3.15/_sysconfigdata__linux_.py": f"x = {{'prefix': '{prefix}'}}\n",
        "lib/python3.15/empty/__init__.py": "",
    }
    for name, text in files.items():
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text(text)
    (prefix / "bin/pip").chmod(0o700)
    (prefix / "bin/python").symlink_to("python3")
    (prefix / "include").mkdir()
    verdict = msgspec.structs.replace(
        interpreter.manifest.verdict, executable=str(interpreter.executable)
    )
    manifest = msgspec.structs.replace(interpreter.manifest, verdict=verdict)
    manifests.write(manifest, prefix)
    written = store.get(interpreter.path.name)
    assert written is not None
    return written


def add_bytecode(source: Path, created: float, *, flags: int = 0) -> Path:
    """Write bytecode of `source`, of the time `created`, that Python would use."""
    status = source.stat()
    header = b"magi" + flags.to_bytes(4, "little")
    header += int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
    path = source.parent / "__pycache__" / f"{source.stem}.cpython-315.pyc"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(header + b"code")
    os.utime(path, (created, created))
    return path


def plain_manifest(**fields: Any) -> dict[str, Any]:
    """Return the manifest of an interpreter that was exported elsewhere, as TOML values."""
    manifest = stores.manifest(key=KEY, target=HOST.target.name, **fields).to_plain()
    executable = f"{FOLDER}/{manifest['executable']}"
    return manifest | {
        "name": NAME,
        "instance": "i" * 32,
        "verdict": manifest["verdict"] | {"executable": executable},
    }


def forged(path: Path, manifest: Mapping[str, Any] | bytes, *more: tarfile.TarInfo) -> Path:
    """Write an archive with a manifest, a program that can be probed, and the members `more`."""
    content = manifest if isinstance(manifest, bytes) else tomli_w.dumps(manifest).encode()
    files = {
        f"{NAME}/{manifests.FILE}": content,
        f"{NAME}/bin/python3": b"3.15.2 yes-off",
    }
    with (
        path.open("wb") as file,
        compressed(file, level=1) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for name, text in files.items():
            tar.addfile(_member(name, size=len(text)), io.BytesIO(text))
        for member in more:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def _member(name: str, **fields: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode = 0o755
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def importer(store: Store, **effects: Any) -> Importer:
    """Return an Importer that reads programs as the fakes of the provisioner do."""
    fakes: dict[str, Any] = {
        "probe": fake_probe,
        "missing_modules": missing_modules,
        "this_host": lambda: HOST,
    }
    return Importer(store=store, **fakes | effects)
