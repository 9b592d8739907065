"""The nox session that provides interpreters to other sessions, such as `jitbuild(3.15)`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import nox
from nox import registry

from jitbuild.errors import JitbuildError, NotInstalledError, UsageError
from jitbuild.sessions.missing_policy import policy_of
from jitbuild.sessions.noxfile_errors import reason_of
from jitbuild.sessions.shims import SessionInterpreter, read_shim, shim_path, write_shim

if TYPE_CHECKING:
    from jitbuild.sessions.interpreter_request import InterpreterRequest

_PROVIDER = "jitbuild"
_BACKENDS = frozenset({"virtualenv", "venv", "uv"})
_USE_P = "Instead of --force-python, use -p, which selects the sessions of an interpreter"
# The interpreters that the noxfile requests, by their keys.
_REQUESTS: dict[str, InterpreterRequest] = {}


class SessionPython(str):
    """The path of a shim, as a text that also equals the selectors of its sessions (`3.15`).

    `nox -p 3.15` selects the sessions whose Python equals `3.15`. Without this class, the path of
    the shim would have to be typed.
    """

    __slots__ = ("_selectors",)
    _selectors: frozenset[str]

    def __new__(cls, path: str, selectors: frozenset[str] = frozenset()) -> Self:
        """Return the Python with the path `path`, which also equals each text in `selectors`."""
        python = super().__new__(cls, path)
        python._selectors = selectors
        return python

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True or other in self._selectors

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class ProviderRequirement(str):
    """A name in `requires=` that nox turns into the name of the session that provides a Python.

    All parametrized sessions of a function share one `requires` list, and nox rejects a plain
    `{python}` in it when the Pythons are parameters. However, once nox knows the Python of a
    session, it passes that Python to the `format` method of each name in the list.
    """

    __slots__ = ()

    def format(self, *args: object, **known: object) -> str:
        """Return the name of the session that provides `python`.

        Return this object itself, which is a string, if `python` is not given yet. If jitbuild
        does not provide `python`, return a message, which nox prints.
        """
        python = known.get("python")
        if not isinstance(python, str):
            return self
        request = request_of(python)
        if request is None:  # nox prints the text as that of a session that was not found
            texts = ", ".join(request.request.text for request in _REQUESTS.values())
            return f"{python} is not provided by jitbuild. {_USE_P} ({texts})"
        return _provider_name(request)


def register(request: InterpreterRequest) -> None:
    """Register the session that provides `request`, unless it is already registered.

    If no sessions are named, nox runs that session only before the sessions that require it. Raise
    UsageError if a session of the noxfile has the name of the provider.
    """
    provider: Any = registry.get().get(_PROVIDER)
    if provider is not None and provider.__module__ != __name__:
        raise UsageError(
            f"A session has the name {_PROVIDER}, which jitbuild itself uses.",
            remedy="Rename the session.",
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

    A relative folder of environments is resolved against the current folder: nox changes to the
    folder of the noxfile before it loads the noxfile or runs a session.
    """
    return shim_path(request, Path(os.environ.get("NOX_ENVDIR") or ".nox").absolute())


def request_of(python: object) -> InterpreterRequest | None:
    """Return the request whose shim is `python`; None if `python` is not a shim of jitbuild."""
    return next(
        (request for request in _REQUESTS.values() if str(shim_of(request)) == python), None
    )


def provided_interpreter(session: nox.Session) -> SessionInterpreter:
    """Return the interpreter that was provided for a session.

    Raise UsageError if jitbuild does not provide the session's Python, or if the session has no
    virtual environment. Raise NotInstalledError if the session that provides the interpreter did
    not run.
    """
    request = request_of(session.python)
    if request is None:
        raise UsageError(
            f"{session.name} runs on {session.python}, which jitbuild did not provide.",
            remedy=f"{_USE_P}.",
        )
    if session.venv_backend not in _BACKENDS:
        raise UsageError(
            f"{session.name} uses the venv backend {session.venv_backend}, but JIT modes can only "
            "be checked in a virtual environment.",
            remedy="Set venv_backend to virtualenv, venv or uv.",
        )
    interpreter = read_shim(shim_of(request))
    if interpreter is None:
        raise NotInstalledError(
            f"{request.name} was not provided.", remedy=f"Run: nox -s '{_provider_name(request)}'"
        )
    return interpreter


def _provide(session: nox.Session, provides: str) -> None:
    """Provide an interpreter (JITBUILD_POLICY: install, prebuilt, pull, never, adopt)."""
    from jitbuild.sessions.resolve import resolve
    from jitbuild.system.reporters import choose_reporter

    request = _REQUESTS[provides]
    try:
        reporter = choose_reporter(quiet=False, verbose=False)
        interpreter = resolve(request, policy_of(request.policy), reporter)
        write_shim(shim_of(request), SessionInterpreter.of(interpreter))
    except JitbuildError as error:
        session.error(reason_of(error))
    session.log(
        f"{request.name} is {interpreter.name}: "
        f"CPython {interpreter.version}, {interpreter.executable}"
    )


def _provider_name(request: InterpreterRequest) -> str:
    return f"{_PROVIDER}({request.key})"
