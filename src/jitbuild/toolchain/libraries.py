"""Check that a library can be used, by compiling and linking a program as configure does.

A search for files would instead accept a header without its library, and reject a library in an
unusual folder.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jitbuild.system import process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jitbuild.recipes.host import HostRequirement, LinkCheck
    from jitbuild.system.process import Completed, Runner
    from jitbuild.target import Host

_TIMEOUT_SECONDS = 20.0
_POSITION = re.compile(r"^<stdin>:[\d:]*\s*(fatal )?error:\s*")
_ERROR = re.compile("error|cannot find|undefined reference")


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryChecker:
    """Checks for libraries and programs, as configure does.

    Test programs are compiled into `folder` with the command `compiler` and with the CPPFLAGS,
    CFLAGS, LDFLAGS and LIBS of `environ`. Other programs are looked up on the PATH of `environ`,
    and all programs run in that environment.
    """

    folder: Path
    host: Host
    compiler: tuple[str, ...]
    runner: Runner = process.run
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def check_programs(self, names: Sequence[str]) -> tuple[bool, str]:
        """Look on PATH for a program with one of `names`.

        Return (True, the path of the first program found), or (False, a text that says that none
        was found).
        """
        program = next(filter(None, map(self._which, names)), None)
        return (True, program) if program else (False, f"no {' or '.join(names)} on PATH")

    def check_library(self, library: HostRequirement) -> tuple[bool, str]:
        """Try to compile and link a program in each of the library's `ways`.

        Return (True, the -l flags of the first way that works). If no way works, return (False, the
        compiler's error for the first way).
        """
        program = self._which(self.compiler[0])
        if not program:
            return False, f"no C compiler ({self.compiler[0]}) on PATH"
        compiler = [program, *self.compiler[1:]]
        errors = []
        for number, way in enumerate(library.ways):
            output = self.folder / f"{library.name}-{number}"
            completed = self._compile(compiler, way, output)
            if completed.ok:
                return True, _libraries_in(completed.argv) or compiler[0]
            errors.append(_error_in(completed))
        return False, errors[0]

    def _compile(self, compiler: Sequence[str], way: LinkCheck, output: Path) -> Completed:
        before, after = self._given("CPPFLAGS", "CFLAGS"), self._given("LDFLAGS", "LIBS")
        argv = [*compiler, *before, "-w", "-x", "c", "-", "-o", str(output)]
        argv += [*after, *self._flags(way)]
        try:
            return self.runner(argv, stdin=way.code, timeout=_TIMEOUT_SECONDS)
        except OSError as error:
            message = f"{compiler[0]}: {error.strerror}"
            return process.Completed(argv=tuple(compiler), returncode=127, stderr=message)

    def _flags(self, way: LinkCheck) -> list[str]:
        formula = self._brew(way.brew) if way.brew and self.host.target.system == "macos" else None
        folders = [f"-I{formula}/include", f"-L{formula}/lib"] if formula else []
        if way.pkg_config:
            flags = self._output_of("pkg-config", "--cflags", "--libs", way.pkg_config)
            if flags is not None:
                return [*folders, *shlex.split(flags)]
        return [*folders, *way.link]

    def _given(self, *names: str) -> list[str]:
        """Return the words in the values of the variables `names`."""
        return [word for name in names for word in shlex.split(self.environ.get(name, ""))]

    def _brew(self, formula: str) -> Path | None:
        """Return the folder of the Homebrew formula `formula`, or None if it is not installed."""
        prefix = self._output_of("brew", "--prefix")
        folder = Path(prefix) / "opt" / formula if prefix else None
        return folder if folder and folder.is_dir() else None

    def _output_of(self, name: str, *args: str) -> str | None:
        """Return the stripped output of the program `name`; None if it is not on PATH or fails."""
        program = self._which(name)
        completed = program and process.run_if_available(
            [program, *args], timeout=_TIMEOUT_SECONDS, runner=self.runner
        )
        return completed.stdout.strip() if completed and completed.ok else None

    def _which(self, name: str) -> str | None:
        return shutil.which(name, path=self.environ.get("PATH", ""))


def _libraries_in(argv: Sequence[str]) -> str:
    return " ".join(arg for arg in argv if arg.startswith("-l"))


def _error_in(completed: Completed) -> str:
    """Return the line of the compiler's output that reports the error."""
    if completed.timed_out:
        return f"the compiler did not finish within {_TIMEOUT_SECONDS:.0f} s"
    lines = [line.strip() for line in completed.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.search(line)]
    exit_code = f"the compiler failed with exit code {completed.returncode}"
    return _POSITION.sub("", (errors or lines or [exit_code])[0])
