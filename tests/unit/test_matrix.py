"""`jitbuild matrix`: which jobs there are, how they are written, and what is said of what cannot be.

Refresh tests/unit/matrices with `nox -s goldens`.
"""

import json
import os
import re
from pathlib import Path

import pytest

from jitbuild import api
from jitbuild.ci import matrix
from jitbuild.cli.main import main
from jitbuild.cli.matrix import listing, planner
from jitbuild.errors import RequestError, SettingsError, UsageError
from jitbuild.modes import MODES
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
ALL = list(matrix.SYSTEMS)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in KNOWN:
        monkeypatch.delenv(f"JITBUILD_{name.upper()}", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def run(*words):
        code = main(["matrix", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def shown(run):
    """The matrix of a command line, as the object that it prints."""

    def shown(*words):
        code, out, err = run(*words)
        assert code == 0, err
        return json.loads(out)

    return shown


def masked(text):
    """Without what changes with every release and every change of a recipe."""
    return re.sub(
        r"\b(3\.\d+)\.\d+(?:(?:a|b|rc)\d+)?",
        r"\1.N",
        re.sub(r"\b[0-9a-f]{64}\b|(?<=-)[0-9a-f]{8}\b", "KEY", text),
    )


# ---- what is in it -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["github", "gitlab", "json"])
def test_the_projects_own(run, monkeypatch, format_):
    monkeypatch.chdir(PROJECT)
    systems = [name for name in ALL if name != "windows-arm"]
    code, out, err = run("--format", format_, "--os", *systems)
    assert code == 0
    golden = HERE / "matrices" / f"project.{format_}.txt"
    text = masked(f"{out}# stderr:\n{err}")
    if os.environ.get("JITBUILD_REFRESH_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_one_test_for_each_os_python_and_mode_and_one_build_for_each_os_and_key(shown):
    found = shown("--pythons", "3.14", "3.15", "3.15.2", "--modes", "off,on", "--os", "linux,macos")
    assert [(each["os"], each["python"], each["mode"]) for each in found["test"]] == [
        (system, python, mode)
        for system in ("linux", "macos")
        for python in ("3.14", "3.15", "3.15.2")
        for mode in ("off", "on")
    ]
    assert [each["session"] for each in found["test"][:2]] == [
        "tests(3.14-jit-off)",
        "tests(3.14-jit-on)",
    ]
    newest = api.plan("3.15", platform="aarch64-macos")
    builds = {(each["os"], each["key"]): each for each in found["build"]}
    assert len(builds) == len(found["build"]) == (4 if newest.version == "3.15.2" else 6)
    assert set(builds) == {(each["os"], each["key"]) for each in found["test"]}
    built = builds["macos", newest.key]
    assert (built["target"], built["python"], built["runner"]) == (
        "aarch64-macos",
        "3.15",
        "macos-15",
    )
    assert (built["name"], built["version"]) == (newest.prefix_name, newest.version)


@pytest.mark.parametrize("system", ALL)
def test_the_key_is_the_plans(shown, system):
    (build,) = shown("--pythons", "3.15.2", "--os", system)["build"]
    assert build["key"] == api.plan("3.15.2", platform=matrix.SYSTEMS[system].target).key


def test_it_is_of_the_variant_that_would_be_installed(shown, monkeypatch):
    monkeypatch.setenv("JITBUILD_PROFILE", "debug")
    assert (
        shown("--pythons", "3.15.2")["build"][0]["key"]
        == api.plan("3.15.2", platform="x86_64-linux-gnu", profile="debug").key
    )


def test_the_store_is_not_looked_at(shown, monkeypatch):
    monkeypatch.setattr(Store, "installed", lambda _: pytest.fail("the store was looked at"))
    monkeypatch.setattr(Store, "get", lambda *_: pytest.fail("the store was looked at"))
    assert shown("--pythons", "3.15")["build"]


def test_what_is_asked_for_twice_is_there_once(shown):
    assert (
        len(
            shown("--pythons", "3.15", "3.15", "--modes", "on", "on", "--os", "linux", "linux")[
                "test"
            ]
        )
        == 1
    )


def test_the_settings_say_what_the_flags_do_not(tmp_path, shown):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.jitbuild]\npythons = ["3.14"]\nmodes = ["stress", "on"]\n'
    )
    assert [each["session"] for each in shown()["test"]] == ["tests(3.14-jit-on)"]
    assert [each["session"] for each in shown("--pythons", "3.15")["test"]] == [
        "tests(3.15-jit-stress)",
        "tests(3.15-jit-on)",
    ]
    assert [each["mode"] for each in shown("--modes", "off")["test"]] == ["off"]


def test_the_session_may_have_another_name(shown):
    assert (
        shown("--pythons", "3.15", "--modes", "on", "--session", "unit")["test"][0]["session"]
        == "unit(3.15-jit-on)"
    )


def test_a_runner_of_ones_own(shown):
    found = shown(
        "--pythons",
        "3.15",
        "--os",
        "linux",
        "windows-arm",
        "--runner",
        "linux=big=one",
        "--runner",
        "windows-arm=w",
    )
    assert [each["runner"] for each in found["build"]] == ["big=one", "w"]


def test_every_system_has_a_target():
    assert {system.target for system in matrix.SYSTEMS.values()} == set(TARGETS) - {"x86_64-macos"}


# ---- what cannot be ------------------------------------------------------------------------------------------------------


def test_what_cannot_be_is_left_out_and_said(run):
    code, out, err = run("--pythons", "3.14", "3.15t", "--modes", *MODES)
    found = json.loads(out)
    assert [each["session"] for each in found["test"]] == [
        "tests(3.14-jit-off)",
        "tests(3.14-jit-on)",
        "tests(3.14-jit-default)",
        "tests(3.15t-jit-off)",
        "tests(3.15t-jit-default)",
    ]
    assert [each["session"] for each in found["excluded"]] == [
        "tests(3.14-jit-stress)",
        "tests(3.15t-jit-on)",
        "tests(3.15t-jit-stress)",
    ]
    assert code == 0
    for said in (
        "tests(3.14-jit-stress) is left out on linux. CPython 3.14",
        "tests(3.15t-jit-on) is left out",
        "CPython 3.15.2t has no JIT",
    ):
        assert said in err


def test_a_variant_that_cannot_be_built_somewhere_is_left_out_there(shown, monkeypatch):
    monkeypatch.setenv("JITBUILD_JIT", "no")
    found = shown("--pythons", "3.15", "--modes", "off", "on")
    assert "has no JIT" in found["excluded"][0]["reason"]


@pytest.mark.parametrize("spec", ["3.15.0a1", "3.15.0b4", "3.15.2"])
def test_stress_came_with_3_15(shown, spec):
    assert shown("--pythons", spec, "--modes", "stress")["test"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["--modes", "strss"],
            UsageError.exit_code,
            "argument --modes: invalid choice: 'strss' (choose from off, on, stress, default).\n"
            "Did you mean stress? ",
        ),
        (
            ["--modes", "xyzzy"],
            UsageError.exit_code,
            "invalid choice: 'xyzzy' (choose from off, on,",
        ),
        (["--os", "linx"], UsageError.exit_code, "argument --os: invalid choice: 'linx'"),
        (["--runner", "linux"], UsageError.exit_code, "--runner OS=LABEL"),
        (["--runner", "linux="], UsageError.exit_code, "--runner OS=LABEL"),
        (
            ["--runner", "lnux=x"],
            UsageError.exit_code,
            "--runner: 'lnux' is not an OS.\nDid you mean linux?",
        ),
        (["--pythons", "3.15", "3.99"], RequestError.exit_code, "No recipe knows 3.99"),
        (["--pythons", "3.15.99"], RequestError.exit_code, "No recipe knows 3.15.99"),
        (["--pythons", "three"], RequestError.exit_code, "'three' is not a Python"),
        (
            ["--pythons", "3.13", "--modes", "stress"],
            UsageError.exit_code,
            "The matrix is empty. CPython 3.13",
        ),
        (
            ["--format", "gitlab", "--os", "windows-arm"],
            UsageError.exit_code,
            "--runner windows-arm=TAG",
        ),
        (["--format", "yaml"], UsageError.exit_code, "github, gitlab, json"),
        (
            ["--from-nox", "no-such-file.py"],
            UsageError.exit_code,
            "There is no noxfile no-such-file.py",
        ),
    ],
)
def test_mistakes(run, monkeypatch, words, code, said):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.15")
    ended, out, err = run(*words)
    assert (ended, out) == (code, "")
    assert said in err


