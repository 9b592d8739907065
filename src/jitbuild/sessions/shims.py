"""Shims: scripts that start an interpreter.

nox needs the path of a Python when it loads the noxfile, before the interpreter is known. jitbuild
gives it the path of a shim, and writes the shim later.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.system.exec_script import exec_script
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from jitbuild.request import Jit
    from jitbuild.sessions.interpreter_request import InterpreterRequest
    from jitbuild.store.interpreter import Interpreter

_FILE_NAME = "python" if os.name == "posix" else "python.cmd"
_UNSAFE = re.compile(r"[^\w.]+")


class SessionInterpreter(NamedTuple):
    """The interpreter that a shim starts. Every build or adoption has a different `instance`."""

    name: str
    version: str
    executable: str
    instance: str
    jit: Jit

    @classmethod
    def of(cls, interpreter: Interpreter) -> SessionInterpreter:
        """Return the record of an interpreter of the store."""
        return cls(
            name=interpreter.name,
            version=interpreter.version,
            executable=str(interpreter.executable),
            instance=interpreter.instance,
            jit=interpreter.variant.jit,
        )


def shim_path(request: InterpreterRequest, envdir: Path) -> Path:
    """Return the path of the shim for `request` in `envdir`, nox's folder of environments."""
    slug = _UNSAFE.sub("-", request.key)
    if slug != request.key:
        import hashlib

        slug = f"{slug}-{hashlib.sha256(request.key.encode()).hexdigest()[:8]}"
    return envdir / ".jitbuild" / slug / _FILE_NAME


def write_shim(shim: Path, interpreter: SessionInterpreter) -> None:
    """Write the script `shim`, which starts `interpreter`, unless it already does.

    The shim is a script and not a link, because a Python that is started through a link searches
    for its standard library beside the link. The Pythons of its venvs do the same. If the
    interpreter changes, the file is replaced: nox and virtualenv cache facts about a path, and a
    new modification time makes them read the facts again.
    """
    if read_shim(shim) == interpreter:
        return
    from jitbuild.system.files import store_errors, write_atomically

    script = exec_script(interpreter.executable, comment=json.dumps(interpreter._asdict()))
    with store_errors(shim):
        shim.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(shim, script, mode=0o755)


def read_shim(shim: Path) -> SessionInterpreter | None:
    """Return the interpreter that `shim` starts; None if there is no valid shim."""
    try:
        lines = shim.read_text(encoding="utf-8").splitlines()
        record = next(line[line.index("{") :] for line in lines if "{" in line)
        return SessionInterpreter(**parse_json(record))
    except (OSError, ValueError, TypeError, StopIteration):
        return None
