"""The files of `jitbuild matrix --workflow`: checked by linters, and their steps run by bash."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from ci_jobs import ACTION, ROOT, Job, shell, snippets
from cli import Cli

from jitbuild.ci.jitbuild_origin import JitbuildOrigin, origin_of
from jitbuild.system import process
from snippets import all_blocks

pytestmark = pytest.mark.integration

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMED = {
    "github": ("--action", f"someone/jitbuild@{COMMIT}"),
    "gitlab": ("--format", "gitlab", "--requirement", "jitbuild==1.2"),
}
MATRICES = [
    ("--pythons", "3.15"),
    (
        *("--pythons", "3.14", ">=3.15,<3.16", "3.15t", "--modes", "off", "on", "default"),
        *("--os", "linux", "linux-arm", "macos", "windows", "windows-arm"),
        *("--runner", "windows-arm=windows-11-arm", "--session", "jit tests: all"),
    ),
]


def tool(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a linter that is installed beside this Python; skip the test if it is missing."""
    program = Path(sys.executable).with_name(name)
    if not program.exists():
        pytest.skip(f"needs {name}, which `nox -s integration` installs")
    argv = [str(program), *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def schema_errors(schema: str, folder: Path, *texts: str) -> str:
    """Return what check-jsonschema says of CI files; an empty string if they are valid."""
    files = [folder / f"file{number}.yml" for number, _ in enumerate(texts)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    options = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    done = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *options, *files)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def zizmor(text: str, folder: Path, persona: str = "auditor") -> str:
    """Return the findings of zizmor in a workflow; an empty string if there are none."""
    file = folder / ".github/workflows/jit.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    done = tool("zizmor", "--offline", "--quiet", f"--persona={persona}", file)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("words", MATRICES)
def test_linters_accept_the_workflow_for_github(
    cli: Cli, actionlint: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    text = cli("matrix", "--workflow", *NAMED["github"], *words, cwd=tmp_path).out
    assert actionlint(text) == []
    assert zizmor(text, tmp_path) == ""
    assert schema_errors("github-workflows", tmp_path, text) == ""


def test_the_linters_find_seeded_faults_in_the_workflow(
    cli: Cli, actionlint: Any, tmp_path: Path
) -> None:
    text = cli("matrix", "--workflow", *NAMED["github"], *MATRICES[0], cwd=tmp_path).out
    assert 'property "sesion" is not defined' in actionlint(text.replace(".session", ".sesion"))[0]
    assert "unpinned-uses" in zizmor(text.replace(COMMIT, "v1.2"), tmp_path)
    assert schema_errors("github-workflows", tmp_path, text.replace("steps:", "step:"))


@pytest.mark.parametrize("words", MATRICES)
def test_the_schema_accepts_the_pipeline_for_gitlab(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    text = cli("matrix", "--workflow", *NAMED["gitlab"], *words, cwd=tmp_path).out
    assert schema_errors("gitlab-ci", tmp_path, text) == ""
    assert schema_errors("gitlab-ci", tmp_path, text.replace("needs: [", "needs: 7 # ["))


def test_linters_accept_every_ci_file_of_the_docs(actionlint: Any, tmp_path: Path) -> None:
    of_registries = [
        block.text
        for block in all_blocks()
        if (block.page, block.language) == ("docs/registry.md", "yaml")
    ]
    workflows = [*snippets("yaml", "GitHub"), *of_registries]
    assert len(workflows) == 5
    for text in workflows:
        assert actionlint(text) == []
        # The auditor also wants names and limits, which the short example omits.
        assert zizmor(text.replace("@COMMIT", f"@{COMMIT}"), tmp_path, "regular") == ""
    assert schema_errors("github-workflows", tmp_path, *workflows) == ""
    pipelines = [
        *snippets("yaml", "GitLab"),
        *snippets("yaml", "A pipeline that computes its jobs"),
    ]
    assert len(pipelines) == 3
    assert schema_errors("gitlab-ci", tmp_path, *pipelines) == ""


@pytest.fixture
def nox_project(project: Path) -> Path:
    """Return the project with the noxfile of docs/ci.md, and settings for 3.15 alone."""
    (noxfile,) = snippets("python", "nox")
    (settings,) = snippets("toml", "nox")
    (project / "noxfile.py").write_text(noxfile)
    with (project / "pyproject.toml").open("a") as file:
        file.write(settings.replace('"3.14", ', ""))
    return project


def test_the_jobs_of_the_workflow_run(
    cli: Cli, adopted: dict[str, Path], nox_project: Path, tmp_path: Path
) -> None:
    """Run each job as GitHub does: the steps of the action, and then the command of the job."""
    words = ("--workflow", *NAMED["github"], "-o", "jit.yml")
    assert "with 1 build and 2 tests" in cli("matrix", *words, cwd=nox_project).err
    jobs = yaml.safe_load((nox_project / "jit.yml").read_text())["jobs"]
    (build,) = jobs["build"]["strategy"]["matrix"]["include"]
    (tmp_path / "temp").mkdir()
    runner = Job(tmp_path, cli, {"host": {"python-path": sys.executable}}, nox_project)
    assert run_action(runner, jobs["build"], build)["python"] == str(adopted["3.15"])
    for entry in jobs["test"]["strategy"]["matrix"]["include"]:
        run_action(runner, jobs["test"], entry)
        step = jobs["test"]["steps"][-1]
        env = {name: filled(value, entry) for name, value in step["env"].items()}
        out = shell(step["run"], nox_project, {**cli.env, **env, "PATH": runner.path}, own=False)
        assert "1 passed" in out
    assert entry["session"] == "tests(3.15-jit-on)"


def run_action(runner: Job, job: dict[str, Any], entry: dict[str, str]) -> dict[str, str]:
    """Run the steps of the setup-jitbuild action in a job, and return its outputs."""
    (use,) = [step for step in job["steps"] if "setup-jitbuild" in step.get("uses", "")]
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    inputs = {name: each["default"] for name, each in action["inputs"].items()}
    inputs |= {name: filled(value, entry) for name, value in use["with"].items()}
    steps = [step for step in action["runs"]["steps"] if "run" in step]
    for step in steps:
        if step["id"] != "install" or "install" not in runner.outputs:
            runner.run(step, inputs)
    return runner.outputs["provide"]


def filled(text: str, entry: dict[str, str]) -> str:
    """Return `text` with the values of an entry of the matrix filled in."""
    return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda match: entry[match[1]], text)


def test_the_jobs_of_the_pipeline_run(
    debian_pythons: dict[str, Path], nox_project: Path, tmp_path: Path
) -> None:
    """Run the scripts of a build and of a test in a new environment, as GitLab does.

    The store in the project's folder has an adopted interpreter, as if restored from the cache.
    """
    store = Cli(nox_project / ".jitbuild")
    store("adopt", debian_pythons["3.15"])
    requirement = ("--requirement", str(ROOT))
    text = store("matrix", "--workflow", "--format", "gitlab", *requirement, cwd=nox_project).out
    pipeline = yaml.safe_load(text)
    venv.create(tmp_path / "image", with_pip=True)
    path = os.pathsep.join([str(tmp_path / "image/bin"), os.defpath])
    for name in ("build 3.15 on linux", "test 3.15 on linux"):
        job = extended(pipeline, name)
        assert all(need in pipeline for need in job.get("needs", ()))
        variables = {
            name: value.replace("$CI_PROJECT_DIR", str(nox_project))
            for name, value in job["variables"].items()
        }
        (sessions,) = job.get("parallel", {"matrix": [{"JIT_SESSION": [""]}]})["matrix"]
        session = sessions["JIT_SESSION"][-1]
        env = {**store.env, **variables, "JIT_SESSION": session, "PATH": path}
        out = shell("\n".join([*job["before_script"], *job["script"]]), nox_project, env, own=False)
        assert f"python={debian_pythons['3.15']}\n" in out
        assert ("1 passed" in out) == bool(session)
    assert session == "tests(3.15-jit-on)"


def extended(pipeline: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a job of GitLab merged with the jobs that it extends."""
    job = dict(pipeline[name])
    if "extends" not in job:
        return job
    base = extended(pipeline, job.pop("extends"))
    job["variables"] = base.get("variables", {}) | job.get("variables", {})
    return base | job


class Clone:
    """Stand for a jitbuild that pip has installed from the clone `folder`."""

    version = "1.2"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_text(self, name: str) -> str:
        return f'{{"url": "{self.folder.as_uri()}", "dir_info": {{"editable": true}}}}'


def test_the_commit_of_a_clone_is_used_once_it_is_pushed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        user = ("-c", "user.name=a", "-c", "user.email=a@b")
        argv = ["git", "-C", str(tmp_path), *user, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "one")
    git("remote", "add", "origin", "git@github.com:someone/jitbuild.git")
    clone: Any = Clone(tmp_path)
    assert origin_of(clone, process.run) == JitbuildOrigin()
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    commit, url = git("rev-parse", "HEAD"), "https://github.com/someone/jitbuild.git"
    assert origin_of(clone, process.run) == JitbuildOrigin(
        url=url, ref=commit, requirement=f"jitbuild @ git+{url}@{commit}"
    )
