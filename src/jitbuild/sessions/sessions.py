"""What sessions over JIT modes are made of, whatever runs them: names, tags, interpreters, environments and the check.

jitbuild.nox ties it to nox. A noxfile imports this module: nothing heavy is imported at its top.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from jitbuild import modes as jit_modes
from jitbuild import settings
from jitbuild.errors import (
    InterpreterError,
    JitbuildError,
    NotInstalledError,
    ProofError,
    SettingsError,
    UsageError,
)
from jitbuild.modes import FIRST_WITH_STRESS, MODES, Mode, environment
from jitbuild.request import Axes, Jit, Profile, Request, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jitbuild.probing.facts import ProbeFacts
    from jitbuild.probing.verdict import Verdict
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store
    from jitbuild.system.progress import Reporter

Policy = Literal["install", "never", "adopt"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
VARIABLE = "JITBUILD_POLICY"

_SHIM = "python" if os.name == "posix" else "python.cmd"
_SERIES = re.compile(r"3\.(\d+)")
# `python` and `python3` may be of any version.
_ON_PATH = re.compile(r"python(?:3(\.\d+)?(t?))?(?:\.exe)?")


class Want(NamedTuple):
    """An interpreter that sessions ask for: the request, the stated axes, and the policy if the noxfile states one."""

    request: Request
    jit: Jit | None = None
    profile: Profile | None = None
    policy: Policy | None = None

    @property
    def name(self) -> str:
        """The request as it was typed, with the stated axes: the same on every machine and after every patch release."""
        return "-".join([self.request.text, *filter(None, (self.jit, self.profile))])

    @property
    def key(self) -> str:
        """What tells it from every other one of a noxfile."""
        return "-".join([self.name, *filter(None, (self.policy,))])

    @property
    def axes(self) -> Axes:
        return Axes(jit=self.jit, profile=self.profile)

    def session(self, mode: Mode) -> str:
        """What stands between the brackets of a session's name: `3.15-jit-on`."""
        return f"{self.name}-jit-{mode}"

    def tags(self, mode: Mode) -> list[str]:
        """The tags of a session. With underscores: `nox -k` reads a hyphen as minus."""
        return ["jit", f"jit_{mode}", *self._python_tag()]

    def _python_tag(self) -> Iterator[str]:
        if (
            found := _SERIES.match(self.request.value)
            if self.request.kind in {"tag", "series"}
            else None
        ):
            yield f"py3{found[1]}{'t' * self.request.free_threaded}"
        elif self.request.kind == "branch":
            yield f"py_{self.request.value}"

    def shim(self, envdir: Path) -> Path:
        """The path by which sessions name it before anybody knows which interpreter it will be."""
        slug = re.sub(r"[^\w.]+", "-", self.key)
        if slug != self.key:
            import hashlib

            slug = f"{slug}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"
        return envdir / ".jitbuild" / slug / _SHIM


class Provided(NamedTuple):
    """Which interpreter a shim stands for. One that was built anew, or adopted anew, has another `instance`."""

    name: str
    version: str
    executable: str
    instance: str
    jit: Jit

    @classmethod
    def of(cls, found: Interpreter) -> Provided:
        return cls(
            found.name, found.version, str(found.executable), found.instance, found.variant.jit
        )


def wants(
    pythons: Iterable[str] | None,
    *,
    jit: Jit | None = None,
    profile: Profile | None = None,
    policy: Policy | None = None,
) -> list[Want]:
    """The interpreters that are asked for, by `pythons` or else the setting. Raises a JitbuildError for what cannot be one."""
    asked = (
        settings.many("pythons")
        if pythons is None
        else [pythons]
        if isinstance(pythons, str)
        else list(pythons)
    )
    if not asked:
        raise UsageError(
            "No Pythons are named for the sessions.",
            remedy='Name them: pythons=["3.14", "3.15"], or `pythons` in [tool.jitbuild] of pyproject.toml.',
        )
    if policy is not None and policy not in POLICIES:
        raise UsageError(
            f"{policy!r} is not a policy.", remedy=f"The policies are: {', '.join(POLICIES)}."
        )
    found = [Want(parse(text), jit, profile, policy) for text in dict.fromkeys(asked)]
    for want in found:
        want.axes.variant(want.request)  # refuses what cannot exist
    return found


