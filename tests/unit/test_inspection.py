"""Tests of the inspection of programs: functions with machine code, and hot ones without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_fakes import session

from jitbuild.bench import plan, scripts
from jitbuild.bench.inspection import Inspector, compiled_functions
from jitbuild.system.process import Completed

WORK = {"name": "work", "file": "x.py", "line": 2, "executors": 1, "bytes": 4096}
HOT = (
    ("x.py", 2, "work", 0.5),
    ("x.py", 9, "slow", 0.4),
    ("/lib/pyperf/_worker.py", 2, "compute", 0.3),
    ("x.py", 20, "rare", 0.01),
)


class Inspections:
    """A recorder that writes what bench_inspect.py would, and remembers the arguments."""

    def __init__(self) -> None:
        self.argv: list[list[str]] = []
        self.modes: list[str] = []
        self.text = ""

    def __call__(self, argv, /, *, env, log, timeout=None):
        at = argv.index(str(scripts.INSPECT))
        Path(argv[at + 1]).write_text(self.text or self._facts(argv[at + 2]))
        self.argv.append([*argv[: at + 1], *argv[at + 2 :]])
        self.modes.append(env["PYTHON_JIT"])
        return Completed(argv=tuple(argv), returncode=0)

    def _facts(self, first: str) -> str:
        if first != "--profile":
            return json.dumps({"functions": [WORK]})
        rows = [dict(zip(("file", "line", "name", "share"), row, strict=True)) for row in HOT]
        return json.dumps({"hot": rows})


@pytest.fixture
def recorder():
    return Inspections()


def inspector(tmp_path, recorder, benchmark):
    job = session(tmp_path, benchmarks=(benchmark,))
    job.steps_folder.mkdir()
    return Inspector(session=job, recorder=recorder)


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (("/python", "x.py", "-q"), ["/python", "INSPECT", "x.py", "-q"]),
        (
            ("/python", "-X", "dev", "-m", "mod", "a"),
            ["/python", "-X", "dev", "INSPECT", "-m", "mod", "a"],
        ),
        (("/python", "-mmod"), ["/python", "INSPECT", "-m", "mod"]),
        (("/python", "-Bc", "1"), ["/python", "-B", "INSPECT", "-c", "1"]),
        (("/bin/true",), None),
        (("/python",), None),
    ],
)
def test_a_command_is_inspected_if_it_is_a_python_program(tmp_path, recorder, command, argv):
    benchmark = plan.Benchmark(kind="command", name="command", words=command)
    facts = inspector(tmp_path, recorder, benchmark).command_facts()
    shown = [
        ["INSPECT" if word == str(scripts.INSPECT) else word for word in words]
        for words in recorder.argv
    ]
    assert shown == ([argv] if argv else [])
    assert facts == {"command": {"functions": [WORK]} if argv else {}}
    assert (compiled_functions(facts["command"]) is None) == (argv is None)


@pytest.mark.parametrize(
    ("benchmark", "program"),
    [
        (plan.Benchmark(kind="command", name="b", words=("/python", "x.py")), ["x.py"]),
        (plan.Benchmark(kind="suite", name="b", words=("run.py", "-v")), ["run.py", "-v"]),
        (
            plan.Benchmark(kind="stmt", name="b", stmt="1 + x", setup="x = 1"),
            ["-c", "import timeit; timeit.Timer('1 + x', 'x = 1').autorange()"],
        ),
    ],
)
def test_hot_functions_without_machine_code_are_found_with_the_jit_off(
    tmp_path, recorder, benchmark, program
):
    inspections = inspector(tmp_path, recorder, benchmark).inspections(
        {"b": {"functions": [WORK]}}, profile=True
    )
    assert [hot.name for hot in inspections["b"].uncompiled or ()] == ["slow"]
    assert recorder.argv == [["/python", str(scripts.INSPECT), "--profile", *program]]
    assert recorder.modes == ["0"]


def test_the_code_that_profiles_a_quick_program_runs(tmp_path, recorder):
    benchmark = plan.Benchmark(kind="quick", name="in_c")
    facts = {"in_c": {"functions": []}}
    inspector(tmp_path, recorder, benchmark).inspections(facts, profile=True)
    (argv,) = recorder.argv
    exec(argv[-1], {})


def test_without_the_option_nothing_is_profiled(tmp_path, recorder):
    benchmark = plan.Benchmark(kind="quick", name="lists")
    inspections = inspector(tmp_path, recorder, benchmark).inspections(
        {"lists": {"functions": [WORK]}}, profile=False
    )
    assert inspections["lists"].uncompiled is None
    assert recorder.argv == []


def test_tests_of_pytest_are_never_profiled(tmp_path, recorder):
    benchmark = plan.Benchmark(kind="pytest", name="pytest", words=("pytest",))
    inspections = inspector(tmp_path, recorder, benchmark).inspections(
        {"pytest": {"functions": [WORK]}}, profile=True
    )
    assert inspections["pytest"].uncompiled is None
    assert recorder.argv == []


def test_a_program_that_leaves_no_facts_has_none(tmp_path, recorder):
    recorder.text = "[]"
    benchmark = plan.Benchmark(kind="command", name="command", words=("/python", "x.py"))
    assert inspector(tmp_path, recorder, benchmark).command_facts() == {"command": {}}


def test_the_programs_own_functions_come_first():
    rows = [
        {**WORK, "name": "parse", "executors": 9, "library": "the standard library"},
        {**WORK, "name": "array", "executors": 7, "library": "numpy"},
        {**WORK, "name": "work", "executors": 2, "library": ""},
        {**WORK, "name": "dump", "executors": 1, "library": "the standard library"},
    ]
    inspection = compiled_functions({"functions": rows})
    assert inspection is not None
    assert [function.name for function in inspection.compiled] == ["work", "parse", "array", "dump"]
    assert [function.name for function in inspection.own] == ["work"]
    libraries = {name: each.summary for name, each in inspection.libraries.items()}
    assert libraries == {
        "the standard library": "10 executors in 2 functions, 8192 bytes",
        "numpy": "7 executors in 1 function, 4096 bytes",
    }
    assert [*libraries] == ["the standard library", "numpy"]


def test_hot_functions_of_the_program_come_before_those_of_libraries(tmp_path, recorder):
    rows = [
        {"file": "json.py", "line": 1, "name": "decode", "library": "json", "share": 0.5},
        {"file": "x.py", "line": 9, "name": "slow", "library": "", "share": 0.4},
    ]
    recorder.text = json.dumps({"hot": rows})
    benchmark = plan.Benchmark(kind="quick", name="b")
    inspections = inspector(tmp_path, recorder, benchmark).inspections(
        {"b": {"functions": []}}, profile=True
    )
    assert [hot.name for hot in inspections["b"].uncompiled or ()] == ["slow", "decode"]


def test_functions_with_most_executors_come_first():
    rows = [{**WORK, "name": "few"}, {**WORK, "name": "many", "executors": 9}]
    inspection = compiled_functions({"functions": rows})
    assert inspection is not None
    assert [function.name for function in inspection.compiled] == ["many", "few"]
