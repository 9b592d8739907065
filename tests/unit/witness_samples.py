"""Testimonies of processes that never ran."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from jitbuild.running.testimony import EndFacts, StartFacts, Testimony

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "/interpreters/ours"
_numbers = itertools.count(1000)


def start_facts(version: str = "3.15.2", **fields: Any) -> StartFacts:
    plain = {
        "implementation": "cpython",
        "version": (*map(int, version.split(".")), "final", 0),
        "debug": False,
        "free_threaded": False,
        "executable": f"{PREFIX}/bin/python{version[:4]}",
        "base_executable": f"{PREFIX}/bin/python{version[:4]}",
        "base_prefix": PREFIX,
        "arguments": ["python", "x.py"],
        "switch": "",
        "stress": "",
        "forked": False,
    }
    return msgspec.convert(plain | fields, StartFacts)


def end_facts(
    *,
    enabled: bool | None = None,
    executors: int | None = 0,
    mappings: int | None = 0,
    tracers: tuple[str, ...] = (),
    unseen: tuple[str, ...] = (),
    audit_seconds: float = 0.0,
) -> EndFacts:
    """Return the facts of an end, with machine code in all executors."""
    return EndFacts(
        enabled=enabled,
        executors=executors,
        machine_code=executors,
        mappings=mappings,
        tracers=tracers,
        unseen=unseen,
        audit_seconds=audit_seconds,
    )


def witness(
    *, on: bool = False, executors: int = 0, ended: bool = True, **fields: Any
) -> Testimony:
    """Return the testimony of a process of the interpreter, with the JIT on or off."""
    start = start_facts(**{"switch": str(int(on))} | fields)
    return Testimony(start=start, end=end_facts(enabled=on, executors=executors) if ended else None)


def other_python(version: str = "3.11.7", executable: str = "/usr/bin/python3.11") -> Testimony:
    """Return the testimony of a Python that cannot have executors."""
    start = start_facts(version, executable=executable, base_prefix="/usr")
    return Testimony(start=start)


def write(env: Mapping[str, str], *testimonies: Testimony) -> None:
    """Write testimonies as processes with the environment `env` would."""
    folder = Path(env["PYTHONPATH"].split(os.pathsep)[0])
    for one in testimonies:
        parts = [part for part in (one.start, one.end) if part is not None]
        lines = [ascii(msgspec.to_builtins(part)) + "\n" for part in parts]
        (folder / f"{next(_numbers)}-0.txt").write_text("".join(lines), encoding="ascii")


def verdict_fields(**fields: Any) -> dict[str, Any]:
    """Return the fields of a probe's verdict by which processes of an interpreter are known."""
    facts = SimpleNamespace(base_prefix=PREFIX)
    build = {"debug": False, "free_threaded": False, "built": "yes-off"}
    known = {"version": "3.15.2", "implementation": "cpython", "facts": facts}
    return known | build | fields
