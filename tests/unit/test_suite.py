"""`jitbuild bench --suite pyperformance`: what is chosen of it, how its scripts are run, and what is left out of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from machine import Machine, one_by_one, write

from jitbuild.bench import inspection as inspecting
from jitbuild.bench import plan, pyperf_files, report, scripts, session
from jitbuild.bench import pyperformance as suite
from jitbuild.cli import completion, parser
from jitbuild.cli.main import main
from jitbuild.errors import BuildError, MeasurementError, UsageError
from jitbuild.in_target import bench_suite as _suite
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter

COUNTS = plan.SampleCounts(rounds=3, values=2, warmups=1, seconds=0.1)
LISTED = {
    "version": "1.14.0",
    "benchmarks": [
        {
            "name": name,
            "script": f"/b/bm_{name}/run_benchmark.py",
            "options": options,
            "requirements": "",
            "tags": tags,
            "python": "",
        }
        for name, options, tags in (
            ("nbody", [], ["math"]),
            ("logging", [], []),
            ("pickle_list", ["pickle_list"], ["serialize"]),
            ("pidigits", [], ["math"]),
        )
    ],
    "groups": {
        "all": ["logging", "nbody", "pickle_list", "pidigits"],
        "default": ["logging", "nbody", "pidigits"],
        "math": ["nbody", "pidigits"],
    },
}
MANIFEST = suite.parse(json.dumps(LISTED))


# What is chosen


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["nbody", "logging", "pidigits"]),
        ("all", ["nbody", "logging", "pickle_list", "pidigits"]),
        ("pickle_list, nbody", ["nbody", "pickle_list"]),
        ("math,-nbody", ["pidigits"]),
        ("-math", ["logging"]),
        ("logging,math,-pidigits", ["nbody", "logging"]),
    ],
)
def test_names_and_groups_less_what_is_left_out(text, names):
    assert [entry.name for entry in suite.chosen(MANIFEST, suite.words_of(text))] == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "nbdy",
            "'nbdy' is no benchmark and no group of pyperformance 1.14.0.\nDid you mean nbody? Groups: all, default, math.",
        ),
        ("-mth", "Did you mean math? "),
        ("xxx", "of pyperformance 1.14.0.\nGroups: all"),
        ("math,-math", "leaves nothing to measure"),
        ("nbody,-", "'-' leaves nothing out"),
    ],
)
def test_what_is_no_choice(text, said):
    with pytest.raises(UsageError) as caught:
        suite.chosen(MANIFEST, suite.words_of(text))
    assert said in str(caught.value)


def test_an_interpreter_that_does_not_do():
    entry = suite.SuiteBenchmark(name="x", script="x.py", python=">=3.16")
    assert suite.unfit(entry, "3.15.2") == "it needs Python >=3.16"
    assert suite.unfit(entry, "3.16.0a1") == "it needs Python >=3.16"
    assert (
        suite.unfit(suite.SuiteBenchmark(name="x", script="x.py", python=">=3.8"), "3.15.0b1") == ""
    )


def test_distinct_requirements_have_an_environment_each_and_those_that_cannot_be_installed_are_left_out(
    tmp_path,
):
    for name, text in (("a", "x==1"), ("b", "x==2"), ("c", "x==1"), ("d", "x==2")):
        (tmp_path / name).write_text(text)
    entries = [
        suite.SuiteBenchmark(name=name, script="s.py", requirements=str(tmp_path / name))
        for name in "abcd"
    ]
    entries += [
        suite.SuiteBenchmark(name="plain", script="s.py"),
        suite.SuiteBenchmark(name="new", script="s.py", python=">=3.16"),
    ]
    asked = []

    def enter(requirements):
        asked.append(requirements.name)
        if requirements.name == "b":
            raise BuildError("The environment:\n  ERROR: no x==2\n", remedy="x")
        return Path("/env") / requirements.name

    benchmarks, left_out = suite.placed(entries, "3.15.2", "1.14.0", enter)
    assert [(each.name, each.python) for each in benchmarks] == [
        ("a", "/env/a"),
        ("c", "/env/a"),
        ("plain", ""),
    ]
    why = "its requirements cannot be installed (no x==2)"
    assert left_out == {"b": why, "d": why, "new": "it needs Python >=3.16"}
    assert asked == ["a", "b"]


def test_the_list_is_asked_of_the_environment(tmp_path):
    asked = []

    def runner(argv, /, *, env=None, cwd=None, timeout=None, stdin=None):
        asked.append((argv, env))
        if env["WORKS"] == "1":
            Path(argv[-1]).write_text(json.dumps(LISTED))
        return Completed(argv=tuple(argv), returncode=0, stderr="ImportError: pyperformance\n")

    found = suite.listing(Path("/python"), tmp_path / "list", env={"WORKS": "1"}, runner=runner)
    assert found == MANIFEST
    assert asked[0][0] == ["/python", "-B", str(scripts.SUITE_LISTING), str(tmp_path / "list")]
    with pytest.raises(MeasurementError, match="ImportError: pyperformance"):
        suite.listing(Path("/python"), tmp_path / "list", env={"WORKS": "0"}, runner=runner)


def test_the_shell_is_offered_what_an_environment_has(tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    assert completion.benchmark_names(parsed_args=SimpleNamespace(suite="pyperformance")) == [
        "default"
    ]
    place = (
        tmp_path / "environments/x/lib/python3.15/site-packages/pyperformance/data-files/benchmarks"
    )
    place.mkdir(parents=True)
    (place / "MANIFEST").write_text(
        "[benchmarks]\n\nname\tmetafile\nnbody\t<local>\n#hg\t<local>\n\n[group default]\n[group math]\n"
    )
    assert completion.benchmark_names(parsed_args=SimpleNamespace(suite="pyperformance")) == [
        "default",
        "math",
        "nbody",
    ]
    assert "float_loop" in completion.benchmark_names(parsed_args=SimpleNamespace(suite=None))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (["--benchmarks", "-nbody,math"], {"benchmarks": ["-nbody", "math"]}),
        (["--benchmarks", "math", "--rounds", "3"], {"benchmarks": ["math"], "rounds": 3}),
        (["--with", "-e.", "--with", "x"], {"with_": ["-e.", "x"]}),
        (["--with", "x", "--", "--with", "-e."], {"with_": ["x"], "command": ["--with", "-e."]}),
    ],
)
def test_values_that_begin_with_a_hyphen(line, wanted):
    options = vars(parser.parse(["bench", "3.15", *line]))
    assert {name: options[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--suite", "pyperf"], "Did you mean pyperformance?"),
        (["--suite", "pyperformance", "--stmt", "1"], "--suite chooses from the suites"),
        (["--suite", "pyperformance", "--", "x.py"], "--suite chooses from the suites"),
        (["--suite", "pyperformance", "--benchmarks=-"], "'-' leaves nothing out"),
        (["--benchmarks", "--rounds", "3"], "expected one argument"),
    ],
)
def test_mistakes_of_usage(line, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    assert main(["bench", "3.15", *line]) == 2
    assert said in capsys.readouterr().err


# How it is run


def test_loops_stand_in_the_specification_and_not_among_the_options():
    entry = MANIFEST.entries["pickle_list"]
    benchmark = entry.benchmark("1.14.0", "/env/python")
    assert benchmark.spec("f", {"a": 4, "b": 8}) == {
        "kind": "suite",
        "name": "pickle_list",
        "facts": "f",
        "loops": {"a": 4, "b": 8},
        "script": "/b/bm_pickle_list/run_benchmark.py",
        "options": ["pickle_list"],
    }
    options = plan.options(COUNTS, {"a": 4, "b": 8}, kind="suite")
    assert options == [
        *("--quiet", "--processes", "1", "--values", "2", "--warmups", "1"),
        *("--inherit-environ", "PYTHON_JIT,PYTHONHASHSEED,JITBUILD_BENCH_SPEC"),
    ]
    assert plan.VARIABLE == _suite._VARIABLE


def test_a_runner_takes_the_loops_of_each_thing_that_it_measures():
    seen = []

    class Runner:
        def __init__(self, worker):
            self.args = SimpleNamespace(worker=worker, loops=0)

        def parse_args(self):
            return self.args

        def bench_func(self, name, function):
            seen.append((name, self.args.loops))

    measured = _suite._with_loops(Runner.bench_func, {"a": 4, "b": 8})
    manager, worker = Runner(worker=False), Runner(worker=True)
    measured(manager, "a", None)
    measured(manager, "b", None)
    measured(worker, "a", None)
    assert seen == [("a", 4), ("b", 8), ("a", 0)]


@pytest.fixture
def machine():
    machine = Machine()
    machine.parts["logging"] = ["logging_format", "logging_silent"]
    return machine


@pytest.fixture
def job(tmp_path):
    return session.MeasurementSession(
        benchmarks=tuple(
            MANIFEST.entries[name].benchmark("1.14.0") for name in ("nbody", "logging")
        ),
        arms=plan.AB,
        counts=COUNTS,
        python=Path("/python"),
        env=lambda arm, python: {"PYTHON_JIT": "1" if arm.mode == "on" else "0", "OF": str(python)},
        folder=tmp_path / "session",
    )


def run(job, machine):
    return session.run(
        job, reporter=SilentReporter(), recorder=machine, together=one_by_one, clock=lambda: 0.0
    )


def test_a_script_measures_several_things_with_loops_of_their_own(job, machine):
    assert run(job, machine) == session.MeasurementOutcome(interrupted=None, resumed=0)
    assert len(machine.asked) == 2 * 2 + 2 * 2 * 3
    assert all(argv[1] == str(scripts.SUITE_WORKER) for _, _, argv in machine.asked)
    first, *others = [spec for spec in machine.specs if spec["name"] == "logging"]
    assert first["loops"] == {}
    assert all(spec["loops"] == {"logging_format": 4, "logging_silent": 8} for spec in others)
    made = pyperf_files.samples(
        pyperf_files.join(session.measured(job, job.arms[1])["logging"], {})
    )
    assert {name: len(sample.processes) for name, sample in made.items()} == {
        "logging_format": 3,
        "logging_silent": 3,
    }
    assert [each.name for each in session.parts(job, job.benchmarks[1])] == [
        "logging_format",
        "logging_silent",
    ]
    assert {
        name: facts["functions"][0]["name"]
        for name, facts in session.seen(job, job.arms[1]).items()
    } == {
        "nbody": "work0",
        "logging_format": "work0",
        "logging_silent": "work1",
    }


def test_the_mode_must_reach_every_worker(job, machine):
    machine.reaches = {1}
    with pytest.raises(
        MeasurementError, match="The mode on did not reach the process that measured logging_silent"
    ):
        run(job, machine)


def test_what_runs_in_no_mode_is_left_out_and_not_tried_again(job, machine):
    machine.broken["nbody"] = "01"
    assert run(job, machine).left_out == {"nbody": "ImportError: No module named 'x'"}
    assert {*session.measured(job, job.arms[0])} == {"logging"}
    again = Machine()
    again.parts = machine.parts
    assert run(job, again).left_out == {"nbody": "ImportError: No module named 'x'"}
    assert again.asked == []


@pytest.mark.parametrize(("modes", "mode"), [("0", "off"), ("1", "on")])
def test_what_runs_in_one_mode_only_is_an_error(job, machine, modes, mode):
    machine.broken["nbody"] = modes
    with pytest.raises(MeasurementError, match=f"nbody with the JIT {mode} fails"):
        run(job, machine)
    # And still is, when it is said again that it goes on.
    with pytest.raises(MeasurementError, match=f"nbody with the JIT {mode} fails"):
        run(job, machine)


def test_nothing_that_runs_is_an_error(job, machine):
    machine.broken = {"nbody": "01", "logging": "01"}
    with pytest.raises(
        MeasurementError,
        match="Nothing that is to be measured runs, in any mode:\n  nbody: ImportError",
    ):
        run(job, machine)


def test_what_fails_later_than_in_its_trial_is_an_error(job, machine):
    machine.answers[6] = (1, "ValueError: 7\n", False)
    with pytest.raises(MeasurementError, match="nbody with the JIT on fails"):
        run(job, machine)


def test_an_interpreter_of_its_own_sees_an_environment_of_its_own(job, machine):
    from dataclasses import replace

    own = replace(job.benchmarks[0], python="/own/python")
    seen = []

    def recorder(argv, /, *, env, log, timeout=None):
        seen.append((argv[0], env["OF"]))
        return machine(argv, env=env, log=log, timeout=timeout)

    run(replace(job, benchmarks=(own, job.benchmarks[1])), recorder)
    assert {*seen} == {("/own/python", "/own/python"), ("/python", "/python")}


def test_hot_functions_of_one_thing_of_a_script_without_those_of_pyperf(tmp_path):
    asked = []

    def recorder(argv, /, *, env, log, timeout=None):
        asked.extend(argv)
        rows = [("/b/x.py", 9, "slow", 0.4), ("/lib/pyperf/_worker.py", 2, "compute", 0.3)]
        hot = [dict(zip(("file", "line", "name", "share"), row, strict=True)) for row in rows]
        (tmp_path / "hot-logging_silent").write_text(json.dumps({"hot": hot}))
        return Completed(argv=tuple(argv), returncode=0)

    alone = MANIFEST.entries["logging"].benchmark("1.14.0").alone("logging_silent", 1, 8)
    seen = report.JITInspection(compiled=())
    found = inspecting.hot(
        alone, seen, Path("/python"), tmp_path, lambda _: {}, timeout=1, recorder=recorder
    )
    assert [each.name for each in found.uncompiled or ()] == ["slow"]
    script = asked.index("/b/bm_logging/run_benchmark.py")
    assert asked[script + 1 : script + 5] == ["--worker", "--worker-task=1", "--loops", "8"]


def test_files_say_what_pyperformance_says(tmp_path):
    write(tmp_path / "1.json", "nbody", (1.0, 2.0))
    write(tmp_path / "2.json", "logging", (1.0, 2.0))
    own = {tmp_path / "1.json": {"tags": ["math"], "performance_version": "1.14.0"}}
    made = pyperf_files.join(
        [tmp_path / "1.json", tmp_path / "2.json"], {"jitbuild_mode": "on"}, own
    )
    assert made.get_benchmark("nbody").get_metadata()["tags"] == ["math"]
    assert "tags" not in made.get_benchmark("logging").get_metadata()
    assert pyperf_files.metadata(made)["jitbuild_mode"] == "on"
