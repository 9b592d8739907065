"""Fakes of what a Provisioner works through: a provider and a probe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fake_interpreter import build, framed

from jitbuild.errors import InterpreterError
from jitbuild.probing.run_probe import probe
from jitbuild.providers.provider import StagedInterpreter
from jitbuild.store.manifest import CachesRecord, LLVMRecord, SourceRecord, ToolchainRecord
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS, Host

if TYPE_CHECKING:
    from jitbuild.errors import JitbuildError
    from jitbuild.probing.verdict import Verdict
    from jitbuild.providers.provider import ProviderTask

HOST = Host(
    target=TARGETS["x86_64-linux-gnu"],
    libc="glibc 2.36",
    distro=(),
    distro_name="Test",
    cpus=2,
    kernel="Linux 6.1",
)


def fake_probe(program: Path, **options: Any) -> Verdict:
    """Probe a file whose content says what it is: `3.15.2 yes-off`, then missing modules.

    The content `broken` stands for a program that does not run.
    """
    words = Path(program).read_text().split()
    if words == ["broken"]:
        raise InterpreterError("It was ended by SIGSEGV.", remedy="Name a Python executable.")
    version, kind, *missing = words
    answers = build(kind, version=version, missing=missing)

    def run(argv: Any, /, *, env: Any, **_: Any) -> Completed:
        answer = framed(answers[env.get("PYTHON_JIT", "")])
        return Completed(argv=tuple(argv), returncode=0, stdout=answer)

    return probe(program, runner=run, environ={}, **options)


def missing_modules(program: Path) -> list[str]:
    """Return the modules that the content of `program` names, as for `fake_probe`."""
    words = Path(program).read_text().split()
    if words == ["broken"]:
        raise InterpreterError("It was ended by SIGSEGV.", remedy="Name a Python executable.")
    return words[2:]


class FakeProvider:
    """Stages a file with `content`; None is what the plan asks for. Records its tasks."""

    def __init__(self, content: str | None = None, error: JitbuildError | OSError | None = None):
        self.content = content
        self.error = error
        self.tasks: list[ProviderTask] = []

    def stage(self, task: ProviderTask) -> StagedInterpreter:
        self.tasks.append(task)
        if self.error is not None:
            raise self.error
        prefix = task.scratch / "stage" / "prefix"
        program = prefix / "bin" / "python3"
        program.parent.mkdir(parents=True)
        plan = task.plan
        program.write_text(self.content or f"{plan.version} {plan.variant.jit}")
        return StagedInterpreter(
            prefix=prefix,
            program=program,
            source=SourceRecord(digest=plan.source.digest, origin="cache", verified="pin"),
            toolchain=ToolchainRecord(
                compiler="gcc 12", libc="glibc 2.36", llvm=LLVMRecord(version="18", origin="x")
            ),
            times={"make": 1.5},
            caches=CachesRecord(configure="miss"),
            missing_headers=(),
        )
