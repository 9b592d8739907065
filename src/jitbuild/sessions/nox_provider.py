"""The nox session that provides interpreters to the others, such as `jitbuild(3.15)`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nox
from nox import registry

from jitbuild.errors import JitbuildError, NotInstalledError, UsageError
from jitbuild.sessions.missing_policy import policy_of
from jitbuild.sessions.shims import SessionInterpreter, read_shim, shim_path, write_shim

if TYPE_CHECKING:
    from jitbuild.sessions.interpreter_request import InterpreterRequest

_PROVIDER = "jitbuild"
_BACKENDS = frozenset({"virtualenv", "venv", "uv"})
# The interpreters that the noxfile requests, by their keys.
_REQUESTS: dict[str, InterpreterRequest] = {}


class ProviderRequirement(str):
    """A name in `requires=` that becomes the session which provides the interpreter.

    nox shares one list among all parameters of a session, and refuses a plain `{python}` in it when
    the Pythons are parameters. But it formats each name with the Python of a session once that is
    known.
    """

    __slots__ = ()

    def format(self, *args: object, **known: object) -> str:
        """Return the provider of `python`, or this text as long as that is not known."""
        python = known.get("python")
        if not isinstance(python, str):
            return self
        request = request_of(python)
        if request is None:
            return f"the provider of {python}, which jitbuild does not know"
        return _provider_name(request)


def register(request: InterpreterRequest) -> None:
    """Register the session that provides `request`, once per noxfile.

    It is not among the sessions that a plain `nox` runs.
    """
    provider: Any = registry.get().get(_PROVIDER)
    if provider is not None and provider.__module__ != __name__:
        raise UsageError(
            f"A session is named {_PROVIDER}, as jitbuild's own.", remedy="Rename the session."
        )
    if provider is None:
        _REQUESTS.clear()

        def provide(session: nox.Session, provides: str) -> None:
            _provide(session, provides)

        provide.__doc__ = _provide.__doc__
        provider = nox.session(name=_PROVIDER, python=False, default=False)(
            nox.parametrize("provides", [])(provide)
        )
    if request.key not in _REQUESTS:
        _REQUESTS[request.key] = request
        parameter = nox.param(request.key, arg_names=["provides"], id=request.key)
        provider.parametrize.append(parameter)


def shim_of(request: InterpreterRequest) -> Path:
    """Return the path of the shim for `request`.

    nox works in the folder of the noxfile when it reads it and when it runs sessions.
    """
    return shim_path(request, Path(os.environ.get("NOX_ENVDIR") or ".nox").absolute())


def request_of(python: object) -> InterpreterRequest | None:
    """Return the request whose shim `python` is; None if jitbuild did not make it."""
    return next(
        (request for request in _REQUESTS.values() if str(shim_of(request)) == python), None
    )


def provided_interpreter(session: nox.Session) -> SessionInterpreter:
    """Return the interpreter that was provided for a session.

    Raise UsageError if its Python is not one of jitbuild's, or if it has no venv.
    """
    request = request_of(session.python)
    if request is None:
        raise UsageError(
            f"{session.name} runs on {session.python}, which jitbuild did not provide.",
            remedy="Leave out --force-python and similar options.",
        )
    if session.venv_backend not in _BACKENDS:
        raise UsageError(
            f"{session.name} uses the venv backend {session.venv_backend}, but JIT modes can be "
            "checked in a virtual environment only.",
            remedy="Set venv_backend to virtualenv, venv or uv.",
        )
    interpreter = read_shim(shim_of(request))
    if interpreter is None:
        raise NotInstalledError(
            f"{request.name} was not provided.", remedy=f"Run: nox -s '{_provider_name(request)}'"
        )
    return interpreter


def _provide(session: nox.Session, provides: str) -> None:
    """Provide an interpreter to sessions (JITBUILD_POLICY: install, never, adopt)."""
    from jitbuild.sessions.resolve import resolve
    from jitbuild.system.reporters import choose_reporter

    request = _REQUESTS[provides]
    try:
        reporter = choose_reporter(quiet=False, verbose=False)
        interpreter = resolve(request, policy_of(request.policy), reporter)
        write_shim(shim_of(request), SessionInterpreter.of(interpreter))
    except JitbuildError as error:
        session.error(f"{error.what} {error.remedy}")
    session.log(
        f"{request.name} is {interpreter.name}: "
        f"CPython {interpreter.version}, {interpreter.executable}"
    )


def _provider_name(request: InterpreterRequest) -> str:
    return f"{_PROVIDER}({request.key})"
