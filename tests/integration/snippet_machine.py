"""Run the snippets of the documentation on a machine of their own: a home, a clone and projects."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_MARK = "the exit status of the command is"
_STATUS = re.compile(r"# exit status (\d+)")
_VERSION = re.compile(r"\b3\.\d+\.\d+\b")
_PATH = re.compile(r"(?<!\S)/\S+/(?=[\w.]+$)", re.MULTILINE)
_DROPPED = re.compile(
    r"(JITBUILD|PYTHON|PYTEST|COV|NOX|VIRTUAL_ENV|CI$|GITHUB|RUNNER|XDG|TOX|UV_PROJECT)"
)
_SMALL = {
    "pyproject.toml": (
        '[project]\nname = "small"\nversion = "1"\n\n[tool.setuptools]\npy-modules = ["small"]\n\n'
        '[dependency-groups]\ntesting = ["pytest"]\n\n'
        '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n\n'
    ),
    "small.py": (
        "def total(count):\n    found = 0.0\n    for number in range(count):\n"
        "        found += number * 0.5\n    return found\n"
    ),
    "tests/test_small.py": (
        "import small\n\n\ndef test_total():\n    assert small.total(20_000) == 99_995_000\n"
    ),
    "tests/requirements.txt": "pytest\n",
    "benchmarks/test_speed.py": (
        "import small\n\n\ndef test_speed(benchmark):\n"
        "    assert benchmark(small.total, 20_000) == 99_995_000\n"
    ),
    **dict.fromkeys(("script.py", "bench.py"), "import small\n\nprint(small.total(4_000_000))\n"),
}


class Command(NamedTuple):
    """A command of a console block: its text, its exit status, and the output below it."""

    text: str
    status: int
    output: tuple[str, ...]


def commands_of(text: str) -> list[Command]:
    """Return the commands of a console block. A line ending in a backslash is continued."""
    commands: list[Command] = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = next(index for index, line in enumerate(lines) if not line.endswith("\\"))
        command = "\n".join(lines[: end + 1])
        status = _STATUS.search(command)
        commands.append(Command(command, int(status[1]) if status else 0, tuple(lines[end + 1 :])))
    return commands


@dataclass
class Machine:
    """A machine on which jitbuild is used for the first time.

    `jitbuild` is a clone of the repository; projects are beside it. `path` are the folders of
    programs that the machine has in addition to those of this one.
    """

    folder: Path
    path: tuple[Path, ...] = ()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def store(self) -> Path:
        return self.home / ".local/share/jitbuild"

    @property
    def clone(self) -> Path:
        return self.folder / "jitbuild"

    def set_up(self) -> None:
        """Copy the files of this repository as a clone whose commit is on GitHub."""
        self.home.mkdir(parents=True)
        listing = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
        names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.clone / name)
        user = "git -c user.name=someone -c user.email=someone@example.org"
        self.shell(
            f"git init -q && git add -A && {user} commit -qm clone && git remote add origin "
            "https://github.com/someone/jitbuild && git update-ref refs/remotes/origin/main HEAD",
            self.clone,
        )

    def project(self, name: str) -> Path:
        """Return the folder of a new project with a module, tests and scripts."""
        folder = self.folder / name
        for file, text in _SMALL.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        return folder

    def with_venv(self, name: str, python: Path = Path(sys.executable)) -> Machine:
        """Return this machine with an activated, empty virtual environment of `python`."""
        venv = self.folder / name
        argv = [sys.executable, "-m", "virtualenv", "--quiet", "--python", str(python), str(venv)]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        return Machine(self.folder, (venv / "bin", *self.path))

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _DROPPED.match(name)}
        own = str(Path(sys.executable).parent)
        path = [folder for folder in kept["PATH"].split(os.pathsep) if folder != own]
        settings = Path("~/.config/pip/pip.conf").expanduser()
        pip = {"PIP_CONFIG_FILE": str(settings)} if settings.exists() else {}
        return {
            **pip,
            **kept,
            "HOME": str(self.home),
            "PATH": os.pathsep.join([*map(str, self.path), *path]),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        }

    def shell(self, script: str, folder: Path, **env: str) -> str:
        """Run a script in bash; return its output, both of stdout and of stderr."""
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, f"{script}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def run(self, text: str, folder: Path, **env: str) -> list[str]:
        """Run the commands of a console block in one shell, and return the output of each.

        Each command must exit with the status of its comment `# exit status N`, or with 0, and
        print the lines below it. A line `...` stands for any number of lines.
        """
        commands = commands_of(text)
        report = f'\nprintf "\\n{_MARK} %s\\n" "$?"\n'
        script = "".join(f"{command.text}{report}" for command in commands)
        parts = re.split(rf"\n{_MARK} (\d+)\n", self.shell(script, folder, **env))
        outputs, statuses = parts[:-1:2], parts[1::2]
        assert len(outputs) == len(commands), parts[-1]
        for command, output, status in zip(commands, outputs, statuses, strict=True):
            assert int(status) == command.status, (
                f"$ {command.text}\nended with {status}:\n{output}"
            )
            assert not command.output or prints(output, command.output), (
                f"$ {command.text}\nprinted:\n{output}"
            )
        return outputs


def prints(output: str, lines: tuple[str, ...]) -> bool:
    """Return True if the `output` begins with the `lines` of the documentation.

    The versions of Python may differ, and so may the folders of programs.
    """
    expected = "".join("*" if line == "..." else f"{plain(line)}\n" for line in lines)
    return fnmatch.fnmatchcase(plain(output) + "\n", f"{expected}*")


def plain(text: str) -> str:
    """Return `text` without the versions of Python and the folders at the ends of lines."""
    return _PATH.sub("/", _VERSION.sub("X.Y.Z", text))
