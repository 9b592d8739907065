"""nox sessions for interpreters and JIT modes.

    import nox
    import jitbuild.nox as jit

    @jit.session(pythons=["3.14", "3.15"], modes=["off", "on"])
    def tests(session):
        session.install("-e.", "pytest")
        session.run("pytest")

Importing this module and listing sessions (`nox -l`) start no process and use no network. Before
the sessions that use an interpreter, a session such as `jitbuild(3.15)` provides it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import nox

from jitbuild.errors import JitbuildError, UsageError
from jitbuild.modes import JIT_MODES, check_known
from jitbuild.sessions.interpreter_request import (
    check_mode,
    requested_interpreters,
    requested_modes,
)
from jitbuild.sessions.mode_check import check_effective_mode, environment_changes
from jitbuild.sessions.nox_provider import (
    ProviderRequirement,
    SessionPython,
    provided_interpreter,
    register,
    shim_of,
)
from jitbuild.sessions.nox_venv import environment_of, python_of, renew_stale_venv
from jitbuild.sessions.noxfile_errors import noxfile_errors, reason_of
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nox._decorators import Func

    from jitbuild.modes import Mode
    from jitbuild.request import Jit, Profile
    from jitbuild.sessions.interpreter_request import InterpreterRequest
    from jitbuild.sessions.missing_policy import Policy
    from jitbuild.sessions.mode_check import CollectFacts

__all__ = ["params", "requires", "session", "start"]

_PARAMETERS = ("python", "jit_mode")

requires: tuple[str, ...] = (ProviderRequirement("jitbuild({python})"),)


@overload
def session(func: Callable[..., object], /) -> Func: ...
@overload
def session(
    *,
    pythons: Iterable[str] | None = None,
    modes: Iterable[str] | None = None,
    policy: Policy | None = None,
    jit: Jit | None = None,
    profile: Profile | None = None,
    requires: Iterable[str] = (),
    **options: Any,
) -> Callable[[Callable[..., object]], Func]: ...
def session(  # noqa: PLR0913
    func: Callable[..., object] | None = None,
    /,
    *,
    pythons: Iterable[str] | None = None,
    modes: Iterable[str] | None = None,
    policy: Policy | None = None,
    jit: Jit | None = None,
    profile: Profile | None = None,
    requires: Iterable[str] = (),
    **options: Any,
) -> Func | Callable[[Callable[..., object]], Func]:
    """Make a function a nox session for each of `pythons` in each of `modes`.

    The sessions have names such as `tests(3.15-jit-on)`. If `pythons` or `modes` is None, the
    setting of that name is used ([tool.jitbuild] in pyproject.toml). `policy` states how to provide
    an interpreter that is not in the store; JITBUILD_POLICY overrides it. `jit` and `profile` state
    a variant. `requires` names other sessions to run before these sessions. All other options are
    passed to nox.session. If the function has a parameter `jit_mode`, it receives the mode. Raise a
    JitbuildError if one of the sessions could never run; if the noxfile does not catch it, it ends
    nox with one line.
    """
    if func is None:
        return functools.partial(
            session,
            pythons=pythons,
            modes=modes,
            policy=policy,
            jit=jit,
            profile=profile,
            requires=requires,
            **options,
        )
    with noxfile_errors():
        started = _started(func, options)
    parameters = params(pythons=pythons, modes=modes, policy=policy, jit=jit, profile=profile)
    parametrized = nox.parametrize(_PARAMETERS, parameters)(started)
    return nox.session(requires=[*requires, *globals()["requires"]], **options)(parametrized)


def _started(func: Callable[..., object], options: Mapping[str, object]) -> Callable[..., None]:
    """Return a function that prepares the session for its mode (see `start`) and calls `func`.

    `options` are those of nox.session. Raise UsageError if nox.session has no such option, if
    `func` has a parameter `python` or `py`, or if `options` contains one: jit.session sets the
    Python itself.
    """
    takes = inspect.signature(func).parameters
    known = {*inspect.signature(session).parameters, *inspect.signature(nox.session).parameters}
    if unknown := options.keys() - known:
        raise UsageError(
            f"{func.__name__}: jit.session has no option `{min(unknown)}`.",
            remedy=f"{did_you_mean(min(unknown), known)}Check the spelling.",
        )
    if refused := {"python", "py"} & {*options, *takes}:
        raise UsageError(
            f"{func.__name__}: jit.session itself sets `{min(refused)}`.",
            remedy="Name the Pythons as pythons=[...], and read them from session.python.",
        )

    @functools.wraps(func)
    def started(current: nox.Session, *args: Any, **named: Any) -> None:
        named.pop("python", None)
        mode: Mode = named["jit_mode"] if "jit_mode" in takes else named.pop("jit_mode")
        start(current, mode)
        func(current, *args, **named)
        _warn_about_coverage(current, mode)

    return started


def params(
    *,
    pythons: Iterable[str] | None = None,
    modes: Iterable[str] | None = None,
    policy: Policy | None = None,
    jit: Jit | None = None,
    profile: Profile | None = None,
) -> list[Any]:
    """Return the parameters of `session`, for use with plain `@nox.session`.

    Example:

    @nox.session(requires=jit.requires)
    @nox.parametrize("python,jit_mode", jit.params(pythons=["3.15"]))
    def tests(session, jit_mode):
        jit.start(session, jit_mode)
    """
    with noxfile_errors():
        chosen_modes = requested_modes(modes)
        requests = requested_interpreters(pythons, jit=jit, profile=profile, policy=policy)
        for request in requests:
            register(request)
            for mode in chosen_modes:
                check_mode(request, mode)
    _never_skip()
    return [_parameter(request, mode) for request in requests for mode in chosen_modes]


def _parameter(request: InterpreterRequest, mode: Mode) -> Any:
    return nox.param(
        SessionPython(str(shim_of(request)), request.selectors),
        mode,
        id=request.parameter(mode),
        tags=request.tags(mode),
    )


def start(
    session: nox.Session,
    mode: Mode,
    *,
    collect_facts: CollectFacts | None = None,
) -> None:
    """Prepare the venv of a session, set `mode` for its programs, and check that it takes effect.

    The venv gets jitbuild's pytest plugin, unless jitbuild itself is installed in it. If `mode` has
    no effect, end the session with the reason (session.error). `collect_facts` probes the venv; by
    default it is jitbuild.probing.run_probe.collect_facts.
    """
    from jitbuild.probing import run_probe
    from jitbuild.running.plugin_provision import provide_pytest_plugin

    try:
        check_known(mode)
        interpreter = provided_interpreter(session)
        renew_stale_venv(session, interpreter)
        provide_pytest_plugin(Path(session.bin).parent, interpreter.version)
        session.env.update(environment_changes(mode, os.environ))
        facts = check_effective_mode(
            python_of(session),
            mode,
            interpreter,
            environment_of(session),
            collect_facts or run_probe.collect_facts,
        )
    except JitbuildError as error:
        session.error(reason_of(error))
    size = facts.machine_code_bytes
    code = f"{size} bytes of machine code" if size else "no machine code"
    session.log(
        f"CPython {interpreter.version}, {interpreter.executable}; "
        f"JIT {mode}: a hot loop has {code}"
    )


def _never_skip() -> None:
    """With --no-dependencies, make nox fail if a Python is missing.

    With that option, the sessions that provide interpreters do not run, so a Python may be missing.
    By default, nox would skip the session and exit with 0.
    """
    if "--no-dependencies" in sys.argv:
        nox.options.error_on_missing_interpreters = True


def _warn_about_coverage(session: nox.Session, mode: Mode) -> None:
    """Warn once if coverage in the venv keeps the measured code out of the JIT."""
    if mode not in JIT_MODES:
        return
    from jitbuild.sessions.coverage_core import settrace_warning

    venv = Path(session.bin).parent
    warning = settrace_warning(venv, python_of(session), environment_of(session))
    if warning:
        _warn_once(warning)


@functools.cache
def _warn_once(text: str) -> None:
    from nox.logger import logger

    logger.warning(text)