def modes(given: Iterable[str] | None) -> list[Mode]:
    """The modes that are asked for, by `given`, else the setting, else off and on. Raises UsageError for an unknown one."""
    asked = (
        settings.many("modes")
        if given is None
        else [given]
        if isinstance(given, str)
        else list(given)
    )
    known: dict[str, Mode] = {mode: mode for mode in MODES}
    for mode in asked or ():
        if mode not in known:
            raise UsageError(
                f"{mode!r} is not a mode.", remedy=f"The modes are: {', '.join(MODES)}."
            )
    return [known[mode] for mode in dict.fromkeys(asked or ("off", "on"))]


def check_mode(want: Want, mode: Mode) -> None:
    """Refuse a mode that any interpreter of this request would silently ignore. Raises VariantError."""
    series = _SERIES.match(want.request.value) if want.request.kind in {"tag", "series"} else None
    known = (3, int(series[1])) if series else None
    has_jit = not want.request.free_threaded and want.jit != "no"
    jit_modes.check(
        mode, f"CPython {want.name}", jit=has_jit, series=known, remedy="Leave out the mode."
    )


def policy_of(want: Want, environ: Mapping[str, str] = os.environ) -> Policy:
    """How the interpreter may be provided: the person's variable, else the noxfile's option, else install."""
    given = environ.get(VARIABLE) or want.policy or "install"
    for policy in POLICIES:
        if given == policy:
            return policy
    raise SettingsError(
        f"{VARIABLE}: {given!r} is not a policy.",
        remedy=f"The policies are: {', '.join(POLICIES)}.",
    )


def resolve(want: Want, policy: Policy, reporter: Reporter) -> Interpreter:
    """The interpreter that a session gets, by the policy. Raises a JitbuildError, with the command to type.

    One without a JIT is nobody's who does not say so, though the store may have one that fits otherwise.
    """
    found = _resolve(want, policy, reporter)
    if found.variant.jit == "no" and want.jit is None and not want.request.free_threaded:
        return _resolve(want._replace(jit="yes-off"), policy, reporter)
    return found


def _resolve(want: Want, policy: Policy, reporter: Reporter) -> Interpreter:
    from jitbuild import api
    from jitbuild.running.lookup import find_interpreter

    if policy == "install":
        return api.ensure(want.request.text, jit=want.jit, profile=want.profile, reporter=reporter)
    try:
        return find_interpreter(want.request.text, want.axes)
    except JitbuildError as error:
        if policy == "never" or not isinstance(
            error, NotInstalledError | ProofError | InterpreterError
        ):
            raise
    return adopt(want, api.store(), os.environ.get("PATH", os.defpath))


def adopt(want: Want, store: Store, path: str) -> Interpreter:
    """Register the first Python on `path` that fits and passes the probe. Raises NotInstalledError, naming what was looked at."""
    from jitbuild.probing.runner import probe
    from jitbuild.providers import adopt as adoption

    expect = want.jit or ("no" if want.request.free_threaded else "jit")
    refused = []
    for program in candidates(want.request, path):
        try:
            verdict = probe(program, expect=expect)
        except InterpreterError as error:
            refused.append(error.what)
            continue
        if reason := unfit(want, verdict):
            refused.append(f"{program}: {reason}")
            continue
        # A version manager's shim is a script, and stands for another program from one day to the next.
        return adoption.adopt(
            store,
            Path(verdict.facts.executable or program),
            expect=expect,
            profile=want.profile or "unknown",
        )
    looked = " ".join(refused) or "There is none of that name."
    raise NotInstalledError(
        f"No Python on PATH fits {want.name} and passes the probe. {looked}",
        remedy=f"Put one on PATH, or build it: jitbuild install {shlex.quote(want.request.text)}",
    )


def candidates(request: Request, path: str) -> Iterator[Path]:
    """The programs on `path` that may be of that version by their name, each file once."""
    series = _SERIES.match(request.value) if request.kind in {"tag", "series"} else None
    seen = set()
    for folder in filter(None, path.split(os.pathsep)):
        try:
            programs = sorted(Path(folder).glob("python*"), reverse=True)
        except OSError:
            continue
        for program in programs:
            named = _ON_PATH.fullmatch(program.name)
            if not named or (
                named[1]
                and (
                    (series and f"3{named[1]}" != series[0])
                    or bool(named[2]) != request.free_threaded
                )
            ):
                continue
            if program.is_file() and (real := program.resolve()) not in seen:
                seen.add(real)
                yield program


