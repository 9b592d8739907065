"""`jitbuild matrix --workflow`: the files for GitHub and GitLab, and where they are written.

Refresh the goldens and the workflows in docs/ci.md with `nox -s goldens`.
"""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
import yaml

from jitbuild.ci.github_workflow import CHECKOUT, write_github_workflow
from jitbuild.ci.gitlab_pipeline import write_gitlab_pipeline
from jitbuild.ci.matrix import make_matrix, planner_of, states_provider
from jitbuild.ci.matrix_formats import LIMITS
from jitbuild.ci.matrix_sessions import parse_listing, product_of
from jitbuild.ci.systems import SYSTEMS, choose_machines
from jitbuild.errors import UsageError

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
CI_PAGE = PROJECT / "docs" / "ci.md"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ACTION = f"someone/jitbuild@{COMMIT}"
NAMED = {"github": ["--action", ACTION], "gitlab": ["--requirement", "jitbuild==1.2"]}
SERVICES = ["github", "gitlab"]
REFRESH = "JITBUILD_REFRESH_GOLDENS" in os.environ


def sessions(*names, **more):
    """Return the JIT sessions with these names, as read from a noxfile."""
    return parse_listing(json.dumps([{"session": name, "tags": ["jit"]} for name in names]))


def matrix_of(found, systems=("linux",), runners=(), service="github"):
    machines = choose_machines(systems, runners, service=service)
    return make_matrix(found, machines, planner_of())


def github(matrix, **options):
    return write_github_workflow(matrix, **{"action": ACTION, "command": "jitbuild", **options})


def gitlab(matrix, **options):
    options = {"requirement": "jitbuild==1.2", "command": "jitbuild", **options}
    return write_gitlab_pipeline(matrix, **options)


WRITERS = {"github": github, "gitlab": gitlab}


@pytest.fixture
def workflow(run):
    """Return a function that runs `jitbuild matrix --workflow`, and returns its stdout."""

    def workflow(service, *words):
        code, out, err = run(
            "matrix", "--workflow", "--format", service, *NAMED[service], "--session", "jit_tests",
            *words,
        )  # fmt: skip
        assert code == 0, err
        return out

    return workflow


@pytest.mark.parametrize("service", SERVICES)
def test_the_file_of_this_project(workflow, tmp_path, service):
    (tmp_path / "pyproject.toml").write_bytes((PROJECT / "pyproject.toml").read_bytes())
    systems = [name for name in SYSTEMS if name != "windows-arm"]
    text = workflow(service, "--os", *systems)
    golden = HERE / "matrices" / f"workflow.{service}.yml"
    if REFRESH:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("service", SERVICES)
def test_the_docs_show_the_file_that_the_command_above_it_writes(run, tmp_path, service):
    page = CI_PAGE.read_text(encoding="utf-8")
    (settings,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (command, shown) = _block_of_the_docs(page, service)
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "noxfile.py").touch()
    words = shlex.split(command)
    file = words[words.index("-o") + 1]
    code, _, err = run(*words[1:])
    assert code == 0, err
    text = (tmp_path / file).read_text(encoding="utf-8")
    if REFRESH:
        CI_PAGE.write_text(page.replace(shown, text), encoding="utf-8")
        shown = text
    assert shown == text


def _block_of_the_docs(page, service):
    """Return the command in docs/ci.md that writes the file of `service`, and the file below it."""
    blocks = re.findall(
        r"^```console\n\$ (jitbuild matrix --workflow[^\n]*)\n```.*?^```yaml\n(.*?)^```",
        page,
        re.MULTILINE | re.DOTALL,
    )
    (found,) = [block for block in blocks if ("gitlab" in block[0]) == (service == "gitlab")]
    return found


def test_the_actions_of_the_workflow_are_those_of_this_repository():
    used = set()
    for file in (PROJECT / ".github" / "workflows").glob("*.yml"):
        used |= {*re.findall(r"uses: (actions/checkout@.*)", file.read_text(encoding="utf-8"))}
    assert used == {CHECKOUT}
    text = github(matrix_of(product_of(["3.15"], ["on"])))
    references = re.findall(r"uses: \S+@(\S+)", text)
    assert len(references) == 4
    assert all(re.fullmatch(r"[0-9a-f]{40}", reference) for reference in references)


def test_a_failed_build_on_github_skips_no_tests_and_cancels_no_job():
    jobs = yaml.safe_load(github(matrix_of(product_of(["3.14", "3.15"], ["off", "on"]))))["jobs"]
    assert jobs["test"]["needs"] == "build"
    assert jobs["test"]["if"] == "${{ !cancelled() }}"
    assert not any(job["strategy"]["fail-fast"] for job in jobs.values())


