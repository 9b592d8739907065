"""`jitbuild matrix`: the jobs of a matrix, their formats, and what is left out.

Refresh tests/unit/matrices with `nox -s goldens`.
"""

import json
import os
import re
from pathlib import Path

import pytest

from jitbuild import api
from jitbuild.ci.matrix import make_matrix, planner_of
from jitbuild.ci.matrix_formats import LIMITS, as_gitlab
from jitbuild.ci.matrix_sessions import (
    list_sessions,
    parse_listing,
    product_of,
    sessions_of_noxfile,
)
from jitbuild.ci.systems import SYSTEMS, choose_machines
from jitbuild.cli.main import main
from jitbuild.errors import RequestError, SettingsError, UsageError
from jitbuild.modes import MODES
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
ALL = list(SYSTEMS)


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
def printed(run):
    """Return a function that runs `jitbuild matrix` and returns the JSON that it prints."""

    def printed(*words):
        code, out, err = run(*words)
        assert code == 0, err
        return json.loads(out)

    return printed


def masked(text):
    """Return `text` without the versions and keys that change with releases and recipes."""
    return re.sub(
        r"\b(3\.\d+)\.\d+(?:(?:a|b|rc)\d+)?",
        r"\1.N",
        re.sub(r"\b[0-9a-f]{64}\b|(?<=-)[0-9a-f]{8}\b", "KEY", text),
    )


@pytest.mark.parametrize("format_", ["github", "gitlab", "json"])
def test_the_matrix_of_this_project_in_each_format(run, monkeypatch, format_):
    monkeypatch.chdir(PROJECT)
    systems = [name for name in ALL if name != "windows-arm"]
    code, out, err = run("--format", format_, "--os", *systems)
    assert code == 0
    golden = HERE / "matrices" / f"project.{format_}.txt"
    text = masked(f"{out}# stderr:\n{err}")
    if os.environ.get("JITBUILD_REFRESH_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_one_test_for_each_os_python_and_mode_and_one_build_for_each_os_and_key(printed):
    found = printed(
        "--pythons", "3.14", "3.15", "3.15.2", "--modes", "off,on", "--os", "linux,macos"
    )
    assert [(job["os"], job["python"], job["mode"]) for job in found["test"]] == [
        (system, python, mode)
        for system in ("linux", "macos")
        for python in ("3.14", "3.15", "3.15.2")
        for mode in ("off", "on")
    ]
    assert [job["session"] for job in found["test"][:2]] == [
        "tests(3.14-jit-off)",
        "tests(3.14-jit-on)",
    ]
    newest = api.plan("3.15", platform="aarch64-macos")
    builds = {(job["os"], job["key"]): job for job in found["build"]}
    assert len(builds) == len(found["build"]) == (4 if newest.version == "3.15.2" else 6)
    assert set(builds) == {(job["os"], job["key"]) for job in found["test"]}
    built = builds["macos", newest.key]
    assert (built["target"], built["python"], built["runner"]) == (
        "aarch64-macos",
        "3.15",
        "macos-15",
    )
    assert (built["name"], built["version"]) == (newest.prefix_name, newest.version)


@pytest.mark.parametrize("system", ALL)
def test_the_key_is_the_plans(printed, system):
    (build,) = printed("--pythons", "3.15.2", "--os", system)["build"]
    assert build["key"] == api.plan("3.15.2", platform=SYSTEMS[system].target).key


def test_builds_have_the_variant_that_would_be_installed(printed, monkeypatch):
    monkeypatch.setenv("JITBUILD_PROFILE", "debug")
    assert (
        printed("--pythons", "3.15.2")["build"][0]["key"]
        == api.plan("3.15.2", platform="x86_64-linux-gnu", profile="debug").key
    )


def test_the_store_is_not_read(printed, monkeypatch):
    monkeypatch.setattr(Store, "installed", lambda _: pytest.fail("the store was looked at"))
    monkeypatch.setattr(Store, "get", lambda *_: pytest.fail("the store was looked at"))
    assert printed("--pythons", "3.15")["build"]


def test_repeated_requests_are_listed_once(printed):
    assert (
        len(
            printed("--pythons", "3.15", "3.15", "--modes", "on", "on", "--os", "linux", "linux")[
                "test"
            ]
        )
        == 1
    )


def test_settings_supply_what_the_options_do_not_state(tmp_path, printed):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.jitbuild]\npythons = ["3.14"]\nmodes = ["stress", "on"]\n'
    )
    assert [job["session"] for job in printed()["test"]] == ["tests(3.14-jit-on)"]
    assert [job["session"] for job in printed("--pythons", "3.15")["test"]] == [
        "tests(3.15-jit-stress)",
        "tests(3.15-jit-on)",
    ]
    assert [job["mode"] for job in printed("--modes", "off")["test"]] == ["off"]


