"""nox sessions over interpreters and JIT modes.

    import nox
    import jitbuild.nox as jit

    @jit.session(pythons=["3.14", "3.15"], modes=["off", "on"])
    def tests(session):
        session.install("-e.", "pytest")
        session.run("pytest")

Importing this in a noxfile, and `nox -l`, start no process and open no network. What an interpreter needs is done by a session of
its own, `jitbuild(3.15)`, before the sessions that use it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import nox
from nox import registry

from jitbuild.errors import JitbuildError, NotInstalledError, UsageError
from jitbuild.sessions import sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nox._decorators import Func

    from jitbuild.modes import Mode
    from jitbuild.probing.facts import ProbeFacts
    from jitbuild.request import Jit, Profile
    from jitbuild.sessions.sessions import Policy, Provided, Want

__all__ = ["params", "requires", "session", "start"]

_PROVIDER = "jitbuild"
_PARAMETERS = ("python", "jit_mode")
_STAMP = "jitbuild.json"
_WANTS: dict[str, Want] = {}
_COVERAGE_TRACES = "import coverage, sys; c = coverage.Coverage(data_file=None); c.start(); t = sys.gettrace(); c.stop(); print(t is not None)"


class _Requirement(str):
    """A name in `requires=` that becomes the session that provides this very session's interpreter.

    nox shares one list among all parameters of a session, and refuses a plain `{python}` in it where the pythons are parameters.
    It does format each name with the python of the session at hand, once that is known.
    """

    __slots__ = ()

    def format(self, *args: object, **known: object) -> str:
        """The provider of `python`; this same text as long as that is not known."""
        python = known.get("python")
        if not isinstance(python, str):
            return self
        want = _wanted(python)
        return (
            _provider(want) if want else f"the provider of {python}, which jitbuild does not know"
        )


requires: tuple[str, ...] = (_Requirement("jitbuild({python})"),)


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
def session(
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
    """Make a function nox sessions: one for each of `pythons` in each of `modes`, named `tests(3.15-jit-on)`.

    Without `pythons` or `modes` the settings are taken ([tool.jitbuild] in pyproject.toml). `policy` says how an interpreter
    that is not in the store may be provided; JITBUILD_POLICY overrides it. Other options are nox.session's own. A function with
    a parameter `jit_mode` is given the mode. Raises a JitbuildError for what cannot be run.
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
    takes = inspect.signature(func).parameters
    if refused := {"python", "py"} & {*options, *takes}:
        raise UsageError(
            f"{func.__name__}: jit.session itself sets `{min(refused)}`.",
            remedy="Name them as pythons=[...]; see session.python.",
        )

    @functools.wraps(func)
    def started(current: nox.Session, *args: Any, **named: Any) -> None:
        named.pop("python", None)
        mode: Mode = named["jit_mode"] if "jit_mode" in takes else named.pop("jit_mode")
        start(current, mode)
        func(current, *args, **named)
        _mention_coverage(current, mode)

    found = params(pythons=pythons, modes=modes, policy=policy, jit=jit, profile=profile)
    parametrized = nox.parametrize(_PARAMETERS, found)(started)
    return nox.session(requires=[*requires, *globals()["requires"]], **options)(parametrized)


def params(
    *,
    pythons: Iterable[str] | None = None,
    modes: Iterable[str] | None = None,
    policy: Policy | None = None,
    jit: Jit | None = None,
    profile: Profile | None = None,
) -> list[Any]:
    """The bare parameters, for who keeps @nox.session.

    @nox.session(requires=jit.requires)
    @nox.parametrize("python,jit_mode", jit.params(pythons=["3.15"]))
    def tests(session, jit_mode):
        jit.start(session, jit_mode)
    """
    chosen = sessions.modes(modes)
    found = []
    for want in sessions.wants(pythons, jit=jit, profile=profile, policy=policy):
        _register(want)
        for mode in chosen:
            sessions.check_mode(want, mode)
            found.append(
                nox.param(str(_shim(want)), mode, id=want.session(mode), tags=want.tags(mode))
            )
    _never_skip()
    return found


def start(
    session: nox.Session,
    mode: Mode,
    *,
    look: Callable[[Path, Mapping[str, str]], ProbeFacts] | None = None,
) -> None:
    """Begin a session: its venv is the provided interpreter's, everything it runs is in `mode`, and that is proven in the venv.

    Ends the session with the reason (session.error) when any of it is not so. `look` is jitbuild.probing.runner.collect_facts.
    """
    from jitbuild.probing import runner as probes

    try:
        provided = _provided(session)
        _renew_stale(session, provided)
        session.env.update(sessions.changes(mode, os.environ))
        facts = sessions.check(
            _python(session),
            mode,
            provided,
            _environment(session),
            look=look or probes.collect_facts,
        )
    except JitbuildError as error:
        session.error(f"{error.what} {error.remedy}")
    seen = f"a hot loop has {facts.machine_code_bytes or 'no'}{' bytes of' * bool(facts.machine_code_bytes)} machine code"
    session.log(f"CPython {provided.version}, {provided.executable}; JIT {mode}: {seen}")


