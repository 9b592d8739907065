"""The probe without a process: a runner that answers as real interpreters were seen to answer."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jitbuild.errors import InterpreterError
from jitbuild.in_target import probe as target
from jitbuild.probing import runner as module
from jitbuild.probing.runner import Expect, ProbeFacts, probe, probe_environment
from jitbuild.probing.verdict import Runs, judge
from jitbuild.system.process import Completed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PYTHON = Path("/opt/python/bin/python3")
EXPECTATIONS: tuple[Expect, ...] = ("jit", "yes", "yes-off", "interpreter", "no")
JIT_EXPECTATIONS: tuple[Expect, ...] = ("jit", "yes", "yes-off")
FLAGS = {
    "no": [],
    "yes": ["-D_Py_TIER2=1", "-D_Py_JIT"],
    "yes-off": ["-D_Py_TIER2=3", "-D_Py_JIT"],
    "interpreter": ["-D_Py_TIER2=4"],
    "interpreter-off": ["-D_Py_TIER2=6"],
}

Answer = dict[str, Any] | Completed | OSError


def facts(**changed: Any) -> dict[str, Any]:
    """What 3.15.2 without a JIT says."""
    return {
        "version": "3.15.2",
        "full_version": "3.15.2 (main, Oct 26 2026, 15:10:10) [GCC 16.2.0]",
        "implementation": "cpython",
        "executable": str(PYTHON),
        "prefix": "/opt/python",
        "base_prefix": "/opt/python",
        "free_threaded": False,
        "debug": False,
        "platform": "linux-x86_64",
        "multiarch": "x86_64-linux-gnu",
        "ignores_environment": False,
        "build_flags": [],
        "tracers": [],
        "jit_available": False,
        "jit_enabled": False,
        "active_iterations": 0,
        "tier2": False,
        "executors": 0,
        "machine_code_bytes": 0,
        "interpreted": False,
        "missing": None,
        **changed,
    }


def build(kind: str, **changed: Any) -> dict[str, dict[str, Any]]:
    """The three answers of a sane build of this kind, by the value of PYTHON_JIT ('' when it is not set)."""
    off = facts(build_flags=FLAGS[kind], tier2=kind != "no", jit_available=kind != "no", **changed)
    on = {**off, "jit_enabled": True, "active_iterations": 7999, "executors": 3}
    on |= {"interpreted": True} if kind.startswith("interpreter") else {"machine_code_bytes": 12288}
    if kind == "no":
        return {"0": off, "": off, "1": off}
    return {"0": off, "": off if kind.endswith("-off") else on, "1": on}


def altered(answers: dict[str, dict[str, Any]], **changed: Any) -> dict[str, dict[str, Any]]:
    return {switch: {**answer, **changed} for switch, answer in answers.items()}


def on_3_13(answers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same build of a version without sys._jit."""
    return altered(
        answers, version="3.13.15", jit_available=None, jit_enabled=None, active_iterations=None
    )


def framed(answer: Mapping[str, Any], before: str = "", after: str = "") -> str:
    return f"{before}\n{target.BEGIN}\n{json.dumps(answer)}\n{target.END}\n{after}"


