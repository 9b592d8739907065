"""A report of a comparison: as text, as Markdown, as JSON, and its caveats."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from diff_samples import repeat, runs_of, usage_line
from reporters import RecordingReporter

from jitbuild.diff.command_run import CommandRun, Interruption
from jitbuild.diff.compare_runs import baseline_of, compare_runs
from jitbuild.diff.diff_report import DiffReport, caveats
from jitbuild.diff.package_usage import package_usage
from jitbuild.diff.report_text import as_markdown, as_text
from jitbuild.diff.step_summary import append_step_summary
from jitbuild.diff.test_record import parse_records
from jitbuild.running.tally import ModeTally


def tally_of(mode, executors):
    on = mode in {"on", "stress"}
    return ModeTally(
        mode=mode,
        version="3.15.2",
        processes=2,
        in_mode=2,
        enabled=2 if on else 0,
        compiled=1 if on and executors else 0,
        unknown=0,
    )


def report_of(**by_mode):
    return report_with(runs_of(**by_mode), tuple(by_mode))


def report_with(runs, modes, executors=5):
    repeats = len(runs) // len(modes)
    return DiffReport(
        interpreter="cpython-3.15.2-jit-fast-1a2b3c4d",
        version="3.15.2",
        executable="/store/bin/python3.15",
        command=("-m", "pytest", "a b"),
        modes=modes,
        baseline=baseline_of(modes),
        repeats=repeats,
        proven=True,
        jit="With PYTHON_JIT=1 a hot loop has machine code (4096 bytes, in whole pages).",
        runs=tuple(runs),
        findings=compare_runs(runs, modes, repeat),
        witness=tuple(tally_of(mode, executors) for mode in modes),
        notes=caveats(runs, repeats),
    )


@pytest.fixture
def report():
    return report_of(
        off=["a=passed b=passed", "a=passed b=failed"],
        on=["a=failed b=passed", "a=failed b=passed"],
    )


TEXT = """\
cpython-3.15.2-jit-fast-1a2b3c4d: -m pytest 'a b'
  off, on; 2 interleaved repeats. \
With PYTHON_JIT=1 a hot loop has machine code (4096 bytes, in whole pages).

  off  exit 0 1 of 2, exit 1 1 of 2  2 passed            1.0 s
  on   exit 1                        1 failed, 1 passed  1.0 s

  mode off: 2 processes, all 3.15.2, JIT off
  mode on: 2 processes, all 3.15.2, JIT on; machine code in 1

Differs with the JIT (1)
  a
      off: passed; on: failed
      | assert not True
      repeat: jitbuild run 3.15 --mode on -- a

Flaky: differs between repeats of one mode (1)
  b: off: passed 1 of 2, failed 1 of 2; on: passed

Time
  on and off are not compared: 1.0 s -> 1.0 s; that needs 3 repeats or more (--repeat 3)

1 difference with the JIT. 1 subject is flaky, which does not count as a difference."""

MARKDOWN = """\
### ❌ 1 difference with the JIT. 1 subject is flaky, which does not count as a difference.

`-m pytest 'a b'` on `cpython-3.15.2-jit-fast-1a2b3c4d`: off, on; 2 interleaved repeats. \
With PYTHON_JIT=1 a hot loop has machine code (4096 bytes, in whole pages).

| mode | ending | tests | median time |
|---|---|---|---|
| off | exit 0 1 of 2, exit 1 1 of 2 | 2 passed | 1.0 s |
| on | exit 1 | 1 failed, 1 passed | 1.0 s |

- mode off: 2 processes, all 3.15.2, JIT off
- mode on: 2 processes, all 3.15.2, JIT on; machine code in 1

#### Differs with the JIT

- **`a`**: off: passed; on: failed

  ```
  assert not True
  $ jitbuild run 3.15 --mode on -- a
  ```

#### Flaky

Differs between repeats of one mode.

- `b`: off: passed 1 of 2, failed 1 of 2; on: passed

#### Time