def test_a_mode_in_the_settings_that_is_none_names_the_file(tmp_path, run):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.jitbuild]\npythons = ["3.15"]\nmodes = ["onn"]\n'
    )
    code, _, err = run()
    assert code == UsageError.exit_code
    assert "pyproject.toml [tool.jitbuild]: 'onn' is not a mode" in err


def test_nothing_says_which(run):
    code, _, err = run()
    assert code == UsageError.exit_code
    assert "--pythons 3.14 3.15" in err
    assert "[tool.jitbuild] pythons" in err


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_more_jobs_than_a_matrix_may_have(run, service):
    known = [version for version in api.catalog().tags() if version.startswith("3.15")][:20]
    code, _, err = run(
        "--pythons",
        *known,
        "--modes",
        *MODES,
        "--os",
        *ALL,
        "--runner",
        "windows-arm=w",
        "--format",
        service,
    )
    assert code == UsageError.exit_code
    assert f"more than the {matrix.LIMITS[service]} jobs" in err


# ---- how it is written ---------------------------------------------------------------------------------------------------


def test_github_reads_two_lines_of_json(run, shown):
    words = ("--pythons", ">=3.15,<3.16", "--os", "linux")
    lines = dict(
        line.partition("=")[::2] for line in run(*words, "--format", "github")[1].splitlines()
    )
    found = shown(*words)
    assert {name: json.loads(text) for name, text in lines.items()} == {
        name: {"include": found[name]} for name in ("build", "test")
    }


