"""Adopt the first Python on PATH that fits a request and passes the probe."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.advice import advise_install
from jitbuild.errors import InterpreterError, NotInstalledError
from jitbuild.probing.run_probe import probe
from jitbuild.providers.adopt import adopt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jitbuild.probing.verdict import Verdict
    from jitbuild.sessions.interpreter_request import InterpreterRequest
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.store.store import Store

# Programs named `python` or `python3` may have any version.
_PROGRAM = re.compile(r"python(?:3(?P<minor>\.\d+)?(?P<threads>t?))?(?:\.exe)?")


def adopt_from_path(
    request: InterpreterRequest,
    store: Store,
    path: str,
    *,
    probe: Callable[..., Verdict] = probe,
    adopt: Callable[..., Interpreter] = adopt,
) -> Interpreter:
    """Register the first Python on `path` that fits `request` and passes the probe.

    `path` has the form of the variable PATH. If no Python fits, raise NotInstalledError, whose
    message has the reason for each probed program.
    """
    expect = request.jit or ("no" if request.request.free_threaded else "jit")
    reasons = []
    for program in programs_on_path(request, path):
        try:
            verdict = probe(program, expect=expect)
        except InterpreterError as error:
            reasons.append(error.what)
            continue
        if reason := mismatch(request, verdict):
            reasons.append(f"{program}: {reason}")
            continue
        # Adopt the program that answered the probe. If `program` is the shim of a version manager,
        # the shim may start another Python later.
        executable = Path(verdict.facts.executable or program)
        return adopt(store, executable, expect=expect, profile=request.profile)
    details = " ".join(reasons) or "No program has a suitable name."
    raise NotInstalledError(
        f"No Python on PATH fits {request.name} and passes the probe. {details}",
        remedy=advise_install(
            "Add a suitable Python to PATH, or build one", request.request.text, request.axes
        ),
    )


def programs_on_path(request: InterpreterRequest, path: str) -> Iterator[Path]:
    """Yield the programs on `path` whose names fit the requested version, each file once."""
    seen = set()
    for folder in filter(None, path.split(os.pathsep)):
        try:
            programs = sorted(Path(folder).glob("python*"), reverse=True)
        except OSError:
            continue
        for program in programs:
            if not _name_fits(program.name, request) or not program.is_file():
                continue
            file = program.resolve()
            if file not in seen:
                seen.add(file)
                yield program


def mismatch(request: InterpreterRequest, verdict: Verdict) -> str:
    """Return the reason why an interpreter does not fit, as a sentence; "" if it fits."""
    if not request.request.admits(verdict.version):
        return f"it is Python {verdict.version}."
    if verdict.facts.prefix != verdict.facts.base_prefix:
        return "it belongs to a virtual environment."
    if not verdict.ok:
        return verdict.reason
    if verdict.free_threaded != request.request.free_threaded:
        return "it is free-threaded." if verdict.free_threaded else "it is not free-threaded."
    return ""


def _name_fits(name: str, request: InterpreterRequest) -> bool:
    match = _PROGRAM.fullmatch(name)
    if match is None or not match["minor"]:
        return match is not None
    if request.series and f"3{match['minor']}" != request.series:
        return False
    return bool(match["threads"]) == request.request.free_threaded
