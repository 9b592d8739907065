"""Run one hostile case after another, and count how they end.

Every case gets a random generator of its own, which only the seed, the field and the number of the
case determine. So the case of a failure can be repeated alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import os
import random
import shutil
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jitbuild import errors
from jitbuild.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

BUG = errors.JitbuildError.exit_code
_HANGS_SECONDS = 60
_SHOWN_FAILURES = 5


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The seed of a session, the seconds for all its fields, and the only case to run (or None)."""

    seed: str
    seconds: float
    only: int | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Bounds:
        only = environ.get("JITBUILD_FUZZ_CASE")
        return cls(
            seed=environ.get("JITBUILD_FUZZ_SEED", "1"),
            seconds=float(environ.get("JITBUILD_FUZZ_SECONDS", "100")),
            only=int(only) if only else None,
        )

    def of_share(self, share: float) -> Bounds:
        """Return the bounds of one field, which gets `share` of the seconds."""
        return dataclasses.replace(self, seconds=self.seconds * share)


@dataclass(frozen=True)
class Ending:
    """How a case ended: its exit code, what it was, and what it printed."""

    code: int
    case: str
    output: str


@dataclass
class Tally:
    """The endings of the cases of one field, by exit code, and those that must not happen."""

    name: str
    codes: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.codes.total()

    @property
    def bugs(self) -> int:
        return self.codes[BUG]

    def line(self) -> str:
        """Return the counts in one line."""
        endings = ", ".join(
            f"{_class_of(code)} {count}" for code, count in sorted(self.codes.items())
        )
        return f"{self.name}: tried {self.tried}: {endings}; 70s: {self.bugs}"


def _class_of(code: int) -> str:
    names = {
        kind.exit_code: kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.JitbuildError)
    }
    return f"{names.get(code, 'exit')} ({code})"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case: its random numbers, and its own empty folder."""

    rng: random.Random
    folder: Path

    def run(self, *argv: str, environ: Mapping[str, str] | None = None) -> Ending:
        """Run a command line of jitbuild in this process, in the folder, and return its ending."""
        given = dict(environ or {})
        out = io.StringIO()
        before = dict(os.environ)
        os.environ.update({"JITBUILD_HOME": str(self.folder / "home"), **given})
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                code = _exit_code(argv)
        finally:
            os.chdir(self.folder.parent)
            os.environ.clear()
            os.environ.update(before)
            gc.enable()
            gc.unfreeze()
        return Ending(code, f"{list(argv)} with {given}", out.getvalue())

    def call(self, function: Callable[[], object], case: str) -> Ending:
        """Call `function`, and return the ending that the command line would have."""
        try:
            function()
        except errors.JitbuildError as error:
            return Ending(error.exit_code, case, str(error))
        except Exception:  # noqa: BLE001
            return Ending(BUG, case, traceback.format_exc())
        return Ending(0, case, "")


def _exit_code(argv: Sequence[str]) -> int:
    try:
        return main(argv)
    except SystemExit as ending:  # --help and --version
        return int(ending.code or 0)


def fuzz(
    ending: Callable[[Case], Ending],
    tally: Tally,
    bounds: Bounds,
    folder: Path,
    *,
    expected: Callable[[Ending], bool] = lambda ending: ending.code != BUG,
) -> None:
    """Run the cases of a field within `bounds`, and add their endings to `tally`."""
    until = time.monotonic() + bounds.seconds
    number = bounds.only or 0
    while time.monotonic() < until and len(tally.failures) < _SHOWN_FAILURES:
        place = folder / "a" / "case"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        rng = random.Random(f"{bounds.seed}/{tally.name}/{number}")
        with _no_hang(f"{tally.name}, case {number}"):
            end = ending(Case(rng=rng, folder=place))
        tally.codes[end.code] += 1
        if not expected(end):
            tally.failures.append(f"case {number}: {end.case}\nexit {end.code}: {end.output}")
        number += 1
        if bounds.only is not None:
            print(end)
            break


@contextlib.contextmanager
def _no_hang(what: str):
    """Fail if the block takes a minute."""

    def stop(*_: object) -> None:
        raise AssertionError(f"{what} hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_HANGS_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