def test_gitlab_names_its_jobs_shorter_than_it_allows(run):
    _, out, _ = run(
        "--pythons", "3.15.0b2", "--modes", "stress", "--os", "linux-arm", "--format", "gitlab"
    )
    _, _, tests = out.partition(".jitbuild-test:")
    values = re.findall(r'JIT_\w+: "(.*)"', tests)
    assert len(f".jitbuild-test: [{', '.join(values)}]") < 200


# ---- from a noxfile ------------------------------------------------------------------------------------------------------


def entry(session, *tags):
    return {
        "session": session,
        "name": session.partition("(")[0],
        "description": "",
        "python": None,
        "tags": list(tags),
    }


ENTRIES = [
    entry("lint"),
    entry("jit-install(3.15)", "jit"),
    entry("tests(3.15-jit-on)", "jit", "jit_on", "py315"),
    entry("tests(>=3.14,<3.15-jit-off)", "jit", "jit_off"),
    entry("web(django='4', 3.14.2-jit-stress)", "jit", "jit_stress"),
    entry("tests(3.13-jit-on)"),
    entry("tests(3.15-yes-off-release-jit-on)", "jit"),
    entry("tests(3.14t-no-jit-off)", "jit"),
    entry("tests(3.14-debug-jit-off)", "jit"),
    entry("tests(3.13-jit-onn)", "jit"),
]


def test_a_listing_of_nox():
    found = matrix.from_listing(json.dumps(ENTRIES))
    assert [(each.session, each.python, each.jit, each.profile, each.mode) for each in found] == [
        ("tests(3.15-jit-on)", "3.15", None, None, "on"),
        ("tests(>=3.14,<3.15-jit-off)", ">=3.14,<3.15", None, None, "off"),
        ("web(django='4', 3.14.2-jit-stress)", "3.14.2", None, None, "stress"),
        ("tests(3.15-yes-off-release-jit-on)", "3.15", "yes-off", "release", "on"),
        ("tests(3.14t-no-jit-off)", "3.14t", "no", None, "off"),
        ("tests(3.14-debug-jit-off)", "3.14", None, "debug", "off"),
    ]


