"""The shell steps of the workflow "Recipes", run with a real git and a stub of gh."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from jitbuild.cli.parser import parse
from jitbuild.pins.series_file import with_tag

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/recipes.yml").read_text(encoding="utf-8"))
FILE = "recipes/cpython-3.15.toml"
GH = """\
#!/bin/sh
echo "$@" >> "$GH_LOG"
if [ "$2" = list ]; then cat "$GH_LIST"; fi
"""


def step(job: str, name: str) -> dict[str, Any]:
    """Return the step of the job whose name begins with `name`."""
    (found,) = [each for each in WORKFLOW["jobs"][job]["steps"] if each["name"].startswith(name)]
    return found


def test_the_step_that_gets_the_pins_is_a_command_that_jitbuild_knows():
    words = step("update", "Get the pins")["run"].split(" || ")[0].split()
    options = parse(words[1:])
    assert (words[0], options.words, options.recipes) == ("jitbuild", ["update"], "recipes")


def test_only_the_job_that_runs_nothing_else_may_write():
    jobs = WORKFLOW["jobs"]
    assert WORKFLOW["permissions"] == {}
    assert jobs["update"]["permissions"] == {"contents": "read"}
    assert jobs["propose"]["permissions"] == {"contents": "write", "pull-requests": "write"}
    uses = [each["uses"].partition("@")[0] for each in jobs["propose"]["steps"] if "uses" in each]
    assert uses == ["actions/checkout", "actions/download-artifact"]


class Forge:
    """A remote repository, clones of it, and a gh that records its arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote, self.log, self.list = (folder / name for name in ("remote", "log", "list"))
        self.output = folder / "output"
        self.list.write_text("[]\n")
        program = folder / "bin" / "gh"
        program.parent.mkdir()
        program.write_text(GH)
        program.chmod(0o755)
        first = folder / "first"
        for name in ("recipes", "docs", "tests"):
            (first / name).mkdir(parents=True)
            (first / name / "x").write_text("x")
        shutil.copy(ROOT / FILE, first / FILE)
        self.git(folder, "init", "-q", "--bare", "-b", "main", str(self.remote))
        self.git(first, "init", "-q", "-b", "main")
        self.git(first, "add", ".")
        self.git(first, "commit", "-qm", "first")
        self.git(first, "push", "-q", str(self.remote), "main")

    @property
    def env(self) -> dict[str, str]:
        """The environment of a runner."""
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GH_LOG": str(self.log),
            "GH_LIST": str(self.list),
            "GITHUB_OUTPUT": str(self.output),
            **{f"GIT_{role}_NAME": "x" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "x@x" for role in ("AUTHOR", "COMMITTER")},
        }

    def git(self, folder: Path, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=folder, env=self.env, check=True, capture_output=True, text=True
        )
        return done.stdout

    def clone(self, name: str) -> Path:
        self.git(self.folder, "clone", "-q", str(self.remote), name)
        return self.folder / name

    def run(self, folder: Path, job: str, name: str) -> None:
        """Run a step of the workflow in `folder`, as GitHub does."""
        found = step(job, name)
        env = {key: str(value) for key, value in found.get("env", {}).items()}
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]]
        subprocess.run(argv, cwd=folder, env={**self.env, **env}, check=True)


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return Forge(tmp_path)


def test_new_pins_become_one_pull_request(forge):
    checkout = forge.clone("update")
    forge.run(checkout, "update", "Save the changes")
    assert not forge.output.exists(), "without changes, there is no pull request"
    text = with_tag((checkout / FILE).read_text(), "3.15.98", {"tar-xz": "ab" * 32})
    (checkout / FILE).write_text(text)
    (checkout / "recipes" / "cpython-3.17.toml").write_text('series = "3.17"\n')
    forge.run(checkout, "update", "Save the changes")
    assert forge.output.read_text() == "changed=true\n"

    for number, listed in enumerate(["[]\n", '[{"number":1}]\n']):
        forge.list.write_text(listed)
        forge.log.write_text("")
        proposal = forge.clone(f"propose{number}")
        shutil.copy(checkout / "recipes.patch", proposal)
        forge.run(proposal, "propose", "Push the branch")
        commands = [line.split()[:2] for line in forge.log.read_text().splitlines()]
        created = [["pr", "create"]] if listed == "[]\n" else []
        assert commands == [["auth", "setup-git"], ["pr", "list"], *created]
    branch = "recipes-from-python.org"
    assert forge.git(forge.remote, "show", f"{branch}:{FILE}") == text
    changed = forge.git(forge.remote, "diff", "--name-only", "main", branch).split()
    assert changed == [FILE, "recipes/cpython-3.17.toml"]
