"""Runs a plan's steps in scratch and leaves a prefix that is whole but not yet proven.

The same executor runs the steps of any platform. Steps see a clean environment: nothing of the person's CFLAGS, PYTHONPATH or
version manager reaches the build, because nothing of it is in the plan's key.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from jitbuild.errors import BuildError, DiskFullError, SourceError
from jitbuild.system import files, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jitbuild.planning.plan import Plan
    from jitbuild.planning.step import Step
    from jitbuild.recipes.rules import Advice
    from jitbuild.request import Patch
    from jitbuild.system.jobserver import JobBudget, JobShare
    from jitbuild.system.process import Streamer
    from jitbuild.system.progress import Reporter, Stage

# What a build may see of the person's environment: where things are on this machine, and nothing that changes what is built.
_KEPT = (
    *("HOME", "USER", "LOGNAME", "TMPDIR", "DEVELOPER_DIR"),
    # build.bat fetches the libraries and the LLVM that it builds with.
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *(
        "APPDATA",
        "COMSPEC",
        "LOCALAPPDATA",
        "NUMBER_OF_PROCESSORS",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "PROGRAMDATA",
    ),
    *(
        "PROGRAMFILES",
        "PROGRAMFILES(X86)",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "USERPROFILE",
        "WINDIR",
    ),
)
# Folders of version managers and environments: what stands there shadows the machine's own tools, and may be a dead shim.
_SHIMS = re.compile(r"[/\\](\.?pyenv|\.?asdf|mise|rbenv|\.?nodenv)[/\\](.*[/\\])?(shims|bin)$")
_TAIL_LINES = 12
_FELT_SECONDS = 0.5
_COMPILED = re.compile(r"-c .*?(?P<file>[\w./-]+\.(?:c|cpp|S))\b")
_MATTERS = re.compile(
    r"(\berror\b[: ]|Error: |Error \d+|\*\*\*|undefined reference|No such file|No space left|Can't find)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where a build happens and what its placeholders become.

    `source` is the unpacked tree, `prefix` where the interpreter will live, `stage` the root it is installed under, `scratch`
    a folder for leftovers, `llvm` the root that the LLVM will have by the time that it is needed (None: the plan needs none),
    `python` a Python >= 3.11 that runs.
    """

    source: Path
    prefix: Path
    stage: Path
    scratch: Path
    log: Path
    python: Path
    llvm: Path | None = None

    @property
    def staged_prefix(self) -> Path:
        """Where the install step puts the prefix: under the stage on POSIX (DESTDIR), the stage itself on Windows."""
        return (
            self.stage / self.prefix.relative_to(self.prefix.anchor)
            if os.name == "posix"
            else self.stage
        )


class Aid(Protocol):
    """What spares steps their work, or makes it possible at the last moment: caches, an LLVM that is provided when needed."""

    def path(self) -> str:
        """Folders to be found first on PATH, with a separator after each."""

    def environment(self, step: Step) -> Mapping[str, str]:
        """What is added to the clean environment of a step."""

    def around(self, step: Step, go: Callable[[], None]) -> None:
        """Do what the step is for: by calling `go`, which raises BuildError when it fails and may be called again."""


class Unaided:
    """Every step does all its work."""

    def path(self) -> str:
        return ""

    def environment(self, step: Step) -> Mapping[str, str]:
        # On many systems a folder of links to ccache stands first on everybody's PATH.
        return {"CCACHE_DISABLE": "1"}

    def around(self, step: Step, go: Callable[[], None]) -> None:
        go()


def run(  # noqa: PLR0913
    plan: Plan,
    site: Site,
    *,
    reporter: Reporter,
    budget: JobBudget,
    aid: Aid | None = None,
    advice: Iterable[Advice] = (),
    streamer: Streamer = process.stream,
    placeholder: Callable[[str], str] | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, float]:
    """Run every step of `plan` at `site`, each when `budget` has a job for it; returns the seconds that each took, and `waiting`
    for what was waited for a job, where that was felt.

    `placeholder` fills those that need a host's tools. Raises BuildError with the lines of the log that matter, the log's path,
    and what to do where the failure is a known one.
    """
    edit(plan, site.source, reporter)
    times: dict[str, float] = {}
    aid = aid or Unaided()
    with site.log.open("ab") as log:
        work = _Work(
            plan,
            site,
            budget,
            aid,
            clean_environment(environ),
            log,
            tuple(advice),
            streamer,
            placeholder,
            clock,
        )
        for step in plan.steps:
            begun, waited = clock(), work.waited
            with reporter.stage(f"{plan.name}: {step.name}") as stage:
                aid.around(step, functools.partial(work.go, step, stage))
            # Waiting for another build's jobs is no work of this one.
            times[step.name] = round(clock() - begun - (work.waited - waited), 2)
    if work.waited >= _FELT_SECONDS:
        times["waiting"] = round(work.waited, 2)
    return times