def unfit(want: Want, verdict: Verdict) -> str:
    """Why an interpreter on PATH is not the one that is wanted; empty when it is."""
    if not want.request.admits(verdict.version):
        return f"it is Python {verdict.version}."
    if verdict.facts.prefix != verdict.facts.base_prefix:
        return "it is a virtual environment's."
    if not verdict.ok:
        return verdict.reason
    return (
        ""
        if verdict.free_threaded == want.request.free_threaded
        else "free-threading is not as asked for."
    )


def write_shim(shim: Path, provided: Provided) -> None:
    """Make `shim` start the interpreter; whole at any moment, and another file whenever it is another interpreter.

    It is a script and no link: started through a link, a Python would take the link's folder for its own, and so would venvs.
    nox and virtualenv remember what a path was by its modification time, which is that of this file.
    """
    if read_shim(shim) == provided:
        return
    from jitbuild.system.files import as_store_error

    facts = json.dumps(provided._asdict())
    if os.name == "posix":
        text = f'#!/bin/sh\n# {facts}\nexec {shlex.quote(provided.executable)} "$@"\n'
    else:
        text = f'@rem {facts}\n@"{provided.executable}" %*\n'
    part = shim.with_name(f"{os.urandom(6).hex()}.part")
    try:
        shim.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.chmod(0o755)
        part.replace(shim)
    except OSError as error:
        raise as_store_error(error, shim) from error


def read_shim(shim: Path) -> Provided | None:
    """What `shim` stands for; None when nobody has provided it yet."""
    try:
        lines = shim.read_text(encoding="utf-8").splitlines()
        return Provided(
            **json.loads(next(line[line.index("{") :] for line in lines if "{" in line))
        )
    except (OSError, ValueError, TypeError, StopIteration):
        return None


def read_stamp(stamp: Path) -> list[str] | None:
    """Whose a venv is, by the note in it; None when there is none."""
    try:
        noted = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, list) else None


def write_stamp(stamp: Path, made_for: list[str]) -> None:
    """Note in a venv whose it is."""
    if read_stamp(stamp) != made_for:
        stamp.write_text(json.dumps(made_for), encoding="utf-8")


def changes(mode: Mode, environ: Mapping[str, str]) -> dict[str, str | None]:
    """What to set, and with None what to remove, to have `environ` in `mode`; what is set is always said."""
    wanted = environment(mode, environ)
    return {name: None for name in environ if name not in wanted} | dict(environment(mode, {}))


def check(
    python: Path,
    mode: Mode,
    provided: Provided,
    environ: Mapping[str, str],
    *,
    look: Callable[[Path, Mapping[str, str]], ProbeFacts],
) -> ProbeFacts:
    """Have `python` show, in `environ`, that it is what was provided and that the mode holds. Raises ProofError with the reason.

    `look` is jitbuild.probing.runner.collect_facts, which is not imported before it is needed.
    """
    facts = look(python, environ)
    if reason := broken(facts, mode, provided):
        raise ProofError(
            f"In {python} the mode {mode} does not hold. {reason}",
            remedy=f"Look at it with: jitbuild probe {python}",
        )
    return facts


def broken(facts: ProbeFacts, mode: Mode, provided: Provided) -> str:
    """Why `mode` does not hold, by what one run of the probe saw in it; empty when it does."""
    code = facts.machine_code_bytes
    if facts.version != provided.version:
        return f"It is Python {facts.version}, and {provided.name} was provided."
    if facts.ignores_environment:
        return "It is started with -E or -I, under which PYTHON_JIT is ignored."
    if provided.jit != "no" and not facts.tier2:
        return "The JIT was not compiled in: PYTHON_JIT is silently ignored."
    if mode == "off" and (code or facts.executors or facts.enabled):
        return f"PYTHON_JIT=0 does not switch the JIT off: a hot loop has {code} bytes of machine code."
    if mode in {"on", "stress"} and not code and provided.jit != "interpreter":
        watched = f" ({', '.join(facts.tracers)} is set)" if facts.tracers else ""
        return f"With PYTHON_JIT=1 a hot loop has no machine code{watched}."
    return _stressless(facts) if mode == "stress" else ""


def _stressless(facts: ProbeFacts) -> str:
    if facts.release >= FIRST_WITH_STRESS:
        return ""
    return f"CPython {facts.series} has no PYTHON_JIT_STRESS: it came with 3.15."
