"""The two steps of the setup-jitbuild action that `jitbuild ci` runs.

The action is .github/actions/setup-jitbuild/action.yml.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild import target
from jitbuild.ci import provide_interpreters as provision
from jitbuild.ci.cache_key import cache_key
from jitbuild.ci.github_files import append_outputs, append_path, format_outputs
from jitbuild.ci.matrix import planner_of
from jitbuild.ci.matrix_sessions import product_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jitbuild.ci.provide_interpreters import Ensure, Inspect, ProvidedInterpreters
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

# Later steps need these programs. They are copied, because the folder of jitbuild's environment
# also contains a Python, which must not be on PATH.
_PROGRAMS = ("jitbuild", "nox")


def key_step(specs: Sequence[str], store: Store, environ: Mapping[str, str] = os.environ) -> str:
    """Write the outputs `key` and `path`: the cache key for `specs`, and the folders to cache.

    The outputs are appended to the file that GITHUB_OUTPUT names, and an empty string is returned.
    If the variable is not set, the outputs are returned as text to print.
    """
    host, planner = target.host(), planner_of()
    plans = [planner(session, host.target) for session in product_of(specs, ["default"])]
    key = cache_key(plans, store, host, environ)
    return _write({"key": key.key, "path": "\n".join(key.paths)}, environ)


def provide_step(
    specs: Sequence[str],
    store: Store,
    reporter: Reporter,
    ensure: Ensure,
    *,
    inspect: Inspect = provision.inspect,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Provide the interpreters for `specs`, and add them to PATH on GitHub.

    The outputs are appended to the file that GITHUB_OUTPUT names, and an empty string is returned.
    If the variable is not set, the outputs are returned as text to print.
    """
    provided = provision.provide(specs, store, reporter, ensure, inspect=inspect)
    printed = _write(outputs(provided), environ)
    if path := environ.get("GITHUB_PATH"):
        folders = path_folders(provided.interpreters.values())
        if temporary := environ.get("RUNNER_TEMP"):
            programs = Path(temporary) / "jitbuild-programs"
            folders.append(str(copy_programs(Path(sys.executable).parent, programs)))
        append_path(folders, Path(path))
    return printed


def outputs(provided: ProvidedInterpreters) -> dict[str, str]:
    """Return the outputs of the action.

    `pythons` is a JSON object that maps each request to the path of an executable, and `python` is
    the first of these paths. `built` is "true" if any was added to the store, else "false".
    """
    executables = {
        spec: str(interpreter.executable) for spec, interpreter in provided.interpreters.items()
    }
    return {
        "pythons": json.dumps(executables),
        "python": next(iter(executables.values())),
        "built": str(provided.built).lower(),
    }


def path_folders(
    interpreters: Iterable[Interpreter], *, windows: bool = os.name == "nt"
) -> list[str]:
    """Return the folders to add to PATH, in the order of the interpreters."""
    folders: dict[str, None] = {}
    for interpreter in interpreters:
        folder = interpreter.executable.parent
        folders[str(folder)] = None
        if windows:
            folders[str(folder / "Scripts")] = None
    return list(folders)


def copy_programs(source: Path, folder: Path) -> Path:
    """Copy the programs of jitbuild and nox from `source` into `folder`, and return `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _PROGRAMS:
        for program in (source / name, source / f"{name}.exe"):
            if program.is_file():
                shutil.copy2(program, folder)
    return folder


def _write(values: Mapping[str, str], environ: Mapping[str, str]) -> str:
    file = environ.get("GITHUB_OUTPUT")
    if not file:
        return format_outputs(values)
    append_outputs(values, Path(file))
    return ""
