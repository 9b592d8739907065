"""`jitbuild diff`: from the command line to the request, and from the report to the exit code."""

import json
from pathlib import Path

import pytest
from diff_samples import repeat, runs_of

from jitbuild.cli import diff as cli_diff
from jitbuild.diff.compare_runs import compare_runs
from jitbuild.diff.diff_report import DiffReport

pytestmark = pytest.mark.usefixtures("home")


def report(**by_mode):
    """Return the report on runs with the outcomes `by_mode`, of which the first is the baseline."""
    runs, modes = runs_of(**by_mode), tuple(by_mode)
    return DiffReport(
        interpreter="cpython-3.15.2-jit-fast-1a2b3c4d",
        version="3.15.2",
        executable="/store/bin/python3.15",
        command=("-m", "pytest"),
        modes=modes,
        baseline=modes[0],
        repeats=len(runs) // len(modes),
        proven=True,
        jit="With PYTHON_JIT=1 a hot loop has machine code.",
        runs=tuple(runs),
        findings=compare_runs(runs, modes, repeat),
    )


@pytest.fixture
def comparing(monkeypatch):
    """Return a function that sets the report, and the list of the requests that were compared."""
    requests = []

    def comparing(report):
        def compare_modes(request, store, reporter):
            requests.append(request)
            return report

        monkeypatch.setattr(cli_diff, "compare_modes", compare_modes)
        return requests

    return comparing


def test_a_difference_is_reported_with_exit_code_1(run, comparing):
    comparing(report(off=["a=passed"] * 2, on=["a=failed"] * 2))
    code, out, err = run("diff", "3.15", "--", "-m", "pytest")
    assert (code, err) == (1, "")
    assert "Differs with the JIT (1)" in out
    code, out, _ = run("diff", "3.15", "--json", "--", "-m", "pytest")
    assert code == 1
    assert json.loads(out)["command"] == ["-m", "pytest"]


def test_flaky_outcomes_do_not_change_the_exit_code(run, comparing):
    comparing(report(off=["a=passed", "a=failed"], on=["a=passed", "a=passed"]))
    code, out, _ = run("diff", "3.15", "--", "-m", "pytest")
    assert code == 0
    assert "Flaky" in out


def test_the_options_become_the_request(run, comparing):
    requests = comparing(report(off=["a=passed"], on=["a=passed"]))
    options = ["--repeat", "5", "--timeout", "60", "--keep", "logs", "--with", "pytest,hypothesis"]
    run("diff", "3.15", *options, "--requirements", "r.txt", "--modes", "on,stress", "--", "pytest")
    run("diff", "3.15", "--", "pytest")
    stated, plain = requests
    assert (stated.spec, stated.command, stated.modes) == ("3.15", ("pytest",), ("on", "stress"))
    assert (stated.repeats, stated.timeout, stated.keep) == (5, 60.0, Path("logs"))
    assert stated.requirements.packages == ["pytest", "hypothesis"]
    assert stated.requirements.files == [Path("r.txt")]
    assert (plain.modes, plain.repeats, plain.timeout, plain.keep) == (("off", "on"), 3, None, None)


def test_the_report_is_appended_to_the_summary_of_the_step(run, comparing, monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    comparing(report(off=["a=passed"] * 2, on=["a=failed"] * 2))
    run("diff", "3.15", "--", "-m", "pytest")
    assert "1 difference with the JIT." in summary.read_text(encoding="utf-8")