def _provide(session: nox.Session, provides: str) -> None:
    """Provide an interpreter to the sessions that need it (JITBUILD_POLICY: install, never, adopt)."""
    from jitbuild.system import reporters

    want = _WANTS[provides]
    try:
        policy = sessions.policy_of(want)
        found = sessions.resolve(
            want, policy, reporters.choose_reporter(quiet=False, verbose=False)
        )
        sessions.write_shim(_shim(want), sessions.Provided.of(found))
    except JitbuildError as error:
        session.error(f"{error.what} {error.remedy}")
    session.log(f"{want.name} is {found.name}: CPython {found.version}, {found.executable}")


def _register(want: Want) -> None:
    """Have a session that provides `want`, once per noxfile; it is not among those that a bare `nox` selects."""
    provider: Any = registry.get().get(_PROVIDER)
    if provider is not None and provider.__module__ != __name__:
        raise UsageError(
            f"jitbuild's own session is called {_PROVIDER}.", remedy="Give yours another name."
        )
    if provider is None:
        _WANTS.clear()

        def provide(session: nox.Session, provides: str) -> None:
            _provide(session, provides)

        provide.__doc__ = _provide.__doc__
        provider = nox.session(name=_PROVIDER, python=False, default=False)(
            nox.parametrize("provides", [])(provide)
        )
    if want.key not in _WANTS:
        _WANTS[want.key] = want
        provider.parametrize.append(nox.param(want.key, arg_names=["provides"], id=want.key))


def _provider(want: Want) -> str:
    return f"{_PROVIDER}({want.key})"


def _shim(want: Want) -> Path:
    """nox is in the noxfile's folder when it reads it, and when it runs a session."""
    return want.shim(Path(os.environ.get("NOX_ENVDIR") or ".nox").absolute())


def _wanted(python: object) -> Want | None:
    return next((want for want in _WANTS.values() if str(_shim(want)) == python), None)


def _never_skip() -> None:
    """Without its provider a session could find its python missing, and nox would skip it and exit with 0, like a pass."""
    if "--no-dependencies" in sys.argv:
        nox.options.error_on_missing_interpreters = True


def _provided(session: nox.Session) -> Provided:
    """What the provider left for this session. Raises UsageError for a session of another python, or one without a venv."""
    want = _wanted(session.python)
    if want is None:
        raise UsageError(
            f"{session.name} runs on {session.python}, which is none of jitbuild's.",
            remedy="Leave out --force-python and the like.",
        )
    if session.venv_backend not in {"virtualenv", "venv", "uv"}:
        raise UsageError(
            f"{session.name} has the venv backend {session.venv_backend}, and a JIT mode is proven in a venv.",
            remedy="Use virtualenv, venv or uv.",
        )
    provided = sessions.read_shim(_shim(want))
    if provided is None:
        raise NotInstalledError(
            f"{want.name} was not provided.", remedy=f"Run: nox -s '{_provider(want)}'"
        )
    return provided


def _renew_stale(session: nox.Session, provided: Provided) -> None:
    """Make the venv anew when nox reused one of another interpreter: nox keeps those silently. Notes whose this one is."""
    venv: Any = session.virtualenv
    stamp = Path(venv.location, _STAMP)
    made_for = [provided.executable, provided.instance]
    if getattr(venv, "_reused", True) and sessions.read_stamp(stamp) != made_for:
        session.log(f"The venv is not of {provided.name} as it is now: it is made anew")
        venv.reuse_existing = False
        venv.create()
        venv._reused = False  # noqa: SLF001 # else -R, which skips installing into a venv that is reused, would leave it empty
    sessions.write_stamp(stamp, made_for)


def _python(session: nox.Session) -> Path:
    return Path(session.bin, "python" if os.name == "posix" else "python.exe")


def _environment(session: nox.Session) -> dict[str, str]:
    """What a program that the session runs sees."""
    return {
        name: value for name, value in {**os.environ, **session.env}.items() if value is not None
    }


@functools.cache
def _say_once(text: str) -> None:
    from nox.logger import logger

    logger.warning(text)


def _mention_coverage(session: nox.Session, mode: Mode) -> None:
    """Say so when the venv's coverage traces in a way that keeps everything it measures out of the JIT."""
    venv = Path(session.bin).parent
    packages = [
        *venv.glob("lib/python*/site-packages/coverage"),
        *venv.glob("Lib/site-packages/coverage"),
    ]
    if mode not in {"on", "stress"} or not packages:
        return
    from jitbuild.system import process

    done = process.run(
        [str(_python(session)), "-c", _COVERAGE_TRACES], env=_environment(session), timeout=20
    )
    if done.stdout.strip() == "True":
        _say_once(
            "The coverage in these venvs traces with sys.settrace, and what it traces never runs in the JIT: sessions with the JIT "
            "on test no machine code where they run it. Use its sysmon core (COVERAGE_CORE=sysmon), or measure in another session."
        )
