"""Look up the interpreter in the store, or the program, that a command line names.

`jitbuild which` and `jitbuild run` import this module, so anything heavy is imported inside
functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.api import catalog, store
from jitbuild.errors import (
    InterpreterError,
    JitbuildError,
    NotInstalledError,
    ProofError,
    RecipeError,
    RequestError,
    VariantError,
)
from jitbuild.request import Axes, Request, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store

_NAME_PREFIX = "cpython-"
_SHOWN_NAMES = 5


def find_interpreter(
    spec: str,
    axes: Axes,
    *,
    machine_code: bool = False,
    probe: Callable[..., Verdict] | None = None,
) -> Interpreter:
    """Return the best interpreter in the store for `spec` and the stated axes.

    `spec` is a request, or a name as `jitbuild list` prints it, which is matched exactly. With
    `machine_code`, an interpreter without the JIT is accepted only if `axes` states it. An adopted
    interpreter whose file has changed is probed again first, by default with jitbuild's probe.

    Raises NotInstalledError if nothing fits, or the error of the new probe if an adopted
    interpreter fails it and nothing else fits.
    """
    current_store = store()
    failures: list[JitbuildError] = []

    def refresh(stale: Interpreter) -> None:
        from jitbuild.probing import run_probe
        from jitbuild.providers import adopt

        try:
            adopt.refresh(current_store, stale, probe=probe or run_probe.probe)
        except (InterpreterError, ProofError, VariantError) as error:
            failures.append(error)

    interpreter = _by_name(spec, current_store, refresh)
    if interpreter is None and not failures:
        request = parse_spec(spec)
        axes = axes.wanting_machine_code(request) if machine_code else axes
        digest = local_digest(request, current_store)
        interpreter = current_store.find(request, axes, digest=digest, refresh=refresh)
    if interpreter is not None:
        return interpreter
    raise failures[0] if failures else _not_installed(spec, axes, current_store)


def parse_spec(spec: str) -> Request:
    """Return the request that `spec` states.

    Raises NotInstalledError for a name of the form that `jitbuild list` prints, since callers look
    names up first, and RequestError for any other text that is not a request.
    """
    try:
        return parse(spec)
    except RequestError as error:
        if spec.startswith(_NAME_PREFIX):
            raise NotInstalledError(
                f"The store has no interpreter named {spec}.",
                remedy="`jitbuild list` shows the interpreters in the store.",
            ) from error
        raise


def find_program(text: str) -> Path | None:
    """Return the program that `text` names, or None if PATH has no program of that name.

    Text with a path separator, or that names an existing file, is a path; it need not exist.
    """
    path = Path(text).expanduser()
    if "/" in text or "\\" in text or path.is_file():
        return path
    import shutil

    program = shutil.which(text)
    return Path(program) if program else None


def local_digest(request: Request, store: Store) -> str:
    """Return the digest of the source tree or repository on this machine that `request` names.

    Empty for versions and for remote repositories, which are matched by the text of the request:
    the network is not used.
    """
    if not request.is_local:
        return ""
    from jitbuild.sources.resolve import describe

    return describe(request, cache=store.root, catalog=catalog()).source.digest


def _by_name(spec: str, store: Store, refresh: Callable[[Interpreter], None]) -> Interpreter | None:
    """Return the proven interpreter named `spec`; `refresh` probes it again if it has changed."""
    if "/" in spec or not spec.startswith(_NAME_PREFIX):
        return None
    interpreter = store.get(spec)
    if interpreter is not None and not interpreter.fresh:
        refresh(interpreter)
        interpreter = store.get(spec)
    usable = interpreter is not None and interpreter.fresh and interpreter.proven
    return interpreter if usable else None


def _not_installed(spec: str, axes: Axes, store: Store) -> NotInstalledError:
    names = [interpreter.name for interpreter in store.installed()]
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    contents = f"It has: {', '.join(names[:_SHOWN_NAMES])}{more}." if names else "It is empty."
    return NotInstalledError(
        f"No interpreter in the store fits {spec}. {contents}", remedy=_how_to_install(spec, axes)
    )


def _how_to_install(spec: str, axes: Axes) -> str:
    """Return the command that builds what `spec` names, or the reason why no command can."""
    import shlex

    request = parse(spec)
    if request.is_version:
        try:
            catalog().newest(request)
        except RequestError as error:
            return str(error).replace("\n", " ")
        except RecipeError:
            pass  # `jitbuild install` reports it
    command = shlex.join(["jitbuild", "install", spec, *axis_options(axes)])
    return f"Build it: {command}"


def axis_options(axes: Axes) -> list[str]:
    """Return the stated axes as they are typed on a command line."""
    stated = (("jit", axes.jit), ("profile", axes.profile))
    return [
        *(f"--{name}={value}" for name, value in stated if value),
        *["--tail-call"] * bool(axes.tail_call),
        *(f"--configure-arg={argument}" for argument in axes.configure_args),
        *(f"--patch={patch.path}" for patch in axes.patches),
        *(f"--include={part}" for part in axes.includes),
    ]