def test_the_session_may_have_another_name(printed):
    assert (
        printed("--pythons", "3.15", "--modes", "on", "--session", "unit")["test"][0]["session"]
        == "unit(3.15-jit-on)"
    )


def test_a_runner_can_be_replaced(printed):
    found = printed(
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
    assert [job["runner"] for job in found["build"]] == ["big=one", "w"]


def test_every_system_has_a_target():
    assert {system.target for system in SYSTEMS.values()} == set(TARGETS) - {"x86_64-macos"}


def test_impossible_combinations_are_excluded_with_a_reason(run):
    code, out, err = run("--pythons", "3.14", "3.15t", "--modes", *MODES)
    found = json.loads(out)
    assert [job["session"] for job in found["test"]] == [
        "tests(3.14-jit-off)",
        "tests(3.14-jit-on)",
        "tests(3.14-jit-default)",
        "tests(3.15t-jit-off)",
        "tests(3.15t-jit-default)",
    ]
    assert [job["session"] for job in found["excluded"]] == [
        "tests(3.14-jit-stress)",
        "tests(3.15t-jit-on)",
        "tests(3.15t-jit-stress)",
    ]
    assert code == 0
    for said in (
        "tests(3.14-jit-stress) is left out on linux. CPython 3.14",
        "tests(3.15t-jit-on) is left out",
        "CPython 3.15.2t, which is free-threaded, has no JIT",
    ):
        assert said in err


def test_a_setting_without_jit_is_the_reason_of_its_exclusions(tmp_path, run):
    (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\npythons = ["3.15.2"]\njit = "no"\n')
    code, out, err = run()
    (excluded,) = json.loads(out)["excluded"]
    assert code == 0
    assert excluded["reason"] == (
        "CPython 3.15.2 built with --jit no (the setting `jit`) has no JIT: it would silently "
        "ignore the mode `on`."
    )
    assert excluded["reason"] in err


def test_an_empty_matrix_has_the_remedies_of_its_exclusions(run, monkeypatch):
    monkeypatch.setenv("JITBUILD_JIT", "no")
    code, _, err = run("--pythons", "3.15.2", "3.15.2t", "--modes", "on")
    assert code == UsageError.exit_code
    assert "CPython 3.15.2 built with --jit no (the setting `jit`) has no JIT" in err
    assert "CPython 3.15.2t, which is free-threaded, has no JIT" in err
    assert 'or set `jit` to "yes-off", which serves the modes `off` and `on`.' in err
    assert "Use the mode `off` or `default`." in err


def test_an_empty_matrix_without_prebuilt_interpreters_names_the_provider_that_compiles(run):
    code, _, err = run("--pythons", "3.13.15", "3.15.2", "--prebuilt", "--os", "windows")
    assert code == UsageError.exit_code
    assert err.splitlines()[1:] == [
        "Use --provider auto, which compiles what nobody has built, or other systems: --os linux"
    ]


@pytest.mark.parametrize("spec", ["3.15.0a1", "3.15.0b4", "3.15.2"])
def test_stress_came_with_3_15(printed, spec):
    assert printed("--pythons", spec, "--modes", "stress")["test"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["--modes", "strss"],
            UsageError.exit_code,
            (
                "argument --modes: invalid choice: 'strss' (choose from off, on, stress, default)."
                "\nDid you mean stress? "
            ),
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
        (["--pythons", "3.15", "3.99"], RequestError.exit_code, "No recipe has a release for 3.99"),
        (["--pythons", "3.15.99"], RequestError.exit_code, "No recipe has a release for 3.15.99"),
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
            "The noxfile no-such-file.py does not exist",
        ),
    ],
)
def test_invalid_options_are_refused(run, monkeypatch, words, code, said):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.15")
    ended, out, err = run(*words)
    assert (ended, out) == (code, "")
    assert said in err


