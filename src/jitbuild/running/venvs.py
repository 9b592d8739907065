"""An environment of its own for a comparison: virtualenv's, from the interpreter under test, with what is asked for installed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from jitbuild.errors import BuildError, UsageError
from jitbuild.modes import environment
from jitbuild.system import process
from jitbuild.system.files import store_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

_DONE = "jitbuild-environment.json"
# What was asked for without a version must not age for ever.
_SECONDS = 24 * 60 * 60
_LINES = 12
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz")


@contextlib.contextmanager
def prepared(
    store: Store,
    base: Interpreter,
    packages: Sequence[str],
    files: Sequence[Path],
    *,
    reporter: Reporter,
    runner: process.Runner = process.run,
    environ: Mapping[str, str] = os.environ,
    now: float | None = None,
) -> Iterator[Path]:
    """The Python of an environment of `base` with `packages` and the requirements of `files`; nobody else changes it meanwhile.

    It is kept in the store's `environments/`, by the interpreter's instance id and what was asked for, and made anew after a
    day, and always when it holds what can change under the same words: a path. Raises UsageError for a file that cannot be
    read, BuildError when virtualenv or pip fails.
    """
    texts = [_read(file) for file in files]
    asked = json.dumps([base.instance, list(packages), texts])
    folder = store.cache("environments") / hashlib.sha256(asked.encode()).hexdigest()[:16]
    python = folder / ("bin/python" if os.name == "posix" else "Scripts/python.exe")
    moment = time.time() if now is None else now
    with store.lock(
        f"environment-{folder.name}",
        on_wait=lambda: reporter.note(f"Waiting for {folder}, which is in use."),
    ):
        if _changes(packages, texts) or not _usable(folder, python, moment):
            with store_errors(folder):
                shutil.rmtree(folder, ignore_errors=True)
                folder.parent.mkdir(parents=True, exist_ok=True)
            # A file of the store's own is known by its folder; the way there says nothing to the person.
            shown = [
                "/".join(file.parts[-2:]) if file.is_relative_to(store.root) else str(file)
                for file in files
            ]
            with reporter.stage(
                f"{base.name}: an environment with {' '.join([*packages, *shown])}"
            ):
                _make(base, folder, python, packages, files, runner=runner, environ=environ)
            with store_errors(folder):
                (folder / _DONE).write_text(asked, encoding="utf-8")
        yield python


def reason(error: BuildError) -> str:
    """The line of what failed that says the most: the last that pip calls an ERROR, since its `error:` is a word for programs."""
    lines = [line.strip() for line in error.what.splitlines()]
    named = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (named or lines)[-1]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"The requirements {file} cannot be read: {reason}.", remedy="Check the path."
        ) from error


def _changes(packages: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether something asked for is not a name on an index: a folder, an archive, a URL, or another file's requirements."""
    lines = [
        *packages,
        *(line.split("#")[0].strip() for text in texts for line in text.splitlines()),
    ]
    return any(
        line.startswith(("-", ".")) or "/" in line or "\\" in line or line.endswith(_ARCHIVES)
        for line in lines
    )


def _usable(folder: Path, python: Path, now: float) -> bool:
    try:
        return python.exists() and now - (folder / _DONE).stat().st_mtime < _SECONDS
    except OSError:
        return False


def _make(
    base: Interpreter,
    folder: Path,
    python: Path,
    packages: Sequence[str],
    files: Sequence[Path],
    *,
    runner: process.Runner,
    environ: Mapping[str, str],
) -> None:
    # Without the JIT: what goes wrong with it is what the comparison is to find out.
    env = environment(
        "off",
        {
            name: value
            for name, value in environ.items()
            if name not in {"PYTHONHOME", "PYTHONPATH"}
        },
    )
    virtualenv = [
        sys.executable,
        "-m",
        "virtualenv",
        "--quiet",
        "--no-download",
        "-p",
        str(base.executable),
        str(folder),
    ]
    _step("virtualenv", virtualenv, env, runner)
    # `-e.` is one word that is two.
    wanted = [
        word
        for package in packages
        for word in (["-e", package[2:].strip()] if package.startswith("-e") else [package])
    ]
    required = [word for file in files for word in ("-r", str(file))]
    _step(
        "pip",
        [str(python), "-m", "pip", "install", "--disable-pip-version-check", *required, *wanted],
        env,
        runner,
    )


def _step(name: str, argv: Sequence[str], env: Mapping[str, str], runner: process.Runner) -> None:
    done = runner(argv, env=env)
    if not done.ok:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][
            -_LINES:
        ]
        said = "\n".join(f"  {line}" for line in lines)
        raise BuildError(
            f"The environment cannot be made: {name} ended with {done.returncode}.\n{said}",
            remedy="Correct what --with and --requirements ask for, or pip's settings.",
        )