@dataclass(slots=True)
class _Work:
    """The steps of one build, with all that they have in common."""

    plan: Plan
    site: Site
    budget: JobBudget
    aid: Aid
    base: Mapping[str, str]
    log: IO[bytes]
    advice: Sequence[Advice]
    streamer: Streamer
    placeholder: Callable[[str], str] | None
    clock: Callable[[], float]
    waited: float = 0.0

    def go(self, step: Step, stage: Stage) -> None:
        """Run one step to its end. Raises BuildError or DiskFullError."""
        asked = self.clock()
        with self.budget.share(self.budget.jobs if step.share == "free" else 1) as share:
            self.waited += self.clock() - asked
            filled = step.filled(functools.partial(self._value, jobs=share.jobs))
            self.log.write(
                f"\n$ {' '.join(filled.argv)}\n# in {filled.cwd}, with {dict(filled.env)}\n".encode()
            )
            self.log.flush()
            tail: deque[str] = deque(maxlen=400)
            code = self._run(filled, share, _follow(tail, stage))
        if code:
            raise _failure(step, code, list(tail), self.site.log, self.advice)

    def _run(self, step: Step, share: JobShare, on_line: Callable[[str], None]) -> int:
        env = {**self.base, **self.aid.environment(step), **dict(step.env)}
        fds: Sequence[int] = ()
        if step.share == "make":
            env |= share.make_environment()
            fds = share.pass_fds
        try:
            return self.streamer(
                step.argv, env=env, cwd=Path(step.cwd), log=self.log, on_line=on_line, pass_fds=fds
            )
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise files.as_store_error(error, Path(step.cwd)) from error
            raise BuildError(
                f"{step.argv[0]} cannot be started: {error.strerror}.",
                remedy="Run jitbuild doctor.",
            ) from error

    def _value(self, name: str, *, jobs: int) -> str:
        """What a placeholder becomes."""
        plan, site = self.plan, self.site
        if name.startswith("patch:"):
            return str(
                _patch(plan.variant.patches[int(name.removeprefix("patch:")) - 1], site.scratch)
            )
        known: dict[str, object] = {
            "source": site.source,
            "prefix": site.prefix,
            "stage": site.stage,
            "scratch": site.scratch,
            "jobs": jobs,
            "hooks": Path(__file__).parent / "hooks",
            "python": site.python,
            "path": self.aid.path() + self.base["PATH"],
        }
        if site.llvm is not None and plan.llvm is not None:
            known |= {
                "llvm_root": site.llvm,
                "llvm": site.llvm / "bin",
                "llvm_major": plan.llvm.major,
            }
        if name in known:
            return str(known[name])
        if self.placeholder is None:
            raise BuildError(
                f"The plan asks for {{{name}}}, which this machine does not have.",
                remedy="Run jitbuild doctor.",
            )
        return self.placeholder(name)


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a step sees of `environ`, with messages in English so that known failures can be recognised."""
    kept = {name: value for name, value in environ.items() if name.upper() in _KEPT}
    # The build must not find the Python of a version manager or of an active environment.
    environments = {
        os.path.join(environ[name], folder)  # noqa: PTH118
        for name in ("VIRTUAL_ENV", "CONDA_PREFIX")
        if name in environ
        for folder in ("bin", "Scripts")
    }
    folders = [
        folder
        for folder in environ.get("PATH", os.defpath).split(os.pathsep)
        if folder and folder not in environments and not _SHIMS.search(folder.rstrip("/\\"))
    ]
    return kept | {"PATH": os.pathsep.join(folders), "LC_ALL": "C.UTF-8"}


def edit(plan: Plan, source: Path, reporter: Reporter) -> None:
    """Make the plan's edits in the tree. Raises SourceError when the text of one that is needed is not there exactly once."""
    for change in plan.edits:
        path = source / change.file
        if change.optional and not path.exists():
            reporter.note(f"{change.file} is not in this tree, so a saving is left out.")
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SourceError(
                f"{path} cannot be read: {error.strerror}.",
                remedy="Is this a whole CPython source tree?",
            ) from error
        if text.count(change.find) == 1:
            path.write_text(text.replace(change.find, change.replace), encoding="utf-8")
        elif change.optional:
            reporter.note(
                f"{change.file} has changed, so a saving is left out: {change.find!r} is not in it."
            )
        else:
            raise SourceError(
                f"{change.file} does not hold {change.find!r} exactly once, so the recipe's edit does not fit this tree.",
                remedy="Correct the recipe's edit for this version (docs/recipes.md), or choose another version.",
            )


def _follow(tail: deque[str], stage: Stage) -> Callable[[str], None]:
    def follow(line: str) -> None:
        if line.strip():
            tail.append(line)
            found = _COMPILED.search(line)
            stage.detail(found["file"].removeprefix("./") if found else line[:60])

    return follow


def _patch(patch: Patch, scratch: Path) -> Path:
    """A copy of the patch as it was when the key was made of it. Raises BuildError when it has changed since."""
    try:
        content = Path(patch.path).read_bytes()
    except OSError as error:
        raise BuildError(
            f"The patch {patch.path} is gone: {error.strerror}.",
            remedy="Put it back, and try again.",
        ) from error
    if hashlib.sha256(content).hexdigest() != patch.sha256:
        raise BuildError(
            f"The patch {patch.path} has changed since the install began.", remedy="Try again."
        )
    copy = scratch / f"{patch.sha256[:16]}.patch"
    copy.write_bytes(content)
    return copy


def _failure(
    step: Step, code: int, lines: list[str], log: Path, advice: Iterable[Advice]
) -> BuildError | DiskFullError:
    shown = matters(lines)
    ended = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    what = f"{step.name} {ended}. What the log says:\n" + "\n".join(f"  {line}" for line in shown)
    remedies = [
        known.advice for known in advice if any(re.search(known.pattern, line) for line in lines)
    ]
    remedy = (
        " ".join(remedies) if remedies else "Read the log; jitbuild doctor checks this machine."
    )
    kind = DiskFullError if any("No space left on device" in line for line in lines) else BuildError
    return kind(what, remedy=f"{remedy}\nThe whole log: {log}")


def matters(lines: list[str]) -> list[str]:
    """The lines of a failed step that a person wants to see: those that speak of errors, or else the last ones."""
    speaking = [line for line in lines if _MATTERS.search(line)]
    return [line[:300] for line in (speaking or lines)[-_TAIL_LINES:]]