def test_an_unknown_mode_in_the_settings_names_the_file(tmp_path, run):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.jitbuild]\npythons = ["3.15"]\nmodes = ["onn"]\n'
    )
    code, _, err = run()
    assert code == SettingsError.exit_code
    assert "pyproject.toml [tool.jitbuild]: 'onn' is not a mode" in err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("JITBUILD_PYTHONS", "3.14,no", "'no' is not a Python that jitbuild knows."),
        ("JITBUILD_PYTHONS", ",", "no Python is named."),
        ("JITBUILD_MODES", "onn", "'onn' is not a mode."),
        ("JITBUILD_MODES", ",", "no mode is named."),
    ],
)
def test_an_invalid_variable_is_the_same_error_as_in_config(run, monkeypatch, name, value, said):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.15")
    monkeypatch.setenv(name, value)
    code, _, err = run()
    assert code == SettingsError.exit_code
    assert err.startswith(f"error: {name}: {said}\n")


def test_a_matrix_without_pythons_is_refused(run):
    code, _, err = run()
    assert code == UsageError.exit_code
    assert "--pythons 3.14 3.15" in err
    assert "[tool.jitbuild] pythons" in err


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_more_jobs_than_the_service_allows_are_refused(run, service):
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
    assert f"more than the {LIMITS[service]} jobs" in err


def test_github_reads_two_lines_of_json(run, printed):
    words = ("--pythons", ">=3.15,<3.16", "--os", "linux")
    lines = dict(
        line.partition("=")[::2] for line in run(*words, "--format", "github")[1].splitlines()
    )
    found = printed(*words)
    assert {name: json.loads(text) for name, text in lines.items()} == {
        name: {"include": found[name]} for name in ("build", "test")
    }


def test_the_names_of_gitlab_jobs_are_within_its_limit(run):
    _, out, _ = run(
        "--pythons", "3.15.0b2", "--modes", "stress", "--os", "linux-arm", "--format", "gitlab"
    )
    _, _, tests = out.partition(".jitbuild-test:")
    values = re.findall(r'JIT_\w+: "(.*)"', tests)
    assert len(f".jitbuild-test: [{', '.join(values)}]") < 200


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


def test_sessions_are_read_from_the_list_that_nox_prints():
    found = parse_listing(json.dumps(ENTRIES))
    assert [(job.session, job.python, job.jit, job.profile, job.mode) for job in found] == [
        ("tests(3.15-jit-on)", "3.15", None, None, "on"),
        ("tests(>=3.14,<3.15-jit-off)", ">=3.14,<3.15", None, None, "off"),
        ("web(django='4', 3.14.2-jit-stress)", "3.14.2", None, None, "stress"),
        ("tests(3.15-yes-off-release-jit-on)", "3.15", "yes-off", "release", "on"),
        ("tests(3.14t-no-jit-off)", "3.14t", "no", None, "off"),
        ("tests(3.14-debug-jit-off)", "3.14", None, "debug", "off"),
    ]


@pytest.mark.parametrize(
    "text", ["", "no json", "7", '["x"]', "[{}]", '[{"session": "x", "tags": null}]']
)
def test_other_output_of_nox_is_refused(text):
    with pytest.raises(SettingsError, match="as JSON"):
        parse_listing(text)


@pytest.fixture
def noxfile(tmp_path):
    """Return the path of a noxfile, which a fake nox lists."""
    (tmp_path / "noxfile.py").touch()
    return str(tmp_path / "noxfile.py")


def fake_nox(argv, /, *, timeout):
    """Stand for a nox that lists ENTRIES."""
    return Completed(argv=tuple(argv), returncode=0, stdout=json.dumps(ENTRIES))


