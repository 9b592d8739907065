"""The nox sessions of a CI matrix, derived from Pythons and modes or read from a noxfile."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jitbuild import setting_lists
from jitbuild.errors import RequestError, SettingsError, UsageError
from jitbuild.modes import MODES, parse_modes
from jitbuild.request import JITS, PROFILES, parse
from jitbuild.system import process
from jitbuild.system.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jitbuild.modes import Mode
    from jitbuild.request import Jit, Profile

_LISTING_SECONDS = 120.0
_OUTPUT_LINES = 12
_PARAMETERS = re.compile(r"\((.*)\)")
# The names that jitbuild.nox gives to its sessions.
_PARAMETER = re.compile(
    rf"(.+?)(?:-({'|'.join(JITS)}))?(?:-({'|'.join(PROFILES)}))?-jit-({'|'.join(MODES)})"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixSession:
    """A nox session to run: its name, the request as typed, the mode, and the stated axes."""

    session: str
    python: str
    mode: Mode
    jit: Jit | None = None
    profile: Profile | None = None


def requested_pythons(stated: Sequence[str] | None, *, hint: str = "") -> list[str]:
    """Return the stated requests or, if there are none, the setting `pythons`.

    `hint` ends the remedy if there are no requests. Raise UsageError if there are no requests,
    RequestError if a stated text is not a request, and SettingsError if the setting is invalid.
    """
    requests = [parse(text) for text in stated] if stated else setting_lists.pythons()
    if not requests:
        raise UsageError(
            "No Pythons are named.",
            remedy="Use --pythons 3.14 3.15, or write them into pyproject.toml: "
            f'[tool.jitbuild] pythons = ["3.14", "3.15"].{hint}',
        )
    return [request.text for request in requests]


def requested_modes(stated: Sequence[str] | None) -> list[Mode]:
    """Return the stated modes, else those of the setting `modes`, else `off` and `on`."""
    return parse_modes(stated) if stated else setting_lists.modes() or ["off", "on"]


def product_of(
    pythons: Iterable[str], modes: Iterable[Mode], *, name: str = "tests"
) -> list[MatrixSession]:
    """Return a session for each Python in each mode, with the names that jitbuild.nox uses.

    `name` is the name of the function in the noxfile.
    """
    modes = list(dict.fromkeys(modes))
    return [
        MatrixSession(session=f"{name}({python}-jit-{mode})", python=python, mode=mode)
        for python in dict.fromkeys(pythons)
        for mode in modes
    ]


def sessions_of_noxfile(
    noxfile: str,
    *,
    pythons: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
    runner: process.Runner = process.run,
) -> list[MatrixSession]:
    """Return the JIT sessions of a noxfile, restricted to the stated Pythons and modes.

    The settings do not restrict the sessions, because jitbuild.nox applied them when it made the
    sessions. Raise UsageError if the noxfile has no JIT sessions, and RequestError if no session
    uses a stated Python.
    """
    sessions = parse_listing(list_sessions(noxfile, runner=runner))
    if not sessions:
        raise UsageError(
            f"{noxfile} has no sessions made by jitbuild.nox.",
            remedy="Write one with `@jit.session(...)`, as docs/ci.md shows. "
            "`nox --list --tags jit` lists them.",
        )
    wanted_modes = requested_modes(modes) if modes else MODES
    known = list(dict.fromkeys(session.python for session in sessions))
    wanted_pythons = requested_pythons(pythons) if pythons else known
    for python in wanted_pythons:
        if python not in known:
            raise RequestError(
                f"{noxfile} has no session for {python}.",
                remedy=f"It has sessions for: {', '.join(known)}.",
            )
    return [
        session
        for session in sessions
        if session.mode in wanted_modes and session.python in wanted_pythons
    ]


def list_sessions(noxfile: str, *, runner: process.Runner = process.run) -> str:
    """Return the JSON list of the JIT sessions of `noxfile`, as nox prints it.

    Raise UsageError if `noxfile` does not exist, and SettingsError if nox cannot load it or does
    not end in time.
    """
    if not Path(noxfile).is_file():
        raise UsageError(
            f"The noxfile {noxfile} does not exist.", remedy="Name its path: --from-nox NOXFILE"
        )
    options = ["--noxfile", noxfile, "--list-sessions", "--json", "--tags", "jit"]
    result = runner([sys.executable, "-P", "-m", "nox", *options], timeout=_LISTING_SECONDS)
    if result.timed_out:
        raise SettingsError(
            f"nox did not list the sessions of {noxfile} within {_LISTING_SECONDS:.0f} seconds.",
            remedy="Check if the noxfile waits for something when it is imported: nox --list",
        )
    if "caused no sessions" in result.stderr:
        return "[]"
    if not result.ok:
        lines = f"{result.stderr}{result.stdout}".strip().splitlines()[-_OUTPUT_LINES:]
        output = "\n".join(f"  {line}" for line in lines)
        raise SettingsError(
            f"nox cannot load {noxfile}. Its output:\n{output}",
            remedy=f"Correct it until this works: nox -f {noxfile} --list",
        )
    return result.stdout


def parse_listing(listing: str) -> list[MatrixSession]:
    """Return the JIT sessions in the output of `nox --list-sessions --json`, in its order.

    Raise SettingsError if `listing` does not have the form of that output.
    """
    try:
        sessions = [_parse_entry(entry) for entry in parse_json(listing)]
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"nox did not print its list of sessions as JSON: {error}.",
            remedy="Check the output of: nox --list-sessions --json",
        ) from error
    return [session for session in sessions if session is not None]


def _parse_entry(entry: Mapping[str, Any]) -> MatrixSession | None:
    """Return the session of an entry in nox's list; None if jitbuild.nox did not make it.

    A session of jitbuild.nox has the tag `jit` and a parameter such as `3.15-jit-on`. It may have
    further parameters.
    """
    parameters = _PARAMETERS.search(entry["session"]) if "jit" in entry["tags"] else None
    names = parameters[1].split(", ") if parameters else []
    match = next((match for name in names if (match := _PARAMETER.fullmatch(name))), None)
    if match is None:
        return None
    python, jit, profile, mode = match.groups()
    return MatrixSession(
        session=entry["session"],
        python=python,
        mode=cast("Mode", mode),
        jit=cast("Jit | None", jit),
        profile=cast("Profile | None", profile),
    )