class FakeInterpreter:
    """A Runner that answers by PYTHON_JIT, and keeps what it was started with."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.calls: list[tuple[list[str], dict[str, str], float | None]] = []

    def __call__(
        self,
        argv: Sequence[str],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        stdin: str | None = None,
    ) -> Completed:
        assert env is not None
        self.calls.append((list(argv), dict(env), timeout))
        answer = self.answers[env.get("PYTHON_JIT", "")]
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, Completed):
            return answer
        return Completed(argv=tuple(argv), returncode=0, stdout=framed(answer))


def ended(
    returncode: int = 0, stdout: str = "", stderr: str = "", *, timed_out: bool = False
) -> Completed:
    return Completed(
        argv=("python",), returncode=returncode, stdout=stdout, stderr=stderr, timed_out=timed_out
    )


def ask(answers: Mapping[str, Answer], **options: Any) -> Any:
    return probe(PYTHON, runner=FakeInterpreter(answers), environ={}, **options)


def everywhere(answer: Answer) -> dict[str, Answer]:
    return dict.fromkeys(("0", "", "1"), answer)


# -- what a build is, and for which expectations it passes


@pytest.mark.parametrize(
    ("kind", "built", "passes"),
    [
        ("no", "no", {"no"}),
        ("yes", "yes", {"jit", "yes"}),
        ("yes-off", "yes-off", {"jit", "yes-off"}),
        ("interpreter", "interpreter", {"interpreter"}),
        ("interpreter-off", "interpreter", {"interpreter"}),
    ],
)
@pytest.mark.parametrize("version", ["3.13", "3.15"])
def test_every_kind_of_build_passes_as_itself_alone(
    kind: str, built: str, passes: set[str], version: str
) -> None:
    answers = on_3_13(build(kind)) if version == "3.13" else build(kind)
    verdicts = {expect: ask(answers, expect=expect) for expect in EXPECTATIONS}
    assert {verdict.built for verdict in verdicts.values()} == {built}
    assert {expect for expect, verdict in verdicts.items() if verdict.ok} == passes
    assert all(bool(verdict.reason) != verdict.ok for verdict in verdicts.values())


@pytest.mark.parametrize("version", ["3.13", "3.15"])
def test_the_documented_json(version: str) -> None:
    answers = on_3_13(build("yes-off")) if version == "3.13" else build("yes-off")
    found = ask(answers).to_json()
    names = [check["name"] for check in found["checks"]]
    assert names == [
        "answers",
        "free-threaded",
        "environment",
        "tracing",
        "built",
        "machine-code",
        "active",
        "default",
        "negative-control",
    ]
    assert all(
        check.keys() == {"name", "ok", "detail"} and check["ok"] and check["detail"]
        for check in found.pop("checks")
    )
    assert found == {
        "version": "3.13.15" if version == "3.13" else "3.15.2",
        "implementation": "cpython",
        "executable": str(PYTHON),
        "jit": {
            "built": "yes-off",
            "available": True,
            "enabled": {"default": False, "0": False, "1": True},
            "active": True,
            "machine_code_bytes": 12288,
        },
        "free_threaded": False,
        "debug": False,
        "ok": True,
        "reason": "",
    }


def test_the_path_may_be_text() -> None:
    asked = probe(str(PYTHON), runner=FakeInterpreter(build("yes-off")), environ={})
    assert asked.executable == PYTHON


def test_interpreter_off_is_an_interpreter_that_is_off() -> None:
    verdict = ask(build("interpreter-off"), expect="interpreter")
    assert (verdict.ok, verdict.built, verdict.enabled) == (
        True,
        "interpreter",
        {"default": False, "0": False, "1": True},
    )


def test_windows_records_no_flags_and_needs_none() -> None:
    for kind in ("yes", "yes-off", "interpreter", "no"):
        assert ask(altered(build(kind), build_flags=None)).built == kind


def test_a_jit_that_nothing_names_and_nothing_shows_is_still_no_plain_build() -> None:
    """Tier 2 is in, no flags say as what, and no loop was compiled: it passes as nothing."""
    for kind in ("yes", "yes-off"):
        silent = altered(build(kind), build_flags=None, executors=0, machine_code_bytes=0)
        assert ask(silent).built == kind
        assert not any(ask(silent, expect=expect).ok for expect in EXPECTATIONS)


def test_a_jit_of_3_13_is_told_by_its_executors() -> None:
    verdict = ask(on_3_13(build("yes")))
    assert (verdict.ok, verdict.enabled) == (True, {"default": True, "0": False, "1": True})


def test_the_claim_of_a_build_counts_for_nothing_against_what_is_seen() -> None:
    """A copied or patched sysconfig: the runtime has no tier 2, or has machine code, whatever the flags say."""
    assert ask(everywhere(facts(build_flags=FLAGS["yes"]))).built == "no"
    assert ask(altered(build("yes"), build_flags=[])).built == "yes"


# -- why one does not pass


def test_python_jit_1_still_prints_false() -> None:
    verdict = ask(on_3_13(build("no")))
    assert verdict.reason == (
        "The JIT was not compiled in: PYTHON_JIT=1 is silently ignored by this build. Install one with: jitbuild install 3.13"
    )


def test_a_version_from_before_the_jit() -> None:
    old = facts(
        version="3.8.18",
        build_flags=[],
        jit_available=None,
        jit_enabled=None,
        active_iterations=None,
    )
    assert ask(everywhere(old)).reason == (
        "CPython 3.8 has no JIT: it came with 3.13. Install one with: jitbuild install '>=3.13'"
    )
    assert ask(everywhere(old), expect="no").ok


@pytest.mark.parametrize(
    ("full_version", "name"),
    [
        (
            "3.11.17 (8.0.1, Oct 14 2026)\n[PyPy 8.0.1 with GCC 16.2.0]",
            "PyPy 8.0.1 with GCC 16.2.0",
        ),
        ("", "pypy"),
    ],
)
def test_another_implementation(full_version: str, name: str) -> None:
    other = facts(
        version="3.11.17",
        implementation="pypy",
        full_version=full_version,
        build_flags=None,
        jit_enabled=None,
    )
    verdict = ask(everywhere(other))
    assert verdict.built == "no"
    assert verdict.reason.startswith(f"This is {name}, not CPython")
    assert verdict.reason.endswith("jitbuild install '>=3.13'")


@pytest.mark.parametrize("expect", JIT_EXPECTATIONS)
@pytest.mark.parametrize("free_threaded", [None, True, False])
@pytest.mark.parametrize("kind", ["no", "yes", "yes-off"])
def test_a_free_threaded_build_never_passes_as_a_jit(
    expect: Expect, free_threaded: bool | None, kind: str
) -> None:
    """Even one that claims all: `is_enabled()` is True there, though no executor is ever made."""
    verdict = ask(build(kind, free_threaded=True), expect=expect, free_threaded=free_threaded)
    assert not verdict.ok
    assert "never runs a JIT" in verdict.reason


def test_a_free_threaded_jit_build_as_it_is_seen() -> None:
    seen = facts(
        free_threaded=True,
        build_flags=FLAGS["yes"],
        tier2=True,
        jit_available=True,
        jit_enabled=True,
    )
    verdict = ask(everywhere(seen))
    assert (verdict.ok, verdict.built, verdict.machine_code_bytes) == (False, "yes", 0)
    assert verdict.reason.endswith("Install one with: jitbuild install 3.15")


def test_free_threading_can_be_asked_for() -> None:
    threaded = build("no", free_threaded=True)
    assert ask(threaded, expect="no", free_threaded=True).ok
    assert ask(threaded, expect="no").ok
    assert not ask(threaded, expect="no", free_threaded=False).ok
    verdict = ask(build("no"), expect="no", free_threaded=True)
    assert (
        verdict.reason
        == "It is a build with the GIL. Install a free-threaded one with: jitbuild install 3.15t"
    )


def test_another_version_than_the_plan_says() -> None:
    assert ask(build("yes-off"), version="3.15.2").ok
    verdict = ask(build("yes-off"), version="3.15.0b2")
    assert verdict.reason.startswith("It is Python 3.15.2, and 3.15.0b2 was expected.")


@pytest.mark.parametrize("kind", ["yes", "yes-off", "interpreter"])
def test_switches_without_machine_code_prove_nothing(kind: str) -> None:
    """sys._jit and the flags say all that they should; the loops stay as they were."""
    answers = altered(build(kind), machine_code_bytes=0, executors=0)
    verdict = ask(answers)
    assert (verdict.ok, verdict.built) == (False, kind)
    if kind != "interpreter":
        assert "no machine code" in verdict.reason
        assert "report it" in verdict.reason


def test_a_switch_that_does_not_switch_off() -> None:
    on = build("yes")["1"]
    verdict = ask(everywhere(on))
    assert not verdict.ok
    assert verdict.reason.startswith("PYTHON_JIT=0 does not switch the JIT off.")


def test_machine_code_with_the_jit_off_is_seen_even_if_it_says_that_it_is_off() -> None:
    answers = build("yes-off")
    answers["0"] = {**answers["1"], "jit_enabled": False}
    assert [check.name for check in ask(answers).checks if not check.ok] == ["negative-control"]


def test_a_default_that_says_other_than_its_loops_show() -> None:
    answers = build("yes-off")
    answers[""] = {**answers["0"], "jit_enabled": True}
    assert [check.name for check in ask(answers).checks if not check.ok] == ["default"]


def test_a_loop_that_never_enters_its_machine_code() -> None:
    answers = build("yes-off")
    answers["1"] = {**answers["1"], "active_iterations": 0}
    verdict = ask(answers)
    assert [check.name for check in verdict.checks if not check.ok] == ["active"]
    assert not verdict.active


def test_what_stands_between_is_named() -> None:
    traced = ask(altered(build("yes-off"), tracers=["sys.settrace"]))
    assert traced.reason.startswith("sys.settrace is set, and keeps code out of the JIT.")
    isolated = ask(
        everywhere(facts(ignores_environment=True, build_flags=FLAGS["yes-off"], tier2=True))
    )
    assert "-E or -I" in isolated.reason


def numbers() -> Iterator[dict[str, Any]]:
    """Every combination of what could mislead."""
    for tier2, executors, interpreted, enabled, active, flags in itertools.product(
        (True, False),
        (0, 3),
        (True, False),
        (True, False, None),
        (0, 9, None),
        (*FLAGS.values(), None),
    ):
        yield facts(
            tier2=tier2,
            executors=executors,
            interpreted=interpreted,
            jit_enabled=enabled,
            active_iterations=active,
            build_flags=flags,
        )


def test_nothing_passes_as_a_jit_without_machine_code() -> None:
    sane = build("yes-off")["0"]
    for answer in numbers():
        one, off = (module._convert(PYTHON, found) for found in (answer, sane))
        for runs in (
            Runs(off=off, default=off, on=one),
            Runs(off=off, default=one, on=one),
            Runs(off=one, default=one, on=one),
        ):
            for expect in JIT_EXPECTATIONS:
                assert not judge(PYTHON, runs, expect=expect).ok


# -- how it is asked


def test_it_is_run_three_times_from_a_clean_environment() -> None:
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
    file = str(Path(target.__file__))
    start = [str(PYTHON), "-B", "-S", file]
    assert [argv for argv, _, _ in runner.calls] == [[*start, "modules"], start, start]
    assert verdict.to_json()["missing_modules"] == ["readline"]


def test_a_relative_path_is_not_looked_up_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = FakeInterpreter(build("yes-off"))
    assert probe(Path("python3"), runner=runner).executable == tmp_path / "python3"
    assert runner.calls[0][0][0] == str(tmp_path / "python3")


def test_the_environment_of_a_run() -> None:
    assert probe_environment({"HOME": "/h", "PYTHON_GIL": "0"}, "default") == {"HOME": "/h"}
    assert probe_environment({}, "1") == {"PYTHON_JIT": "1"}


def test_rubbish_around_the_answer_does_not_disturb() -> None:
    noisy = framed(build("no")["0"], before="Activating {conda}...\nno newline", after="Goodbye")
    assert ask(everywhere(ended(stdout=noisy)), expect="no").ok
    assert ask(everywhere(ended(stdout=noisy.replace("\n", "\r\n"))), expect="no").ok


# -- what gives no answer


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
            ended(stdout=f"{target.BEGIN}\nnot json\n{target.END}\n"),
            "does not answer like a Python interpreter",
        ),
        (
            ended(stdout=f"{target.BEGIN}\n[]\n{target.END}\n"),
            "does not answer like a Python interpreter",
        ),
        (ended(stdout=f"{target.BEGIN}\n"), "does not answer like a Python interpreter"),
        (facts(version="soon"), "something else than facts: version 'soon'"),
        (facts(machine_code_bytes="many"), "something else than facts: Expected `int`"),
        ({"version": "3.15.2"}, "something else than facts: Object missing required field"),
        (facts(version="3.7.16"), "is Python 3.7.16, and 3.8 is the oldest that can be probed."),
        ({"version": "2.7.18"}, "is Python 2.7.18, and 3.8 is the oldest that can be probed."),
        (
            FileNotFoundError(2, "No such file or directory"),
            "cannot be run: No such file or directory.",
        ),
        (OSError(8, "Exec format error"), "cannot be run: Exec format error."),
    ],
)
def test_what_is_no_interpreter_is_told_why(answer: Answer, what: str) -> None:
    with pytest.raises(InterpreterError) as raised:
        ask(everywhere(answer))
    assert raised.value.what.startswith(f"{PYTHON} ")
    assert what in raised.value.what
    assert raised.value.remedy
    assert raised.value.exit_code == 17


def test_a_shim_of_a_version_that_is_not_active() -> None:
    with pytest.raises(InterpreterError, match="command not found") as raised:
        ask(
            everywhere(
                ended(
                    127,
                    stderr="pyenv: python3.13: command not found\n\nThe `python3.13' command exists in",
                )
            )
        )
    assert "pyenv shim" in raised.value.remedy


def test_a_folder_is_told_which_python_is_in_it(tmp_path: Path) -> None:
    runner = FakeInterpreter(everywhere(PermissionError(13, "Permission denied")))
    with pytest.raises(InterpreterError, match="is a folder"):
        probe(tmp_path, runner=runner)
    (tmp_path / "bin").mkdir()
    for name in ("python3-config", "python3.15"):
        (tmp_path / "bin" / name).touch()
    with pytest.raises(InterpreterError) as raised:
        probe(tmp_path, runner=runner)
    assert raised.value.remedy == f"Name the executable in it: {tmp_path / 'bin/python3.15'}"


def test_nothing_is_run_again_after_the_first_silence() -> None:
    runner = FakeInterpreter(everywhere(ended(timed_out=True)))
    with pytest.raises(InterpreterError):
        probe(PYTHON, runner=runner)
    assert len(runner.calls) == 1


@pytest.mark.parametrize(
    ("answer", "how"),
    [(ended(-6), "was ended by SIGABRT."), (ended(timed_out=True), "did not answer")],
)
def test_a_jit_that_crashes_or_hangs_gets_a_verdict(answer: Completed, how: str) -> None:
    verdict = ask({**build("yes-off"), "1": answer})
    assert (verdict.ok, verdict.built, verdict.active, verdict.machine_code_bytes) == (
        False,
        "yes-off",
        False,
        0,
    )
    assert verdict.enabled == {"default": False, "0": False, "1": False}
    assert verdict.reason.startswith(f"With PYTHON_JIT=1: {PYTHON} {how}")
    verdict = ask({**build("yes"), "": answer, "1": answer})
    assert (verdict.ok, verdict.built) == (False, "yes")
    assert "With PYTHON_JIT unset" in verdict.reason


# -- the file that runs in the interpreter, run here


class FakeExecutor:
    def __init__(self, code: bytes | Exception | None, *, valid: bool = True) -> None:
        self.code = code
        self.valid = valid

    def is_valid(self) -> bool:
        return self.valid

    def get_jit_code(self) -> bytes | None:
        if isinstance(self.code, Exception):
            raise self.code
        return self.code


def getter(
    found: FakeExecutor | Exception, calls: list[int] | None = None
) -> Callable[..., FakeExecutor]:
    """`_opcode.get_executor` of a build whose loops have this one executor, in the middle of their code."""

    def get_executor(*, code: Any, offset: int) -> FakeExecutor:
        if calls is not None:
            calls.append(offset)
        if isinstance(found, Exception):
            raise found
        if offset != 4:
            raise ValueError("no executor at given byte offset")
        return found

    return get_executor


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (FakeExecutor(b"x" * 4096), (True, 3, 12288, False)),
        (FakeExecutor(None), (True, 3, 0, False)),
        (FakeExecutor(b""), (True, 3, 0, False)),
        (FakeExecutor(b"x" * 4096, valid=False), (True, 0, 0, False)),
        (FakeExecutor(RuntimeError("JIT support not enabled.")), (True, 3, 0, True)),
        (ValueError("no executor at given byte offset"), (True, 0, 0, False)),
        (RuntimeError("Executors are not available in this build"), (False, 0, 0, False)),
    ],
)
def test_what_the_executors_show(
    found: FakeExecutor | Exception, seen: tuple[bool, int, int, bool]
) -> None:
    result = target.tier2(getter(found))
    assert (
        result["tier2"],
        result["executors"],
        result["machine_code_bytes"],
        result["interpreted"],
    ) == seen


def test_one_round_is_not_yet_a_no() -> None:
    calls: list[int] = []
    target.tier2(getter(FakeExecutor(b"x"), calls))
    once = calls.count(0)
    calls.clear()
    target.tier2(getter(ValueError(), calls))
    assert (once, calls.count(0)) == (len(target.LOOPS), len(target.LOOPS) * target.ROUNDS)


def test_no_getter_no_tier_2() -> None:
    assert target.tier2(None) == {
        "tier2": False,
        "executors": 0,
        "machine_code_bytes": 0,
        "interpreted": False,
    }


def test_the_loops_compute_something() -> None:
    assert target.integers(5) == 10
    assert target.countdown(5) == 5
    assert target.floats(0) == 1.0


def test_the_switches() -> None:
    assert target.switches(None) == {
        "jit_available": None,
        "jit_enabled": None,
        "active_iterations": None,
    }
    ticks = itertools.count()
    jit = SimpleNamespace(
        is_available=lambda: True, is_enabled=lambda: True, is_active=lambda: next(ticks) >= 4000
    )
    seen = target.switches(jit)
    assert seen == {
        "jit_available": True,
        "jit_enabled": True,
        "active_iterations": target.ROUNDS * target.WARM - 4000,
    }


def test_what_watches_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monitoring = SimpleNamespace(get_tool={1: "coverage"}.get)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    monkeypatch.setattr(sys, "getprofile", lambda: print)
    assert target.tracers() == ["sys.settrace", "sys.setprofile", "sys.monitoring (coverage)"]
    monkeypatch.delattr(sys, "monitoring")
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    assert target.tracers() == []


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ((3, 15, 0, "beta", 2), "3.15.0b2"),
        ((3, 16, 0, "alpha", 0), "3.16.0a0"),
        ((3, 14, 0, "candidate", 3), "3.14.0rc3"),
        ((3, 13, 15, "final", 0), "3.13.15"),
    ],
)
def test_the_version_as_releases_are_named(
    monkeypatch: pytest.MonkeyPatch, info: tuple[Any, ...], name: str
) -> None:
    monkeypatch.setattr(sys, "version_info", info)
    assert target.version() == name


def test_which_modules_are_wanted() -> None:
    assert "readline" not in target.wanted_modules((3, 13), "win32")
    assert "compression.zstd" not in target.wanted_modules((3, 13), "linux")
    assert "compression.zstd" in target.wanted_modules((3, 14), "linux")


def test_missing_modules_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"json": "json", "uuid": "_jitbuild_has_no_such_module"}
    monkeypatch.setattr(target, "wanted_modules", lambda: wanted)
    monkeypatch.setattr(target, "_has_pip", lambda: False)
    assert target.missing_modules() == ["pip", "uuid"]


def test_a_venv_is_known_by_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert target._prefix() == sys.prefix
    (tmp_path / "pyvenv.cfg").touch()
    assert target._prefix() == str(tmp_path)


def test_a_broken_sysconfig_is_no_reason_to_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sysconfig", None)
    assert target.config("Py_DEBUG") is None
    assert target.build_flags() is None
    assert target.identity()["platform"] == sys.platform


def test_only_the_switches_of_the_jit_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = "-fno-strict-overflow -D_Py_TIER2=3 -D_Py_JIT -I../Include -DPy_BUILD_CORE"
    monkeypatch.setattr(target, "config", lambda name: flags)
    assert target.build_flags() == ["-D_Py_TIER2=3", "-D_Py_JIT"]


def test_the_frame_is_the_same_in_host_and_target() -> None:
    assert (module.BEGIN, module.END) == (target.BEGIN, target.END)


def test_its_answer_is_what_the_host_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [target.__file__, "modules"])
    monkeypatch.setattr(sys, "path", [str(Path(target.__file__).parent), "elsewhere"])
    target.main()
    assert sys.path == ["elsewhere"]
    answer = module._unframe("rubbish" + capsys.readouterr().out)
    assert answer is not None
    assert answer.keys() == {field.name for field in dataclasses.fields(ProbeFacts)}
    assert module._convert(PYTHON, answer).version == target.version()
