"""What several commands share: the store, the axes of a command line, an interpreter that must be there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.api import catalog, read_patch, store
from jitbuild.errors import (
    InterpreterError,
    JitbuildError,
    NotInstalledError,
    ProofError,
    RequestError,
    VariantError,
)
from jitbuild.request import Axes, Request, parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from jitbuild.store.store import Interpreter, Store
    from jitbuild.system.progress import Reporter


def axes(options: argparse.Namespace) -> Axes:
    """The axes stated on the command line."""
    return Axes(
        jit=options.jit,
        profile=options.profile,
        tail_call=options.tail_call,
        configure_args=tuple(options.configure_arg),
        patches=tuple(map(read_patch, options.patch)),
        includes=tuple(sorted({*options.include})),
    )


def request_of(spec: str) -> Request:
    """What a person asks of the store; a name as `list` prints it, of which nothing is there, is no request but a miss."""
    try:
        return parse(spec)
    except RequestError as error:
        if spec.startswith("cpython-"):
            raise NotInstalledError(
                f"The store has no {spec}.", remedy="`jitbuild list` shows what there is."
            ) from error
        raise


def interpreter(spec: str, wanted: Axes, *, machine_code: bool = False) -> Interpreter:
    """The best interpreter of the store that fits. Raises NotInstalledError when there is none.

    Where `machine_code` is to run, one without the JIT does not fit unless that was stated.

    A name as `list` prints it is taken exactly. One that was adopted and has changed since is probed again first; if that one
    fails and nothing else fits, what is wrong with it is raised.
    """
    kept = store()
    failures: list[JitbuildError] = []

    def refresh(stale: Interpreter) -> None:
        from jitbuild.provision import refresh as probe_again

        try:
            probe_again(kept, stale)
        except (InterpreterError, ProofError, VariantError) as error:
            failures.append(error)

    found = _named(spec, kept, refresh)
    if found is None and not failures:
        request = request_of(spec)
        wanted = wanted.wanting_machine_code(request) if machine_code else wanted
        found = kept.find(request, wanted, digest=digest_of(request, kept), refresh=refresh)
    if found is not None:
        return found
    raise failures[0] if failures else _not_installed(spec, wanted, kept)


def _named(spec: str, kept: Store, refresh: Callable[[Interpreter], None]) -> Interpreter | None:
    """The interpreter of that name, if it is one and still (or again) what was proven."""
    if "/" in spec or not spec.startswith("cpython-"):
        return None
    found = kept.get(spec)
    if found is not None and not found.fresh:
        refresh(found)
        found = kept.get(spec)
    return found if found is not None and found.fresh and found.proven else None


def program(text: str) -> Path | None:
    """The program that `text` is: a path (anything with a separator in it, or that is there), or else a name on PATH."""
    path = Path(text).expanduser()
    if "/" in text or "\\" in text or path.is_file():
        return path
    import shutil

    found = shutil.which(text)
    return Path(found) if found else None


def digest_of(request: Request, kept: Store) -> str:
    """What a tree on this machine is now. A branch or a repository elsewhere is what was last installed as it: no network."""
    if not request.is_local:
        return ""
    from jitbuild.sources.resolve import describe

    return describe(request, cache=kept.root, catalog=catalog()).source.digest


def _not_installed(spec: str, wanted: Axes, kept: Store) -> NotInstalledError:
    import shlex

    names = [found.name for found in kept.installed()]
    there = (
        f" It has: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}."
        if names
        else " It is empty."
    )
    command = shlex.join(["jitbuild", "install", spec, *_flags(wanted)])
    return NotInstalledError(
        f"No interpreter in the store fits {spec}.{there}", remedy=f"Build it: {command}"
    )


def _flags(wanted: Axes) -> list[str]:
    """The axes as they are typed."""
    stated = (("jit", wanted.jit), ("profile", wanted.profile))
    return [
        *(f"--{name}={value}" for name, value in stated if value),
        *["--tail-call"] * bool(wanted.tail_call),
        *(f"--configure-arg={arg}" for arg in wanted.configure_args),
        *(f"--patch={patch.path}" for patch in wanted.patches),
        *(f"--include={part}" for part in wanted.includes),
    ]


def reporter(options: argparse.Namespace) -> Reporter:
    """The reporter that fits where the command runs."""
    from jitbuild.system import progress as report

    return report.choose(quiet=options.quiet, verbose=options.verbose)


def show_json(data: object) -> None:
    """Print an answer for a program."""
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False))
