"""LLVMs made of fake tools: files that hold what the tool prints for --version."""

from __future__ import annotations

from pathlib import Path

from jitbuild.planning.plan import RequiredLLVM
from jitbuild.system.process import Completed

WANT = RequiredLLVM(major=18, tools=("clang", "llvm-readobj"))
CLANG = "Debian clang version {0} (1)\nTarget: x86_64-pc-linux-gnu\n"
READOBJ = "LLVM (http://llvm.org/):\n  LLVM version {0}\n  Optimized build.\n"


class FakeTools:
    """A runner of fake tools.

    For --version a tool prints its file; it exits with an error if that is "broken", and cannot be
    started if that is "not a program". clang compiles anything unless `compile_error` is given,
    llvm-readobj prints `readobj`, and other programs print the output of their name in `outputs`.
    """

    def __init__(
        self, *, compile_error: str = "", readobj: str = "Format: elf64-x86-64", **outputs: str
    ):
        self.compile_error, self.readobj, self.outputs = compile_error, readobj, outputs
        self.commands = []

    def __call__(self, argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        self.commands.append(tuple(argv))
        name = Path(argv[0]).name
        if argv[1:] == ["--version"]:
            return self._version(argv)
        if name == "clang":
            code, error = int(bool(self.compile_error)), self.compile_error
            return Completed(argv=tuple(argv), returncode=code, stderr=error)
        output = self.readobj if name == "llvm-readobj" else self.outputs.get(name)
        return Completed(argv=tuple(argv), returncode=output is None, stdout=output or "")

    @staticmethod
    def _version(argv):
        text = Path(argv[0]).read_text()
        if text == "not a program":
            raise OSError(8, "Exec format error")
        if text == "broken":
            error = "libLLVM.so: cannot open shared object file"
            return Completed(argv=tuple(argv), returncode=127, stderr=error)
        return Completed(argv=tuple(argv), returncode=0, stdout=text)


def make_tool(folder: Path, name: str, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def make_llvm(folder: Path, version: str = "18.1.8", suffix: str = "") -> Path:
    """Make the tools of WANT in `folder`, and return it."""
    make_tool(folder, f"clang{suffix}", CLANG.format(version))
    make_tool(folder, f"llvm-readobj{suffix}", READOBJ.format(version))
    return folder
