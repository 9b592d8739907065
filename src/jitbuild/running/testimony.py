"""Read what the processes of a command wrote about themselves (in_target/witness.py)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import msgspec

_RELEASE_LEVELS = {"alpha": "a", "beta": "b", "candidate": "rc"}


class StartFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a testimony, written when the process started or was forked.

    `switch` and `stress` are the values of PYTHON_JIT and PYTHON_JIT_STRESS, or empty strings. The
    process id is in the name of the file.
    """

    implementation: str
    version: tuple[int, int, int, str, int]
    debug: bool
    free_threaded: bool
    executable: str
    base_executable: str
    base_prefix: str
    arguments: tuple[str, ...]
    switch: str
    stress: str
    forked: bool


class EndFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The second line of a testimony, written when the process ended.

    `enabled` is None if the interpreter has no `sys._jit`. `executors` and `machine_code` are None
    if they could not be counted. `mappings` is the number of anonymous executable mappings, into
    which the JIT writes machine code; None if the system does not list them. `unseen` has up to
    five commands of Pythons that could not testify because of the way in which this process started
    them. `audit_seconds` is about the time that the observation took while the program ran; 0 if it
    was short.
    """

    enabled: bool | None
    executors: int | None
    machine_code: int | None
    mappings: int | None
    tracers: tuple[str, ...]
    unseen: tuple[str, ...]
    audit_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Testimony:
    """The facts that one Python process wrote about itself.

    `end` is None if the process did not end by itself, or if its Python has no executors.
    `replaced` is True if `end` is None because the process continued as another program (exec),
    which testified as well.
    """

    __test__ = False

    start: StartFacts
    end: EndFacts | None = None
    replaced: bool = False

    @property
    def version(self) -> str:
        """The version in the form of release names, such as `3.15.0b2`."""
        major, minor, micro, level, serial = self.start.version
        suffix = f"{_RELEASE_LEVELS[level]}{serial}" if level in _RELEASE_LEVELS else ""
        return f"{major}.{minor}.{micro}{suffix}"

    @property
    def executable(self) -> str:
        """The path of the Python that ran; empty if it is unknown, as in an embedded Python."""
        return self.start.executable or self.start.base_executable


def parse_testimony(text: str) -> Testimony | None:
    """Return the testimony in the text of a file, or None if its first line is not complete."""
    start, end = [*(_line(line) for line in text.splitlines()[:2]), {}, {}][:2]
    try:
        facts = msgspec.convert(start, StartFacts)
    except ValueError:  # a ValidationError, or a key with a surrogate
        return None
    try:
        return Testimony(start=facts, end=msgspec.convert(end, EndFacts))
    except ValueError:  # a ValidationError, or a key with a surrogate
        return Testimony(start=facts)


def _line(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