@pytest.mark.usefixtures("noxfile")
def test_a_session_with_axes_of_its_own_is_a_build_of_its_own(run, shown):
    builds = shown("--from-nox", "--pythons", "3.15")["build"]
    assert [(each["python"], each["jit"], each["profile"]) for each in builds] == [
        ("3.15", "", ""),
        ("3.15", "yes-off", "release"),
    ]
    assert builds[1]["key"] == api.plan("3.15", platform="x86_64-linux-gnu", profile="release").key
    text = run("--from-nox", "--pythons", "3.15", "--format", "gitlab")[1]
    assert text.count('JITBUILD_PROFILE: "release"') == text.count("JITBUILD_PROFILE") == 2


@pytest.mark.parametrize(
    "text", ["", "no json", "7", '["x"]', "[{}]", '[{"session": "x", "tags": null}]']
)
def test_a_listing_that_is_none(text):
    with pytest.raises(SettingsError, match="as JSON"):
        matrix.from_listing(text)


@pytest.fixture
def noxfile(tmp_path, monkeypatch):
    """A noxfile that is there, and a nox that says so of it."""
    (tmp_path / "noxfile.py").touch()
    said = Completed(argv=(), returncode=0, stdout=json.dumps(ENTRIES))
    monkeypatch.setitem(listing.__kwdefaults__, "runner", lambda *_, **__: said)


@pytest.mark.parametrize(
    ("words", "sessions"),
    [
        (
            [],
            [
                "tests(3.15-jit-on)",
                "tests(>=3.14,<3.15-jit-off)",
                "tests(3.15-yes-off-release-jit-on)",
                "tests(3.14t-no-jit-off)",
                "tests(3.14-debug-jit-off)",
            ],
        ),
        (["--modes", "on"], ["tests(3.15-jit-on)", "tests(3.15-yes-off-release-jit-on)"]),
        (["--pythons", ">=3.14,<3.15"], ["tests(>=3.14,<3.15-jit-off)"]),
    ],
)
@pytest.mark.usefixtures("noxfile")
def test_flags_choose_among_a_noxfiles_sessions(shown, monkeypatch, words, sessions):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.13")
    monkeypatch.setenv("JITBUILD_MODES", "default")
    assert [each["session"] for each in shown("--from-nox", *words)["test"]] == sessions


@pytest.mark.usefixtures("noxfile")
def test_a_flag_that_no_session_is_of(run):
    code, _, err = run("--from-nox", "--pythons", "3.13")
    assert code == RequestError.exit_code
    assert "It has some for: 3.15, >=3.14,<3.15, 3.14.2, 3.14t, 3.14." in err


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (
            Completed(argv=(), returncode=2, stderr="ModuleNotFoundError: No module named 'x'"),
            "It says:\n  ModuleNotFoundError",
        ),
        (Completed(argv=(), returncode=-15, timed_out=True), "within 120 seconds"),
    ],
)
def test_a_noxfile_that_cannot_be_loaded(tmp_path, done, said):
    file = tmp_path / "noxfile.py"
    file.touch()
    with pytest.raises(SettingsError, match=r"noxfile\.py") as caught:
        listing(str(file), runner=lambda *_, **__: done)
    assert said in caught.value.what


def test_a_noxfile_without_such_sessions(tmp_path):
    (tmp_path / "noxfile.py").touch()
    done = Completed(
        argv=(), returncode=3, stderr="nox > Tag selection caused no sessions to be selected."
    )
    assert matrix.from_listing(listing("noxfile.py", runner=lambda *_, **__: done)) == []


def test_a_branch_is_one_commit_on_every_system(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    plan = planner()
    (session,) = matrix.product([str(tree)], ["on"])
    before = plan(session, TARGETS["x86_64-linux-gnu"])
    (tree / "Lib" / "os.py").write_text("changed meanwhile")
    assert plan(session, TARGETS["aarch64-macos"]).source == before.source
