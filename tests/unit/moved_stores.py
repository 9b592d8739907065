"""Stores that were moved: an interpreter that was installed in another folder than it is in."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import stores

from jitbuild.providers.repair import Repairer
from jitbuild.store import manifest as manifests
from jitbuild.store.store import Store

if TYPE_CHECKING:
    from jitbuild.store.interpreter import Interpreter

NAME = "cpython-3.15.2-jit-fast-kkkkkkkk"


def put_with_script(store: Store, version: str = "3.15.2", **fields: Any) -> Interpreter:
    """Put an interpreter whose manifest and script `bin/pip` name its folder."""
    interpreter = stores.put(store, version, **fields)
    verdict = msgspec.structs.replace(
        interpreter.manifest.verdict, executable=str(interpreter.executable)
    )
    manifests.write(
        msgspec.structs.replace(interpreter.manifest, verdict=verdict), interpreter.path
    )
    script = interpreter.path / "bin/pip"
    script.write_text(f"#!{interpreter.executable}\n")
    script.chmod(0o755)
    written = store.get(interpreter.path.name)
    assert written is not None
    return written


def copy(store: Store, folder: Path) -> Store:
    """Copy a store to `folder`, as `cp -a` does."""
    shutil.copytree(store.root, folder, symlinks=True)
    return Store(folder)


def start(program: Path, environ: Any) -> Any:
    """Act as the probe of an interpreter that runs and finds its library beside it."""
    return SimpleNamespace(prefix=str(program.parents[1]))


REPAIRER = Repairer(start=start, environ={})
