"""What the setup-jitbuild action does between two steps of YAML: the cache's key, what was restored, what later steps need.

The action is .github/actions/setup-jitbuild; `jitbuild ci` calls this.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, NamedTuple

from jitbuild import api
from jitbuild.errors import InterpreterError
from jitbuild.probing.runner import probe
from jitbuild.request import Axes, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from jitbuild.planning.plan import Plan
    from jitbuild.probing.facts import Expect
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter
    from jitbuild.target import Host

    Prober = Callable[[Interpreter], str]
    Ensure = Callable[[str], Interpreter]

# Beside jitbuild in its own environment, and wanted on PATH without the rest of it.
_PROGRAMS = ("jitbuild", "nox")


class Key(NamedTuple):
    """Where the CI's cache keeps interpreters: under `key`, which names all that must be alike, the folders `paths`."""

    key: str
    paths: tuple[str, ...]


class Provided(NamedTuple):
    """An interpreter for each request, in their order, and whether any was built just now."""

    interpreters: dict[str, Interpreter]
    built: bool


def key(
    made: Sequence[Plan], store: Store, host: Host, environ: Mapping[str, str] = os.environ
) -> Key:
    """The key of the interpreters of `made` in `store`: their plans, the runner's image, libc, and the store's path.

    Installed interpreters name their prefix, and run on the libc that they were linked against. The image is the runner's
    (ImageOS), elsewhere the distribution; its weekly version is left out, as what a new one breaks is found by the probe.
    """
    image = environ.get("ImageOS") or "-".join(host.distro[:1]) or host.target.system
    facts = [sorted({plan.key for plan in made}), image, host.libc, str(store.root)]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    folders = dict.fromkeys(str(store.interpreters / plan.prefix_name) for plan in made)
    return Key(key=f"jitbuild-{host.target}-{image}-{digest[:16]}", paths=tuple(folders))


def failure(found: Interpreter) -> str:
    """Why an interpreter of the store is not what it was when it was kept; empty when it is."""
    expect: Expect = found.manifest.expect or found.variant.jit
    threads = found.variant.free_threaded
    try:
        verdict = probe(
            found.executable,
            expect=expect,
            version=found.version,
            free_threaded=threads,
            modules=not found.adopted,
        )
    except InterpreterError as error:
        return error.what
    if lost := set(verdict.missing or ()) - set(found.manifest.verdict.missing):
        return f"It lacks the modules {', '.join(sorted(lost))}."
    return "" if verdict.ok else verdict.reason


def provide(
    specs: Iterable[str],
    store: Store,
    reporter: Reporter,
    *,
    ensure: Ensure,
    prober: Prober = failure,
) -> Provided:
    """Probe what the store has for `specs`, remove what fails, and have `ensure` install what is missing."""
    interpreters: dict[str, Interpreter] = {}
    specs = list(specs)
    for spec in specs:
        _remove_failing(spec, store, reporter, prober)
    before = {found.instance for found in store.installed()}
    for spec in specs:
        interpreters[spec] = ensure(spec)
    return Provided(
        interpreters, built=any(found.instance not in before for found in interpreters.values())
    )


def _remove_failing(spec: str, store: Store, reporter: Reporter, prober: Prober) -> None:
    """Remove, best first, what would be taken for `spec` and does not hold, until one does or none is left."""
    request = parse(spec)
    axes = api.defaulted(Axes(), request) if request.is_version else Axes()
    axes = axes.wanting_machine_code(request)  # as `ensure` does
    while (found := store.find(request, axes)) is not None:
        reason = prober(found)
        if not reason:
            reporter.note(f"{found.name} still is what was proven.")
            return
        reporter.warn(
            f"{found.name} is removed from the store, for it is no longer what was proven. {reason}"
        )
        store.remove(found)


def folders(interpreters: Iterable[Interpreter], *, windows: bool = os.name == "nt") -> list[str]:
    """The folders that make the interpreters' programs found, the first one's first."""
    bins = [found.executable.parent for found in interpreters]
    return list(
        dict.fromkeys(
            str(path) for each in bins for path in ([each, each / "Scripts"] if windows else [each])
        )
    )


def programs(beside: Path, folder: Path) -> Path:
    """A folder with copies of jitbuild's and nox's programs alone, so that the Python they run in stays off PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _PROGRAMS:
        for found in (beside / name, beside / f"{name}.exe"):
            if found.is_file():
                shutil.copy2(found, folder)
    return folder


def outputs(provided: Provided) -> dict[str, str]:
    """What the action hands on: every executable by its request, as JSON; the first one; whether any was built."""
    paths = {spec: str(found.executable) for spec, found in provided.interpreters.items()}
    return {
        "pythons": json.dumps(paths),
        "python": next(iter(paths.values())),
        "built": str(provided.built).lower(),
    }


def write(facts: Mapping[str, str], file: Path | None) -> str:
    """Append `name=value` lines to `file`, a $GITHUB_OUTPUT; the text is returned, too.

    A value with several lines stands between two words that nobody can guess, so that none of it is read as another output.
    """
    lines = []
    for name, value in facts.items():
        if "\n" in value:
            mark = f"end-{secrets.token_hex(16)}"
            lines.append(f"{name}<<{mark}\n{value}\n{mark}\n")
        else:
            lines.append(f"{name}={value}\n")
    text = "".join(lines)
    if file is not None:
        _append(file, text)
    return text


def add_to_path(first_to_last: Sequence[str], file: Path) -> None:
    """Append folders to `file`, a $GITHUB_PATH: of its lines, the last one comes first on PATH."""
    _append(file, "".join(f"{folder}\n" for folder in reversed(first_to_last)))


def _append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