def test_the_workflow_has_the_least_permissions():
    text = github(matrix_of(product_of(["3.15"], ["on"])))
    found = yaml.safe_load(text)
    assert found["permissions"] == {}
    assert {str(job["permissions"]) for job in found["jobs"].values()} == {"{'contents': 'read'}"}
    assert text.count("persist-credentials: false") == text.count("actions/checkout") == 2


def test_the_entries_of_github_have_the_values_that_the_steps_read():
    matrix = matrix_of(sessions("tests(3.15-jit-on)", "tests(3.15-no-debug-jit-off)"))
    jobs = yaml.safe_load(github(matrix))["jobs"]
    for name, job in jobs.items():
        entries = job["strategy"]["matrix"]["include"]
        read = {*re.findall(r"matrix\.(\w+)", json.dumps(job))}
        assert read <= {key for entry in entries for key in entry}, name
    assert [entry["session"] for entry in jobs["test"]["strategy"]["matrix"]["include"]] == [
        "tests(3.15-jit-on)",
        "tests(3.15-no-debug-jit-off)",
    ]
    assert jobs["build"]["strategy"]["matrix"]["include"][1] == {
        "os": "linux", "runner": "ubuntu-24.04", "python": "3.15", "jit": "no", "profile": "debug"
    }  # fmt: skip
    assert jobs["test"]["steps"][1]["with"]["profile"] == "${{ matrix.profile }}"


def test_every_test_of_gitlab_needs_only_the_build_of_its_interpreter():
    found = product_of(["3.14", "3.15", ">=3.15,<3.16"], ["off", "on"])
    jobs = yaml.safe_load(gitlab(matrix_of(found, ["linux", "macos"], service="gitlab")))
    tests = {name: job for name, job in jobs.items() if name.startswith("test")}
    assert {name: job["needs"] for name, job in tests.items()} == {
        f"test {python} on {system}": [f"build {built} on {system}"]
        for system in ("linux", "macos")
        for python, built in [("3.14", "3.14"), ("3.15", "3.15"), (">=3.15,<3.16", "3.15")]
    }
    assert {need for job in tests.values() for need in job["needs"]} <= set(jobs)
    ran = [
        session for job in tests.values() for session in job["parallel"]["matrix"][0]["JIT_SESSION"]
    ]
    assert ran == [session.session for session in found] * 2
    assert jobs["test >=3.15,<3.16 on linux"]["variables"] == {
        "JIT_CACHE": "linux-3.15", "JITBUILD_PYTHONS": ">=3.15,<3.16"
    }  # fmt: skip


def test_a_job_of_gitlab_has_the_axes_of_its_sessions():
    found = sessions("tests(3.15-jit-on)", "tests(3.15-no-debug-jit-off)")
    jobs = yaml.safe_load(gitlab(matrix_of(found)))
    assert jobs["test 3.15-no-debug on linux"]["variables"] == {
        "JIT_CACHE": "linux-3.15-no-debug",
        "JITBUILD_PYTHONS": "3.15",
        "JITBUILD_JIT": "no",
        "JITBUILD_PROFILE": "debug",
    }
    assert set(jobs["test 3.15 on linux"]["variables"]) == {"JIT_CACHE", "JITBUILD_PYTHONS"}


def test_the_jobs_of_gitlab_fit_their_runners():
    """Linux runs in a Docker image, macOS in an image of its own, Windows in PowerShell."""
    found = matrix_of(product_of(["3.15"], ["on"]), ["linux", "macos", "windows"], service="gitlab")
    jobs = yaml.safe_load(gitlab(found, noxfile="ci/jit.py"))
    assert jobs[".jitbuild"]["image"] == "python:3.13"
    assert "image" not in jobs["test 3.15 on linux"]
    assert jobs["test 3.15 on macos"]["image"] == "macos-15-xcode-16"
    assert jobs[".jitbuild-test"]["script"][1] == 'nox -f "$JIT_NOXFILE" -s "$JIT_SESSION"'
    assert jobs["test 3.15 on windows"]["script"] == [
        jobs[".jitbuild-test"]["script"][0],
        'nox -f "$env:JIT_NOXFILE" -s "$env:JIT_SESSION"',
    ]
    assert jobs[".jitbuild"]["variables"]["JIT_NOXFILE"] == "ci/jit.py"


STRANGE = "web(x='$HOME ${{ github.token }} \"\\ #: €', 3.15-jit-on)"


