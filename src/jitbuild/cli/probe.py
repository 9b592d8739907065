"""`jitbuild probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.cli.output import print_json
from jitbuild.errors import RequestError
from jitbuild.probing.runner import probe as ask
from jitbuild.request import Axes
from jitbuild.running.lookup import find_interpreter, find_program, parse_spec

if TYPE_CHECKING:
    import argparse

    from jitbuild.probing.verdict import Verdict


def probe(options: argparse.Namespace) -> int:
    """Print the verdict on an interpreter; returns 1 when it is not what was expected."""
    verdict = ask(_executable(options.spec), expect=options.expect)
    if options.json:
        print_json(verdict.to_json())
    else:
        print(as_text(verdict))
    return 0 if verdict.ok else 1


def _executable(spec: str) -> Path:
    """The path or the name on PATH that it is (`python3.15` is a program's name), else what the store has of that request."""
    found = find_program(spec)
    if found is not None and (spec.startswith("python") or found == Path(spec).expanduser()):
        return found
    try:
        parse_spec(spec)
    except RequestError:
        if found is None:
            raise
        return found
    return find_interpreter(spec, Axes()).executable


def as_text(verdict: Verdict) -> str:
    """A verdict for people: every check, and what follows from them."""
    lines = [
        f"{verdict.implementation} {verdict.version}{'t' if verdict.free_threaded else ''}  {verdict.executable}"
    ]
    lines += [
        f"  {'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}"
        for check in verdict.checks
    ]
    states = ", ".join(
        f"{'unset' if switch == 'default' else switch}: {'on' if on else 'off'}"
        for switch, on in verdict.enabled.items()
    )
    lines.append(f"  JIT built: {verdict.built}; by PYTHON_JIT {states}")
    lines.append(verdict.reason or "It is what was expected.")
    return "\n".join(lines)
