"""Runs of the probe: how it is started, and what is said of programs that report no facts."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_interpreter import (
    PYTHON,
    Answer,
    FakeInterpreter,
    build,
    ended,
    everywhere,
    facts,
    framed,
    probed,
)

from jitbuild.errors import InterpreterError
from jitbuild.in_target import probe as probe_file
from jitbuild.probing.reply import BEGIN, END
from jitbuild.probing.run_probe import probe, probe_environment
from jitbuild.system.process import Completed

PARSE_ERROR = """\
  File "/x/in_target/probe.py", line 17
    from __future__ import annotations
    ^
SyntaxError: future feature annotations is not defined
"""


def test_the_probe_runs_three_times_in_a_clean_environment() -> None:
    runner = FakeInterpreter(build("yes-off", missing=["readline"]))
    hostile = {
        "PATH": "/bin",
        "PYENV_VERSION": "3.13",
        "PYTHON_JIT": "1",
        "PYTHON_JIT_STRESS": "1",
        "PYTHON_UOPS_OPTIMIZE": "0",
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "PYTHONSTARTUP": "/x",
        "PythonPath": "/windows",
        "__PYVENV_LAUNCHER__": "/x",
    }
    verdict = probe(PYTHON, modules=True, runner=runner, timeout=3.5, environ=hostile)
    clean = {"PATH": "/bin", "PYENV_VERSION": "3.13"}
    assert [env for _, env, _ in runner.calls] == [
        clean | {"PYTHON_JIT": "0"},
        clean,
        clean | {"PYTHON_JIT": "1"},
    ]
    assert {timeout for _, _, timeout in runner.calls} == {3.5}
    file = str(Path(probe_file.__file__))
    start = [str(PYTHON), "-B", "-S", file]
    assert [argv for argv, _, _ in runner.calls] == [[*start, "modules"], start, start]
    assert verdict.to_json()["missing_modules"] == ["readline"]


def test_the_path_may_be_a_string() -> None:
    asked = probe(str(PYTHON), runner=FakeInterpreter(build("yes-off")), environ={})
    assert asked.executable == PYTHON


def test_a_relative_path_is_not_looked_up_on_the_search_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = FakeInterpreter(build("yes-off"))
    assert probe(Path("python3"), runner=runner).executable == tmp_path / "python3"
    assert runner.calls[0][0][0] == str(tmp_path / "python3")


def test_the_environment_of_a_run_has_python_jit_and_no_other_variable_of_python() -> None:
    assert probe_environment({"HOME": "/h", "PYTHON_GIL": "0"}, "default") == {"HOME": "/h"}
    assert probe_environment({}, "1") == {"PYTHON_JIT": "1"}


def test_output_around_the_frame_is_ignored() -> None:
    noisy = framed(build("no")["0"], before="Activating {conda}...\nno newline", after="Goodbye")
    assert probed(everywhere(ended(stdout=noisy)), expect="no").ok
    assert probed(everywhere(ended(stdout=noisy.replace("\n", "\r\n"))), expect="no").ok


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (
            ended(stdout="Hello\nWorld"),
            "does not answer like a Python interpreter; it printed: Hello",
        ),
        (ended(), "ran and printed nothing."),
        (
            ended(127, stderr="\n  no such command\nmore"),
            "failed with exit code 127: no such command",
        ),
        (ended(-11), "was ended by SIGSEGV."),
        (
            ended(-11, stderr="Fatal Python error: Aborted"),
            "was ended by SIGSEGV: Fatal Python error: Aborted",
        ),
        (ended(-120), "was ended by signal 120."),
        (ended(timed_out=True), "did not answer within 20 seconds."),
        (ended(1, stdout=framed(facts())), "failed with exit code 1"),
        (
            ended(stdout=f"{BEGIN}\nnot json\n{END}\n"),
            "does not answer like a Python interpreter",
        ),
        (
            ended(stdout=f"{BEGIN}\n[]\n{END}\n"),
            "does not answer like a Python interpreter",
        ),
        (ended(stdout=f"{BEGIN}\n"), "does not answer like a Python interpreter"),
        (facts(version="soon"), "sent a malformed reply to the probe: version 'soon'"),
        (
            facts(version="3.15.2/../x"),
            "sent a malformed reply to the probe: version '3.15.2/../x'",
        ),
        (facts(**{"\udcff": 1}), "sent a malformed reply to the probe: 'utf-8' codec"),
        (facts(machine_code_bytes="many"), "sent a malformed reply to the probe: Expected `int`"),
        (
            {"version": "3.15.2"},
            "sent a malformed reply to the probe: Object missing required field",
        ),
        (
            facts(version="3.7.16"),
            "is older than Python 3.8, the oldest version that can be probed.",
        ),
        (
            ended(1, stderr=PARSE_ERROR),
            "is older than Python 3.8, the oldest version that can be probed.",
        ),
        (
            ended(1, stderr="/x/probe.py:1\nSyntaxError: Unexpected string"),
            "failed with exit code 1: /x/probe.py:1",
        ),
        (
            FileNotFoundError(2, "No such file or directory"),
            "cannot be run: No such file or directory.",
        ),
        (OSError(8, "Exec format error"), "cannot be run: Exec format error."),
    ],
)
def test_a_program_that_reports_no_facts_is_refused_with_the_reason(
    answer: Answer, what: str
) -> None:
    with pytest.raises(InterpreterError) as raised:
        probed(everywhere(answer))
    assert raised.value.what.startswith(f"{PYTHON} ")
    assert what in raised.value.what
    assert raised.value.remedy
    assert raised.value.exit_code == 17


def test_an_inactive_pyenv_shim_is_recognized() -> None:
    stderr = "pyenv: python3.13: command not found\n\nThe `python3.13' command exists in"
    with pytest.raises(InterpreterError, match="command not found") as raised:
        probed(everywhere(ended(127, stderr=stderr)))
    assert "pyenv shim" in raised.value.remedy


def test_the_remedy_for_a_folder_names_the_python_in_it(tmp_path: Path) -> None:
    runner = FakeInterpreter(everywhere(PermissionError(13, "Permission denied")))
    with pytest.raises(InterpreterError, match="is a folder"):
        probe(tmp_path, runner=runner)
    (tmp_path / "bin").mkdir()
    for name in ("python3-config", "python3.15"):
        (tmp_path / "bin" / name).touch()
    with pytest.raises(InterpreterError) as raised:
        probe(tmp_path, runner=runner)
    assert (
        raised.value.remedy == f"Name the executable in this folder: {tmp_path / 'bin/python3.15'}"
    )


def test_a_program_that_hangs_is_run_once() -> None:
    runner = FakeInterpreter(everywhere(ended(timed_out=True)))
    with pytest.raises(InterpreterError):
        probe(PYTHON, runner=runner)
    assert len(runner.calls) == 1


@pytest.mark.parametrize(
    ("answer", "how"),
    [(ended(-6), "was ended by SIGABRT."), (ended(timed_out=True), "did not answer")],
)
def test_a_jit_that_crashes_or_hangs_gets_a_verdict(answer: Completed, how: str) -> None:
    verdict = probed({**build("yes-off"), "1": answer})
    assert (verdict.ok, verdict.built, verdict.active, verdict.machine_code_bytes) == (
        False,
        "yes-off",
        False,
        0,
    )
    assert verdict.enabled == {"default": False, "0": False, "1": False}
    assert verdict.reason.startswith(f"With PYTHON_JIT=1: {PYTHON} {how}")
    verdict = probed({**build("yes"), "": answer, "1": answer})
    assert (verdict.ok, verdict.built) == (False, "yes")
    assert "With PYTHON_JIT unset" in verdict.reason