@pytest.mark.parametrize(
    ("stated", "sessions"),
    [
        (
            {},
            [
                "tests(3.15-jit-on)",
                "tests(>=3.14,<3.15-jit-off)",
                "web(django='4', 3.14.2-jit-stress)",
                "tests(3.15-yes-off-release-jit-on)",
                "tests(3.14t-no-jit-off)",
                "tests(3.14-debug-jit-off)",
            ],
        ),
        ({"modes": ["on"]}, ["tests(3.15-jit-on)", "tests(3.15-yes-off-release-jit-on)"]),
        ({"pythons": [">=3.14,<3.15"]}, ["tests(>=3.14,<3.15-jit-off)"]),
    ],
)
def test_options_select_among_the_sessions_of_a_noxfile(noxfile, monkeypatch, stated, sessions):
    monkeypatch.setenv("JITBUILD_PYTHONS", "3.13")
    monkeypatch.setenv("JITBUILD_MODES", "default")
    selected = sessions_of_noxfile(noxfile, **stated, runner=fake_nox)
    assert [session.session for session in selected] == sessions


def test_a_python_without_a_session_is_refused(noxfile):
    with pytest.raises(RequestError) as caught:
        sessions_of_noxfile(noxfile, pythons=["3.13"], runner=fake_nox)
    known = "3.15, >=3.14,<3.15, 3.14.2, 3.14t, 3.14"
    assert caught.value.remedy == f"It has sessions for: {known}."


def test_a_session_that_states_axes_has_a_build_of_its_own(noxfile):
    sessions = sessions_of_noxfile(noxfile, pythons=["3.15"], runner=fake_nox)
    matrix = make_matrix(sessions, choose_machines(["linux"]), planner_of())
    assert [(job.python, job.jit, job.profile) for job in matrix.build] == [
        ("3.15", "", ""),
        ("3.15", "yes-off", "release"),
    ]
    release = api.plan("3.15", platform="x86_64-linux-gnu", profile="release")
    assert matrix.build[1].key == release.key
    text = as_gitlab(matrix)
    assert text.count('JITBUILD_PROFILE: "release"') == text.count("JITBUILD_PROFILE") == 2


def test_a_session_without_jit_is_the_reason_of_its_exclusion():
    (session,) = parse_listing(json.dumps([entry("tests(3.14.2-no-jit-on)", "jit", "jit_on")]))
    with pytest.raises(UsageError, match="built with --jit no, as the session states, has no JIT"):
        make_matrix([session], choose_machines(["linux"]), planner_of())


def test_a_noxfile_without_jit_sessions_makes_no_matrix(noxfile):
    def empty_nox(argv, /, *, timeout):
        return Completed(argv=tuple(argv), returncode=0, stdout="[]")

    with pytest.raises(UsageError, match=r"no sessions made by jitbuild\.nox"):
        sessions_of_noxfile(noxfile, runner=empty_nox)


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (
            Completed(argv=(), returncode=2, stderr="ModuleNotFoundError: No module named 'x'"),
            "Its output:\n  ModuleNotFoundError",
        ),
        (Completed(argv=(), returncode=-15, timed_out=True), "within 120 seconds"),
    ],
)
def test_a_noxfile_that_cannot_be_loaded_is_reported_with_the_output_of_nox(tmp_path, done, said):
    file = tmp_path / "noxfile.py"
    file.touch()
    with pytest.raises(SettingsError, match=r"noxfile\.py") as caught:
        list_sessions(str(file), runner=lambda *_, **__: done)
    assert said in caught.value.what


def test_a_noxfile_without_jit_sessions_lists_none(tmp_path):
    (tmp_path / "noxfile.py").touch()
    done = Completed(
        argv=(), returncode=3, stderr="nox > Tag selection caused no sessions to be selected."
    )
    assert parse_listing(list_sessions("noxfile.py", runner=lambda *_, **__: done)) == []


def test_a_branch_is_one_commit_on_every_system(tmp_path, mini_cpython):
    tree = mini_cpython(tmp_path / "cpython")
    plan = planner_of()
    (session,) = product_of([str(tree)], ["on"])
    before = plan(session, TARGETS["x86_64-linux-gnu"])
    (tree / "Lib" / "os.py").write_text("changed meanwhile")
    assert plan(session, TARGETS["aarch64-macos"]).source == before.source
