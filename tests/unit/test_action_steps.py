"""The steps of the setup-jitbuild action, and the files by which they pass values on."""

import json
import re
from pathlib import Path

import pytest
import stores
from reporters import RecordingReporter

from jitbuild import api
from jitbuild.ci import action_steps
from jitbuild.ci.github_files import append_outputs, append_path
from jitbuild.ci.provide_interpreters import ProvidedInterpreters
from jitbuild.cli.main import main
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store

ACTION = Path(__file__).parents[2] / ".github/actions/setup-jitbuild/action.yml"
VARIABLES = ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_ACTIONS", "RUNNER_TEMP", "ImageOS")


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    for name in (*(f"JITBUILD_{name.upper()}" for name in KNOWN), *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "home")


@pytest.fixture
def interpreters(store):
    return {spec: stores.put(store, f"{spec}.9") for spec in ("3.15", "3.14")}


def test_the_outputs_name_every_interpreter_and_the_first(interpreters):
    values = action_steps.outputs(ProvidedInterpreters(interpreters, built=True))
    executables = {spec: str(found.executable) for spec, found in interpreters.items()}
    assert values == {
        "pythons": json.dumps(executables),
        "python": executables["3.15"],
        "built": "true",
    }


def test_a_value_of_several_lines_cannot_be_read_as_another_output(tmp_path):
    file = tmp_path / "output"
    file.write_text("before=1\n")
    append_outputs({"key": "k", "path": "/a\npython=evil"}, file)
    match = re.fullmatch(
        r"before=1\nkey=k\npath<<(end-[0-9a-f]{32})\n/a\npython=evil\n(end-[0-9a-f]{32})\n",
        file.read_text(),
    )
    assert match
    assert match[1] == match[2]


def test_the_first_interpreter_is_first_on_path(tmp_path, interpreters):
    folders = [str(found.executable.parent) for found in interpreters.values()]
    assert action_steps.path_folders(interpreters.values(), windows=False) == folders
    assert action_steps.path_folders([interpreters["3.15"]], windows=True) == [
        folders[0],
        str(Path(folders[0]) / "Scripts"),
    ]
    file = tmp_path / "path"
    append_path([*folders, "/programs"], file)
    assert file.read_text().splitlines() == ["/programs", *folders[::-1]]


def test_only_the_programs_of_jitbuild_and_nox_are_copied(tmp_path):
    for name in ("jitbuild", "nox.exe", "python", "pip"):
        (tmp_path / name).touch()
    folder = action_steps.copy_programs(tmp_path, tmp_path / "deep" / "programs")
    assert {path.name for path in folder.iterdir()} == {"jitbuild", "nox.exe"}
    assert action_steps.copy_programs(tmp_path, folder) == folder


def test_the_key_step_prints_its_outputs_outside_github(capsys, store):
    assert main(["ci", "key", "--pythons", "3.15.2 3.14.10"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("key=jitbuild-")
    assert f"\n{store.interpreters}" in out


def test_the_key_step_writes_its_outputs_into_the_file_of_github(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\npythons = ["3.15.2"]\n')
    assert main(["ci", "key", "--pythons", ""]) == 0  # an empty input of the action
    assert capsys.readouterr().out == ""
    text = (tmp_path / "output").read_text()
    assert text.count("cpython-3.15.2") == 1


def test_the_provide_step_writes_outputs_and_path(tmp_path, store, interpreters):
    environ = {
        name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "RUNNER_TEMP")
    }
    printed = action_steps.provide_step(
        ["3.15"],
        store,
        RecordingReporter(),
        interpreters.__getitem__,
        inspect=lambda _: "",
        environ=environ,
    )
    assert printed == ""
    lines = (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
    values = dict(line.partition("=")[::2] for line in lines)
    executable = interpreters["3.15"].executable
    assert values == {
        "pythons": json.dumps({"3.15": str(executable)}),
        "python": str(executable),
        "built": "false",
    }
    assert set(re.findall(r"steps\.provide\.outputs\.(\w+)", ACTION.read_text())) == set(values)
    path = (tmp_path / "GITHUB_PATH").read_text().splitlines()
    assert path == [str(tmp_path / "RUNNER_TEMP/jitbuild-programs"), str(executable.parent)]


def test_the_provide_step_prints_its_outputs_outside_github(store, interpreters):
    printed = action_steps.provide_step(
        ["3.15"],
        store,
        RecordingReporter(),
        interpreters.__getitem__,
        inspect=lambda _: "",
        environ={},
    )
    assert printed.splitlines()[-1] == "built=false"


def test_the_action_uses_the_outputs_that_the_key_step_prints(capsys):
    main(["ci", "key", "--pythons", "3.15.2"])
    printed = re.findall(r"^(\w+)(?:=|<<)", capsys.readouterr().out, re.MULTILINE)
    assert set(re.findall(r"steps\.key\.outputs\.(\w+)", ACTION.read_text())) == set(printed)


def test_every_action_is_pinned_by_the_same_commit_everywhere():
    pins = {}
    for file in sorted(ACTION.parents[2].rglob("*.yml")):
        for name, pin in re.findall(
            r"uses: ([^./\s][^@\s]*)@(.*)", file.read_text(encoding="utf-8")
        ):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), f"{file}: {name}@{pin}"
            owner = "/".join(name.split("/")[:2])
            assert pins.setdefault(owner, pin) == pin, f"{file}: {name}"
    assert len(pins) >= 5


def test_provide_installs_missing_interpreters_and_prints_the_outputs(store, monkeypatch, capsys):
    calls = []

    def ensure(spec, *, options, reporter):
        calls.append((spec, options.install_deps))
        return stores.put(store, f"{spec}.9")

    monkeypatch.setattr(api, "ensure", ensure)
    assert main(["ci", "provide", "--pythons", "3.15,3.14", "--install-deps"]) == 0
    assert calls == [("3.15", True), ("3.14", True)]
    outputs = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert list(json.loads(outputs["pythons"])) == ["3.15", "3.14"]
    assert outputs["built"] == "true"
