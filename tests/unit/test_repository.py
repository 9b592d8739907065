"""The files that people work with: pre-commit, CONTRIBUTING.md and the issue forms."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"


def load(path: Path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_pre_commit_hooks_have_the_requirements_of_the_lint_group():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    nox = next(text for text in groups["project"]["dependencies"] if text.startswith("nox"))
    known = {*groups["dependency-groups"]["lint"], nox}
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "python"
        assert set(hook["additional_dependencies"]) <= known, hook["id"]


def test_pre_commit_runs_every_tool_of_the_lint_session():
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    lint = noxfile[noxfile.index("def lint(") : noxfile.index("def actionlint(")]
    tools = re.findall(r'session\.run\("(\w+)", ("check"|"format"|"--offline"|"--quiet")', lint)
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = " ".join(hook["entry"] for hook in repository["hooks"])
    assert len(tools) == 4
    for tool, argument in tools:
        assert f"{tool} {argument.strip(chr(34))}" in entries


def test_the_sessions_and_files_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for session in re.findall(r"`nox -s (\w+)`", text):
        assert f"\ndef {session}(" in noxfile
    paths = re.findall(r"`((?:src|recipes|tests|benchmarks|docs|\.github)/[\w./]*)`", text)
    paths += re.findall(r"\]\(([\w./]+)\)", text)
    assert len(paths) > 10
    for path in paths:
        if "NAME" in path:
            continue
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_issue_forms_have_a_title_and_unique_ids(name: str):
    form = load(FORMS / f"{name}.yml")
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(set(ids)) == len(ids)


def test_the_bug_form_requires_the_output_of_doctor_and_requests_the_log():
    fields = {field.get("id"): field for field in load(FORMS / "bug.yml")["body"]}
    assert "jitbuild doctor --json" in fields["doctor"]["attributes"]["label"]
    assert fields["doctor"]["validations"]["required"]
    assert fields["log"]["attributes"]["label"] == "The log"