- on and off are not compared: 1.0 s -> 1.0 s; that needs 3 repeats or more (--repeat 3)
"""


def test_a_report_as_text(report):
    assert as_text(report) == TEXT


def test_a_report_as_markdown(report):
    assert as_markdown(report) == MARKDOWN


def test_a_report_as_json(report):
    data = json.loads(json.dumps(report.to_json()))
    assert list(data) == [
        *(
            "interpreter",
            "version",
            "executable",
            "command",
            "modes",
            "baseline",
            "repeats",
            "jit",
            "witness",
            "nothing_compiled",
            "packages",
            "package_not_compiled",
            "different",
        ),
        *("differences", "flaky", "timings", "runs", "notes", "known_bugs"),
    ]
    assert data["different"] is True
    assert data["jit"]["proven"] is True
    assert data["witness"]["on"] == {
        "processes": 2,
        "in_mode": 2,
        "jit_on": 2,
        "jit_off": 0,
        "machine_code": 1,
        "unknown": 0,
        "cut_off": 0,
        "tracers": [],
        "unseen": [],
        "others": [],
        "left_out": 0,
    }
    assert data["nothing_compiled"] is None
    assert (data["packages"], data["package_not_compiled"]) == ({}, None)
    assert data["differences"] == [
        {
            "subject": "a",
            "kind": "test",
            "modes": ["on"],
            "outcomes": {"off": ["passed", "passed"], "on": ["failed", "failed"]},
            "detail": ["assert not True"],
            "log": None,
            "repeat": "jitbuild run 3.15 --mode on -- a",
        }
    ]
    assert data["flaky"] == [
        {"subject": "b", "outcomes": {"off": ["passed", "failed"], "on": ["passed", "passed"]}}
    ]
    assert data["timings"] == [
        {
            "mode": "on",
            "seconds": 1.0,
            "baseline_seconds": 1.0,
            "ratio": 1.0,
            "noise": 0.0,
            "speed": "not compared",
            "result": "not compared",
            "interval": None,
            "more_repeats": None,
            "reason": "that needs 3 repeats or more (--repeat 3)",
        }
    ]
    assert data["runs"][0] == {
        "mode": "off",
        "round": 1,
        "ending": "exit 0",
        "exit_code": 0,
        "timed_out": False,
        "seconds": 1.0,
        "tests": {"passed": 2},
        "interrupted": [],
        "not_run": [],
        "log": None,
    }


def test_a_report_without_differences_says_so():
    report = report_of(off=["a=passed"] * 3, on=["a=passed"] * 3)
    assert not report.different
    assert as_text(report).endswith("\nNo differences with the JIT.")
    assert as_markdown(report).startswith("### ✅ No differences")


def test_caveats_name_a_command_that_always_fails_and_too_few_repeats():
    assert caveats(tuple(runs_of(off=[2] * 3, on=[2] * 3)), 3) == (
        "The command failed in every run: exit 2. Its last output: output 2",
    )
    assert "--repeat 3" in caveats(tuple(runs_of(off=[0], on=[0])), 1)[0]


def test_times_are_shown_with_their_ratio_and_noise():
    by_mode = {"on": 0.05, "stress": 2.0}
    runs = [CommandRun(mode="off", round=n, returncode=0, seconds=0.1) for n in (1, 2, 3)]
    runs += [
        CommandRun(mode=mode, round=n, returncode=0, seconds=seconds)
        for mode, seconds in by_mode.items()
        for n in (1, 2, 3)
    ]
    runs += [CommandRun(mode="default", round=n, returncode=0, seconds=0.1) for n in (1, 2, 3)]
    modes = ("off", "on", "stress", "default")
    report = report_with(runs, modes)
    lines = [
        "on is faster than off: 100 ms -> 50 ms, 2.00 times as fast (noise 0.0%)",
        "stress is slower than off: 100 ms -> 2.0 s, 20.00 times as long (noise 0.0%)",
        "default and off: no difference of 2% or more: 100 ms -> 100 ms (noise 0.0%)",
    ]
    assert "\n".join(f"  {line}" for line in lines) in as_text(report)
    assert "\n".join(f"- {line}" for line in lines) in as_markdown(report)


def test_an_undecided_time_says_how_many_repeats_would_decide():
    seconds = {"off": (1.0, 1.05, 1.0), "on": (1.02, 0.99, 1.04)}
    runs = [
        CommandRun(mode=mode, round=number, returncode=0, seconds=each)
        for mode, times in seconds.items()
        for number, each in enumerate(times, start=1)
    ]
    text = as_text(report_with(runs, ("off", "on")))
    assert "on and off: undecided: 1.0 s -> 1.0 s (noise 5.0%); about " in text
    assert "more repeats would decide (--repeat)" in text


def test_a_crash_is_shown_with_its_trace_and_its_log():
    report = report_of(off=[0] * 2, on=["crash"] * 2)
    lines = as_text(report).splitlines()
    title = lines.index("  crash in the command")
    assert lines[title + 1 : title + 3] == [
        "      off: exit 0; on: SIGSEGV",
        "      | Fatal Python error: Segmentation fault",
    ]
    assert f"      log: {Path('logs/on-1.log')}" in lines
    assert "- **`crash in the command`**: off: exit 0" in as_markdown(report)


def with_usage(report, *lines):
    record = parse_records("".join(lines))
    runs = [replace(run, usage=record.usage) for run in report.runs]
    return replace(report, usage=package_usage(runs, report.modes))


def test_the_compiled_functions_of_the_package_are_shown():
    report = report_of(off=["a=passed"] * 3, on=["a=passed"] * 3)
    report = with_usage(report, usage_line("hotpkg", compiled=["hotpkg.f"], plain=["hotpkg.g"]))
    assert (
        "  mode on: 2 processes, all 3.15.2, JIT on; machine code in 1 (of any code, pytest's own "
        "included)\n"
        "  mode on: of your package hotpkg, 1 of 2 functions got machine code\n"
    ) in as_text(report)
    assert "- mode on: of your package hotpkg, 1 of 2" in as_markdown(report)
    assert as_text(report).endswith("\nNo differences with the JIT.")
    assert report.to_json()["packages"]["on"]["hotpkg"]["compiled"] == 1


def test_machine_code_of_pytest_alone_is_no_proof():
    report = report_of(off=["a=passed"] * 3, on=["a=passed"] * 3)
    report = with_usage(report, usage_line("hotpkg", plain=["hotpkg.f", "hotpkg.g"]))
    sentence = "No function of your package hotpkg got machine code, so this may say nothing"
    assert "of your package hotpkg, 0 of 2 functions got machine code" in as_text(report)
    assert as_text(report).splitlines()[-1].startswith(sentence)
    assert as_markdown(report).startswith(f"### ⚠️ {sentence}")
    assert report.to_json()["package_not_compiled"].startswith("a Python loop")


def test_notes_name_each_test_that_ended_pytest_and_what_did_not_run():
    crashed = CommandRun(
        mode="on",
        round=1,
        returncode=-11,
        seconds=1.0,
        interruptions=(
            Interruption("a", "SIGSEGV", (), None),
            Interruption("b", "timed out", (), None),
        ),
        not_run=tuple(f"t{number}" for number in range(7)),
    )
    fine = CommandRun(mode="on", round=2, returncode=0, seconds=1.0)
    ended, not_run = caveats([crashed, fine], 2)
    assert "process of pytest: a (SIGSEGV) in 1 of 2 runs, b (timed out) in 1 of 2 runs." in ended
    assert not_run.startswith("In mode on, 7 tests did not run")
    assert not_run.endswith(": t0, t1, t2, t3, t4 and 2 more.")
    aborted = replace(fine, returncode=-6)
    outside = caveats([replace(crashed, rest=aborted), replace(crashed, rest=fine)], 2)[1]
    assert outside.endswith("a new process ended outside a test in 1 of 2 runs: SIGABRT.")
    once = replace(crashed, interruptions=crashed.interruptions[:1])
    assert "a (SIGSEGV). The tests after" in caveats([once], 3)[0]


def test_the_step_summary_is_appended_to_the_file_of_github(tmp_path, report):
    reporter = RecordingReporter()
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    append_step_summary(report, reporter, {"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text(encoding="utf-8") == f"before\n{MARKDOWN}\n"
    append_step_summary(report, reporter, {})
    assert reporter.warnings == []


def test_a_step_summary_that_cannot_be_written_is_a_warning(tmp_path, report):
    reporter = RecordingReporter()
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "summary.md")}
    append_step_summary(report, reporter, environ)
    assert "cannot be written" in reporter.warnings[0]


def test_without_machine_code_the_conclusion_says_nothing_about_the_jit():
    runs = runs_of(off=[0] * 3, on=[0] * 3)
    report = report_with(runs, ("off", "on"), executors=0)
    sentence = (
        "No machine code was left at the end, so this may say nothing about the JIT: a Python loop"
    )
    assert as_text(report).splitlines()[-1].startswith(sentence)
    assert "No differences" not in as_text(report)
    assert as_markdown(report).startswith(f"### ⚠️ {sentence}")
    assert report.to_json()["nothing_compiled"].startswith("a Python loop")


def test_a_difference_without_machine_code_is_reported_nevertheless():
    report = report_with(runs_of(off=[0] * 3, on=[1] * 3), ("off", "on"), executors=0)
    assert report.different
    assert "1 difference with the JIT. No machine code was left" in as_text(report)
