"""`jitbuild matrix`, the setup-jitbuild action and docs/ci.md, with nox, actionlint and bash.

The files that `jitbuild matrix --workflow` writes are tested in test_workflow_real.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from ci_jobs import ACTION, ROOT, Job, shell, snippets
from cli import Cli

from jitbuild.errors import SettingsError, UsageError

pytestmark = pytest.mark.integration

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


def test_a_file_made_from_settings_is_compared_with_the_noxfile(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(f"# sessions of jitbuild\n{NOXFILE}")
    words = ("matrix", "--workflow", "--action", f"me/jitbuild@{'a' * 40}")
    assert cli(*words, "--pythons", "3.14", "3.15", cwd=tmp_path).err == ""
    assert (
        "noxfile.py has no session `unit(3.14-jit-off)` or `unit(3.14-jit-on)`"
        in cli(*words, "--pythons", "3.14", "--session", "unit", cwd=tmp_path).err
    )


def test_a_noxfile_in_another_folder_is_read(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "sessions.py").write_text(NOXFILE)
    words = ("matrix", "--from-nox", "elsewhere/sessions.py")
    assert len(cli(*words, cwd=tmp_path).json()["test"]) == 4
    workflow = cli(*words, "--workflow", "--action", "me/jitbuild@v1", cwd=tmp_path).out
    step = yaml.safe_load(workflow)["jobs"]["test"]["steps"][-1]
    assert step["run"] == 'nox -f "$NOXFILE" -s "$SESSION"'
    assert step["env"]["NOXFILE"] == "elsewhere/sessions.py"


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
    with (project / "pyproject.toml").open("a") as file:
        file.write(table)
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


def test_the_matrix_step_of_this_repository_writes_the_outputs_that_its_jobs_read(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    workflow = (ROOT / ".github/workflows/build.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(workflow)["jobs"]
    (run,) = [step["run"] for step in jobs["matrix"]["steps"] if step.get("id") == "matrix"]
    shell(run, tmp_path, {**cli.env, "GITHUB_OUTPUT": "output", "OS": "linux macos"})
    outputs = dict(
        line.partition("=")[::2] for line in (tmp_path / "output").read_text().splitlines()
    )
    for name in ("build", "test"):
        entries = json.loads(outputs[name])["include"]
        read = set(
            re.findall(r"matrix\.(\w+)(?! *\.)", json.dumps({**jobs[name], "strategy": None}))
        ) - {"outputs", "result"}
        assert read <= set(entries[0])


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
    path = job.path
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
    manifest = manifest.replace("adopted = true", "adopted = false")
    manifest = manifest.replace(newest["name"], restored.name)
    manifest = manifest.replace(newest["version"], "3.15.99")
    (restored / "jitbuild.toml").write_text(
        re.sub(
            r'^executable = ".*"',
            'executable = "bin/python3.15"',
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


def test_the_first_job_of_the_docs_writes_the_child_pipeline(cli: Cli, project: Path) -> None:
    (snippet,) = snippets("yaml", "A pipeline that computes its jobs")
    (settings,) = snippets("toml", "nox")
    (project / "pyproject.toml").write_text(settings)
    parent = yaml.safe_load(snippet)
    install, write = parent["jit-matrix"]["script"]
    assert install == 'pip install "$JITBUILD"'
    shell(write, project, {**cli.env, **parent["variables"]})
    (written,) = parent["jit-matrix"]["artifacts"]["paths"]
    assert parent["jit"]["trigger"]["include"] == [{"artifact": written, "job": "jit-matrix"}]
    jobs = yaml.safe_load((project / written).read_text())
    assert jobs["test 3.15 on linux"]["needs"] == ["build 3.15 on linux"]
    assert jobs[".jitbuild"]["before_script"] == [
        f"python -P -m pip install {parent['variables']['JITBUILD']}"
    ]


def test_the_pytest_commands_of_the_docs_run(
    cli: Cli, adopted: dict[str, Path], project: Path
) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "small"\nversion = "1"\n')
    (project / "src/small").mkdir(parents=True)
    (project / "src/small/__init__.py").touch()
    (project / "test_import.py").write_text("import small\n\ndef test_import():\n    pass\n")
    script, _ = snippets("sh", "Without nox")
    assert shell(script, project, cli.env).count("2 passed") == 2


def test_the_tox_configuration_of_the_docs_runs(
    cli: Cli, adopted: dict[str, Path], project: Path, cache_folder: Path
) -> None:
    (config,), (_, script) = snippets("ini", "Without nox"), snippets("sh", "Without nox")
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