def test_strange_names_reach_the_jobs_unchanged():
    """GitHub evaluates `${{` and GitLab expands `$`, so both are escaped; YAML changes nothing."""
    matrix = matrix_of(sessions(STRANGE), runners=["linux=my: runner, #1"])
    (entry,) = yaml.safe_load(github(matrix))["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert entry["runner"] == "my: runner, #1"
    assert entry["session"] == STRANGE.replace("${{", "${{ '${{' }}")
    job = yaml.safe_load(gitlab(matrix))["test 3.15 on linux"]
    assert job["tags"] == ["my: runner, #1"]
    assert job["parallel"]["matrix"] == [{"JIT_SESSION": [STRANGE.replace("$", "$$")]}]


@pytest.mark.parametrize("service", SERVICES)
def test_a_line_break_in_an_option_does_not_end_the_comment(service):
    text = WRITERS[service](matrix_of(product_of(["3.15"], ["on"])), command="jitbuild\nevil: 1")
    assert text.startswith("# Written by `jitbuild evil: 1`.\n")


@pytest.mark.parametrize("service", SERVICES)
def test_more_tests_than_a_matrix_may_have_are_refused(service):
    names = (f"t{number}(3.15-jit-on)" for number in range(LIMITS[service] + 1))
    with pytest.raises(UsageError, match=f"more than the {LIMITS[service]} jobs"):
        WRITERS[service](matrix_of(sessions(*names)))


def test_a_noxfile_of_another_name_is_given_to_nox():
    job = yaml.safe_load(github(matrix_of(sessions("t(3.15-jit-on)")), noxfile="a b.py"))["jobs"]
    step = job["test"]["steps"][-1]
    assert step["run"] == 'nox -f "$NOXFILE" -s "$SESSION"'
    assert step["env"] == {"SESSION": "${{ matrix.session }}", "NOXFILE": "a b.py"}


@pytest.mark.usefixtures("home")
class TestCommand:
    """The options of `jitbuild matrix --workflow`."""

    WORDS = ("matrix", "--workflow", "--pythons", "3.15", "--action", ACTION)

    def test_github_and_linux_are_the_defaults(self, run):
        code, out, _ = run(*self.WORDS)
        assert code == 0
        assert out.endswith("\n")
        jobs = yaml.safe_load(out)["jobs"]
        assert {entry["os"] for entry in jobs["test"]["strategy"]["matrix"]["include"]} == {"linux"}

    def test_the_comment_has_the_command_that_writes_the_file_again(self, run):
        words = ["--os", "linux", "macos", "--runner=macos=m 1", "--session", "unit"]
        _, out, _ = run(*self.WORDS, *words)
        command = re.match(r"# Written by `(.*)`", out)[1]
        assert command == (
            f"jitbuild matrix --workflow --pythons 3.15 --os linux macos '--runner=macos=m 1' "
            f"--session unit --action {ACTION}"
        )
        assert run(*shlex.split(command)[1:])[1] == out

    def test_the_output_is_written_with_its_folders(self, run, tmp_path):
        code, out, err = run(*self.WORDS, "-o", ".github/workflows/jit.yml")
        assert (code, out) == (0, "")
        assert "Wrote .github/workflows/jit.yml with 1 build and 2 tests." in err
        text = (tmp_path / ".github/workflows/jit.yml").read_text(encoding="utf-8")
        assert text == run(*self.WORDS)[1]

    def test_other_text_is_overwritten_only_by_force(self, run, tmp_path):
        file = tmp_path / "jit.yml"
        file.write_text("mine\n")
        code, _, err = run(*self.WORDS, "-o", "jit.yml")
        assert code == UsageError.exit_code
        assert "error: jit.yml exists, and its text differs" in err
        assert "--force" in err
        assert file.read_text() == "mine\n"
        assert run(*self.WORDS, "-o", "jit.yml", "--force")[0] == 0
        code, _, err = run(*self.WORDS, "-o", "jit.yml")
        assert (code, "jit.yml is up to date." in err) == (0, True)

    def test_a_folder_is_no_output(self, run, tmp_path):
        code, _, err = run(*self.WORDS, "-o", ".", "--force")
        assert code == UsageError.exit_code
        assert "error: . cannot be written" in err

    def test_a_tag_is_accepted_with_a_note(self, run):
        words = [*self.WORDS[:-1], "someone/jitbuild@v1.2"]
        code, out, err = run(*words)
        assert code == 0
        assert "uses: someone/jitbuild/.github/actions/setup-jitbuild@v1.2" in out
        assert "can be moved. Pin a commit: --action someone/jitbuild@COMMIT" in err
        assert "can be moved" not in run(*self.WORDS)[2]

    def test_a_missing_noxfile_is_reported(self, run, tmp_path):
        assert "has no noxfile.py. Write one with a session `tests`" in run(*self.WORDS)[2]
        (tmp_path / "noxfile.py").touch()
        assert run(*self.WORDS)[2] == ""

    def test_settings_that_the_jobs_do_not_have_are_reported(self, run, tmp_path, monkeypatch):
        (tmp_path / "noxfile.py").touch()
        (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\nprofile = "debug"\n')
        monkeypatch.setenv("JITBUILD_JIT", "yes")
        code, _, err = run(*self.WORDS, "--recipes", PROJECT / "recipes")
        assert code == 0
        assert [line.partition(". ")[0] for line in err.splitlines()] == [
            "warning: The jobs do not have the setting `jit`, which JITBUILD_JIT sets here",
            "warning: The jobs do not have the setting `recipes`, which the command line sets here",
        ]

    def test_a_noxfile_is_mentioned_if_no_pythons_are_named(self, run, tmp_path):
        words = ("matrix", "--workflow", "--action", ACTION)
        assert "--from-nox" not in run(*words)[2]
        (tmp_path / "noxfile.py").touch()
        code, _, err = run(*words)
        assert code == UsageError.exit_code
        assert "Those of your noxfile are read with --from-nox." in err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["-o", "x"], "argument --output: only allowed with --workflow"),
            (["--action", ACTION], "argument --action: only allowed with --workflow"),
            (["--workflow", "--json"], "github or gitlab, not for json"),
            (["--workflow", "--force"], "only allowed with -o/--output"),
            (
                ["--workflow", "--format", "gitlab", "--action", ACTION],
                "argument --action: not allowed with --format gitlab",
            ),
            (
                ["--workflow", "--requirement", "jitbuild"],
                "argument --requirement: only allowed with --format gitlab",
            ),
            (["--workflow", "--action", "me"], "Write --action OWNER/REPO@REF"),
        ],
    )
    def test_options_that_conflict_are_refused(self, run, words, message):
        code, out, err = run("matrix", "--pythons", "3.15", *words)
        assert (code, out) == (UsageError.exit_code, "")
        assert message in err


