"""Find, install, download or adopt the interpreter for a request, according to the policy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.errors import InterpreterError, JitbuildError, NotInstalledError, ProofError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jitbuild.sessions.interpreter_request import InterpreterRequest
    from jitbuild.sessions.missing_policy import Policy
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Reporter


def _install(request: InterpreterRequest, reporter: Reporter) -> Interpreter:
    from jitbuild import api

    return api.ensure(
        request.request.reveal(), jit=request.jit, profile=request.profile, reporter=reporter
    )


def _download(request: InterpreterRequest, reporter: Reporter) -> Interpreter:
    from jitbuild import api

    return api.ensure(
        request.request.reveal(),
        jit=request.jit,
        profile=request.profile,
        provider="prebuilt",
        reporter=reporter,
    )


def _pull(request: InterpreterRequest, reporter: Reporter) -> Interpreter:
    from jitbuild import api
    from jitbuild.options import BuildOptions

    return api.ensure(
        request.request.reveal(),
        jit=request.jit,
        profile=request.profile,
        options=BuildOptions(pull_only=True),
        reporter=reporter,
    )


def _find(request: InterpreterRequest, reporter: Reporter) -> Interpreter:
    from jitbuild.running.lookup import find_interpreter

    return find_interpreter(
        request.request.text, request.axes, machine_code=True, reporter=lambda: reporter
    )


def _adopt(request: InterpreterRequest) -> Interpreter:
    from jitbuild import api
    from jitbuild.sessions.adopt_from_path import adopt_from_path

    return adopt_from_path(request, api.store(), os.environ.get("PATH", os.defpath))


class InterpreterSources(NamedTuple):
    """Functions that provide an interpreter.

    `install` finds the interpreter in the store or else builds it, `find` only looks it up in the
    store, `adopt` registers a Python on PATH, `download` installs a prebuilt interpreter, and
    `pull` gets one from a registry.
    """

    install: Callable[[InterpreterRequest, Reporter], Interpreter] = _install
    find: Callable[[InterpreterRequest, Reporter], Interpreter] = _find
    adopt: Callable[[InterpreterRequest], Interpreter] = _adopt
    download: Callable[[InterpreterRequest, Reporter], Interpreter] = _download
    pull: Callable[[InterpreterRequest, Reporter], Interpreter] = _pull


_SOURCES = InterpreterSources()


def resolve(
    request: InterpreterRequest,
    policy: Policy,
    reporter: Reporter,
    sources: InterpreterSources = _SOURCES,
) -> Interpreter:
    """Return the interpreter for `request`.

    An interpreter without the JIT is returned only if the request states `jit`, is free-threaded,
    or names the interpreter. Raise a JitbuildError, whose remedy names a command, if no interpreter
    can be provided.
    """
    interpreter = _resolve(request, policy, reporter, sources)
    is_name = request.request.kind == "name"
    states_no_jit = request.jit is not None or request.request.free_threaded or is_name
    if interpreter.variant.jit == "no" and not states_no_jit:
        return _resolve(request._replace(jit="yes-off"), policy, reporter, sources)
    return interpreter


def _resolve(
    request: InterpreterRequest, policy: Policy, reporter: Reporter, sources: InterpreterSources
) -> Interpreter:
    if policy == "install":
        return sources.install(request, reporter)
    try:
        return sources.find(request, reporter)
    except JitbuildError as error:
        missing = isinstance(error, NotInstalledError | ProofError | InterpreterError)
        if policy == "never" or not missing:
            raise
    if policy == "prebuilt":
        return sources.download(request, reporter)
    if policy == "pull":
        return sources.pull(request, reporter)
    return sources.adopt(request)
