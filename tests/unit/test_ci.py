"""What the setup-jitbuild action does between two steps of YAML, with interpreters that are none."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import stores

from jitbuild import api
from jitbuild.ci import github_action as ci
from jitbuild.cli.main import main
from jitbuild.errors import InterpreterError
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store
from jitbuild.system.progress import SilentReporter
from jitbuild.target import TARGETS, Host

HOST = Host(
    target=TARGETS["x86_64-linux-gnu"],
    libc="glibc 2.39",
    distro=("ubuntu", "debian"),
    distro_name="Ubuntu",
    cpus=2,
)
ACTION = Path(__file__).parents[2] / ".github/actions/setup-jitbuild/action.yml"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    for name in (
        *(f"JITBUILD_{name.upper()}" for name in KNOWN),
        "GITHUB_OUTPUT",
        "GITHUB_PATH",
        "GITHUB_ACTIONS",
        "RUNNER_TEMP",
        "ImageOS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "home")


def put(store, version="3.15.2", *, name=None, **variant):
    return stores.put(
        store, version, name=name or f"cpython-{version}-jit-fast-00000000", **variant
    )


class Notes(SilentReporter):
    def __init__(self):
        self.warned = []

    def warn(self, text):
        self.warned.append(text)


# ---- the cache's key -----------------------------------------------------------------------------------------------------


def key(*specs, host=HOST, root="/store", environ=None):
    made = [api.plan(spec, platform="x86_64-linux-gnu") for spec in specs]
    return ci.key(
        made, Store(Path(root)), host, {"ImageOS": "ubuntu24"} if environ is None else environ
    )


def test_the_key_is_of_the_plans_the_image_libc_and_the_stores_path():
    found = key("3.15.2", "3.14.10")
    assert re.fullmatch(r"jitbuild-x86_64-linux-gnu-ubuntu24-[0-9a-f]{16}", found.key)
    assert found.key == key("3.14.10", "3.15.2").key
    others = [
        key("3.15.2"),
        key("3.15.2", "3.14.10", root="/other"),
        key("3.15.2", "3.14.10", environ={"ImageOS": "ubuntu22"}),
        key("3.15.2", "3.14.10", host=replace(HOST, libc="glibc 2.35")),
    ]
    assert len({found.key, *(each.key for each in others)}) == 5


def test_outside_of_github_the_distribution_is_the_image():
    assert "-ubuntu-" in key("3.15.2", environ={}).key
    assert (
        "-macos-"
        in key(
            "3.15.2",
            environ={},
            host=replace(HOST, target=TARGETS["aarch64-macos"], distro=(), libc=""),
        ).key
    )


def test_the_folders_are_those_of_the_plans_alone():
    plan = api.plan("3.15.2", platform="x86_64-linux-gnu")
    assert key("3.15.2", "3.15.2").paths == (str(Path("/store/interpreters") / plan.prefix_name),)


# ---- what was restored ---------------------------------------------------------------------------------------------------


def provide(store, *specs, ensure=None, prober=lambda _: "", reporter=None):
    def build(spec):
        return store.find(api.parse(spec), api.Axes()) or put(store, f"{spec}.9")

    return ci.provide(
        specs, store, reporter or SilentReporter(), ensure=ensure or build, prober=prober
    )


def test_what_still_holds_is_used(store):
    kept = put(store)
    found = provide(store, "3.15")
    assert (found.interpreters["3.15"].instance, found.built) == (kept.instance, False)


def test_what_is_missing_is_built(store):
    put(store)
    found = provide(store, "3.15", "3.14")
    assert list(found.interpreters) == ["3.15", "3.14"]
    assert found.built


def test_what_no_longer_holds_is_removed_and_built(store):
    broken, notes = put(store), Notes()
    found = provide(
        store,
        "3.15",
        prober=lambda each: "It is silent." if each.instance == broken.instance else "",
        reporter=notes,
    )
    assert found.built
    assert found.interpreters["3.15"].instance != broken.instance
    (said,) = notes.warned
    assert said.startswith(broken.name)
    assert said.endswith("It is silent.")


def test_the_next_best_one_will_do(store):
    second = put(store, "3.15.1")
    best = put(store, "3.15.2")
    found = provide(store, "3.15", prober=lambda each: "broken" * (each.instance == best.instance))
    assert (found.interpreters["3.15"].instance, found.built) == (second.instance, False)
    assert [each.version for each in store.installed()] == ["3.15.1"]


def test_another_variant_is_left_alone(store, monkeypatch):
    monkeypatch.setenv("JITBUILD_PROFILE", "release")
    kept = put(store)
    provide(store, "3.15", ensure=lambda _: kept, prober=lambda _: "broken")
    assert [each.instance for each in store.installed()] == [kept.instance]


def test_what_ensure_would_pass_over_is_not_what_is_probed(store):
    put(store, "3.15.3", name="without", jit="no")
    broken, asked = put(store), []
    provide(
        store,
        "3.15",
        prober=lambda each: asked.append(each.name) or "It is silent.",
        ensure=lambda _: broken,
    )
    assert asked == [broken.name]


def test_one_that_cannot_be_run_says_why(store, monkeypatch):
    def probe(executable, **options):
        assert (options["expect"], options["version"]) == ("yes-off", "3.15.2")
        raise InterpreterError(f"{executable} cannot be run.", remedy="-")

    monkeypatch.setattr(ci, "probe", probe)
    kept = put(store)
    assert ci.failure(kept) == f"{kept.executable} cannot be run."


@pytest.mark.parametrize(
    ("missing", "ok", "said"),
    [
        ((), True, ""),
        (("tkinter",), True, ""),
        (("ssl", "tkinter"), True, "It lacks the modules ssl."),
        ((), False, "No machine code."),
    ],
)
def test_one_that_has_lost_something_says_what(store, monkeypatch, missing, ok, said):
    kept = stores.edited(put(store), verdict={"ok": True, "missing_modules": ["tkinter"]})
    answer = SimpleNamespace(ok=ok, missing=missing, reason="No machine code.")
    monkeypatch.setattr(ci, "probe", lambda *_, **options: answer if options["modules"] else None)
    assert ci.failure(kept) == said


# ---- what later steps need -----------------------------------------------------------------------------------------------


def test_outputs(store):
    provided = provide(store, "3.15", "3.14")
    facts = ci.outputs(provided)
    assert facts["python"] == str(provided.interpreters["3.15"].executable)
    assert list(json.loads(facts["pythons"]).items()) == [
        (spec, str(found.executable)) for spec, found in provided.interpreters.items()
    ]
    assert facts["built"] == "true"


def test_a_value_of_several_lines_cannot_be_taken_for_another_output(tmp_path):
    file = tmp_path / "output"
    file.write_text("before=1\n")
    ci.write({"key": "k", "path": "/a\npython=evil"}, file)
    mark = re.fullmatch(
        r"before=1\nkey=k\npath<<(end-[0-9a-f]{32})\n/a\npython=evil\n(end-[0-9a-f]{32})\n",
        file.read_text(),
    )
    assert mark
    assert mark[1] == mark[2]


def test_the_first_interpreter_is_first_on_path(tmp_path, store):
    provided = provide(store, "3.15", "3.14")
    bins = [str(found.executable.parent) for found in provided.interpreters.values()]
    assert ci.folders(provided.interpreters.values(), windows=False) == bins
    assert ci.folders(list(provided.interpreters.values())[:1], windows=True) == [
        bins[0],
        str(Path(bins[0]) / "Scripts"),
    ]
    file = tmp_path / "path"
    ci.add_to_path([*bins, "/programs"], file)
    assert file.read_text().splitlines() == ["/programs", *bins[::-1]]


def test_only_our_programs_are_beside_them(tmp_path):
    for name in ("jitbuild", "nox.exe", "python", "pip"):
        (tmp_path / name).touch()
    folder = ci.programs(tmp_path, tmp_path / "deep" / "programs")
    assert {path.name for path in folder.iterdir()} == {"jitbuild", "nox.exe"}
    ci.programs(tmp_path, folder)


# ---- the command ---------------------------------------------------------------------------------------------------------


def test_key_prints_it_outside_of_github(capsys, store):
    assert main(["ci", "key", "--pythons", "3.15.2 3.14.10"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("key=jitbuild-")
    assert f"\n{store.interpreters}" in out


def test_key_writes_it_under_github(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\npythons = ["3.15.2"]\n')
    assert main(["ci", "key", "--pythons", ""]) == 0  # an input that was left out
    assert capsys.readouterr().out == ""
    text = (tmp_path / "output").read_text()
    assert text.count("cpython-3.15.2") == 1


def test_provide_hands_on_what_the_action_hands_on(tmp_path, monkeypatch, store):
    kept = put(store)
    monkeypatch.setattr(api, "ensure", lambda _, **options: kept)
    monkeypatch.setitem(ci.provide.__kwdefaults__, "prober", lambda _: "")
    for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "RUNNER_TEMP"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert main(["ci", "provide", "--pythons", "3.15"]) == 0
    outputs = dict(
        line.partition("=")[::2] for line in (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
    )
    assert outputs == {
        "pythons": json.dumps({"3.15": str(kept.executable)}),
        "python": str(kept.executable),
        "built": "false",
    }
    assert set(re.findall(r"steps\.provide\.outputs\.(\w+)", ACTION.read_text())) == set(outputs)
    assert (tmp_path / "GITHUB_PATH").read_text().splitlines()[-1] == str(kept.executable.parent)


def test_the_action_names_what_key_prints(capsys):
    main(["ci", "key", "--pythons", "3.15.2"])
    printed = re.findall(r"^(\w+)(?:=|<<)", capsys.readouterr().out, re.MULTILINE)
    assert set(re.findall(r"steps\.key\.outputs\.(\w+)", ACTION.read_text())) == set(printed)


def test_every_action_is_pinned_by_a_commit_and_one_commit_alone():
    pins = {}
    for file in sorted(ACTION.parents[2].rglob("*.yml")):
        for name, pin in re.findall(
            r"uses: ([^./\s][^@\s]*)@(.*)", file.read_text(encoding="utf-8")
        ):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), f"{file}: {name}@{pin}"
            owner = "/".join(name.split("/")[:2])
            assert pins.setdefault(owner, pin) == pin, f"{file}: {name}"
    assert len(pins) >= 5