def test_a_workflow_with_prebuilt_interpreters_alone_has_no_build_job():
    machines = choose_machines(["linux", "macos"], (), service="github")
    found = sessions("tests(3.15-jit-on)")
    matrix = make_matrix(found, machines, planner_of(provider="prebuilt"), states_provider=True)
    text = github(matrix)
    jobs = yaml.safe_load(text)["jobs"]
    assert list(jobs) == ["test"]
    assert "needs" not in jobs["test"]
    assert "if" not in jobs["test"]
    include = jobs["test"]["strategy"]["matrix"]["include"]
    assert {entry["provider"] for entry in include} == {"prebuilt"}
    (step,) = (step for step in jobs["test"]["steps"] if "setup-jitbuild" in step.get("uses", ""))
    assert step["with"]["provider"] == "${{ matrix.provider }}"
    assert "JITBUILD_PROVIDER: prebuilt" in gitlab(matrix)


def test_auto_builds_only_where_nothing_prebuilt_fits(monkeypatch):
    machines = choose_machines(["linux", "windows"], (), service="github")
    monkeypatch.setenv("JITBUILD_PROVIDER", "auto")
    assert states_provider()
    found = sessions("tests(3.15-jit-on)")
    matrix = make_matrix(found, machines, planner_of(), states_provider=True)
    jobs = yaml.safe_load(github(matrix))["jobs"]
    assert list(jobs) == ["build", "test"]
    providers = {
        entry["os"]: entry.get("provider")
        for entry in jobs["build"]["strategy"]["matrix"]["include"]
    }
    assert providers == {"linux": "prebuilt", "windows": "source"}


@pytest.mark.parametrize(
    ("words", "expected"), [(["--provider", "source"], "source"), ([], "prebuilt")]
)
def test_jobs_state_the_provider_that_the_settings_of_the_project_would_replace(
    run, tmp_path, monkeypatch, words, expected
):
    (tmp_path / "pyproject.toml").write_text('[tool.jitbuild]\nprovider = "prebuilt"\n')
    monkeypatch.chdir(tmp_path)
    words = ["matrix", "--pythons", "3.15", "--modes", "on", *words]
    code, out, err = run(*words, "--workflow", "--action", ACTION)
    assert code == 0, err
    (test,) = yaml.safe_load(out)["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert test["provider"] == expected
    steps = yaml.safe_load(out)["jobs"]["test"]["steps"]
    assert steps[1]["with"]["provider"] == "${{ matrix.provider }}"
    assert steps[2]["env"]["JITBUILD_PROVIDER"] == "${{ matrix.provider }}"
    _, out, _ = run(*words, "--workflow", "--format", "gitlab", "--requirement", "jitbuild")
    variables = [job["variables"] for job in yaml.safe_load(out).values() if "needs" in job]
    assert [each["JITBUILD_PROVIDER"] for each in variables] == [expected]
    _, out, _ = run(*words, "--format", "gitlab")
    assert f'JITBUILD_PROVIDER: "{expected}"' in out
