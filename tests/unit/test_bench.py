"""`jitbuild bench`: what is measured in which order, what the numbers come to, and what is said. Numbers are made up here."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import stores
from machine import Machine, one_by_one, write

from jitbuild.bench import (
    conclusions,
    plan,
    pyperf_files,
    quick_suite,
    report,
    report_json,
    session,
    stats,
)
from jitbuild.bench import inspection as inspecting
from jitbuild.bench import machine as surroundings
from jitbuild.bench.render import charts, table
from jitbuild.bench.render.html import html
from jitbuild.bench.stats import Sample
from jitbuild.cli.main import main
from jitbuild.errors import MeasurementError
from jitbuild.in_target.bench_programs import PROGRAMS, WrongResultError, _check
from jitbuild.request import Variant
from jitbuild.store.interpreter import Interpreter
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter
from jitbuild.system.signals import SignalReceived

QUICK = tuple(plan.Benchmark(kind="quick", name=name) for name in ("float_loop", "lists"))
COUNTS = plan.SampleCounts(rounds=4, values=2, warmups=1, seconds=0.01)


def sample(*means: float, values: int = 3) -> Sample:
    return Sample(processes=tuple((mean,) * values for mean in means))


# The suite


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_each_program_comes_to_its_result(name):
    PROGRAMS[name]()


def test_another_result_is_refused():
    with pytest.raises(WrongResultError, match="lists: 1 instead of 2"):
        _check("lists", 1, 2)


def test_host_and_workers_agree_on_the_programs():
    assert tuple(PROGRAMS) == quick_suite.PROGRAMS
    assert quick_suite.WITHOUT_GAIN < {*PROGRAMS}


# The plan


def test_arms_stand_side_by_side_and_change_their_order():
    order = [
        (step.round, step.benchmark.name, step.arm.name) for step in plan.steps(QUICK, plan.AB, 2)
    ]
    assert order == [
        (1, "float_loop", "off"),
        (1, "float_loop", "on"),
        (1, "lists", "off"),
        (1, "lists", "on"),
        (2, "float_loop", "on"),
        (2, "float_loop", "off"),
        (2, "lists", "on"),
        (2, "lists", "off"),
    ]


@pytest.mark.parametrize("rounds", [2, 4, 10])
def test_a_machine_that_grows_slower_favours_none(rounds):
    place = dict.fromkeys(("off", "on"), 0)
    for at, step in enumerate(plan.steps(QUICK, plan.AB, rounds)):
        place[step.arm.name] += at
    assert place["off"] == place["on"]


def test_every_step_has_the_same_counts_and_the_mode_reaches_the_workers():
    options = plan.options(COUNTS, {"lists": 8}, kind="quick")
    assert options == [
        *(
            "--quiet",
            "--processes",
            "1",
            "--values",
            "2",
            "--warmups",
            "1",
            "--loops",
            "8",
            "--inherit-environ",
            "PYTHON_JIT,PYTHONHASHSEED",
        )
    ]
    assert "--copy-env" in plan.options(COUNTS, None, kind="command")
    assert "--loops" not in plan.options(COUNTS, None, kind="stmt")


# The numbers


def test_the_ratio_is_that_of_the_means_and_what_pyperf_says():
    off, on = Sample(processes=((2.0, 4.0), (3.0,))), Sample(processes=((1.0, 2.0), (1.5,)))
    assert stats.compare(off, on, paired=False).value == pytest.approx(2.0)
    assert stats.compare(off, on, paired=False).value == pytest.approx(off.mean / on.mean)


def test_an_interval_as_it_is_worked_out_by_hand():
    # Differences of the rounds: +-0.01, so a standard error of 0.01 * sqrt(4/3) / 2, times 3.182 for three degrees of freedom.
    ratio = stats.compare(sample(1.01, 0.99, 1.01, 0.99), sample(1, 1, 1, 1), paired=True)
    half = 3.182 * 0.01 * math.sqrt(4 / 3) / 2
    assert (ratio.low, ratio.high) == (
        pytest.approx(math.exp(-half)),
        pytest.approx(math.exp(half)),
    )
    assert ratio.result == "no difference"


def test_what_a_round_has_in_common_does_not_count():
    drift = [1.0, 1.3, 0.9, 1.6, 1.1]
    off, on = sample(*drift), sample(*[each * 0.8 for each in drift])
    assert stats.compare(off, on, paired=True).low == pytest.approx(1.25)
    assert stats.compare(off, on, paired=False).result == "no difference"


@pytest.mark.parametrize("rounds", [1, 2])
def test_two_rounds_say_nothing(rounds):
    ratio = stats.compare(sample(*[2.0] * rounds), sample(*[1.0] * rounds), paired=True)
    assert ratio.result == "not enough data"
    assert ratio.to_json()["interval"] is None
    json.dumps(ratio.to_json(), allow_nan=False)


def test_unequal_rounds_of_an_interrupted_measurement():
    pairs = [
        (sample(2.0, 2.1, 2.0), sample(1.0, 1.0, 1.1)),
        (sample(2.0, 2.1, 2.0, 2.2), sample(1.0, 1.0, 1.1, 1.0)),
    ]
    assert stats.geometric_mean(pairs, paired=True).result == "faster"
    fewer = [(sample(2.0, 2.1), sample(1.0, 1.0)), pairs[0]]
    assert stats.geometric_mean(fewer, paired=True).result == "not enough data"


def test_less_than_a_percent_is_never_a_difference():
    assert (
        stats.compare(sample(*[1.009] * 9), sample(*[1.0] * 9), paired=True).result
        == "no difference"
    )
    assert stats.compare(sample(*[1.011] * 9), sample(*[1.0] * 9), paired=True).result == "faster"


def test_a_floor_that_was_measured_is_heeded():
    off, on = sample(*[1.05] * 5), sample(*[1.0] * 5)
    assert stats.compare(off, on, paired=True).result == "faster"
    assert stats.compare(off, on, paired=True, floor=0.06).result == "no difference"


def simulated(rng: random.Random, slower: float, rounds: int) -> stats.Ratio:
    """A machine that drifts by a third, with 2% of noise between processes and an outlier now and then."""
    drift = [1 + 0.03 * number for number in range(rounds)]
    arms = []
    for factor in (1.0, slower):
        means = [
            each * factor * rng.gauss(1, 0.02) * (1.1 if rng.random() < 0.02 else 1)
            for each in drift
        ]
        arms.append(
            Sample(
                processes=tuple(
                    tuple(mean * rng.gauss(1, 0.01) for _ in range(4)) for mean in means
                )
            )
        )
    return stats.compare(*arms, paired=True)


@pytest.mark.parametrize("rounds", [5, 10])
def test_equal_things_are_seldom_called_different(rounds):
    rng = random.Random(5)
    said = [simulated(rng, 1.0, rounds).result for _ in range(1000)]
    assert said.count("no difference") / 1000 >= 0.95


def test_five_percent_is_seen():
    rng = random.Random(6)
    said = [simulated(rng, 1.05, 10).result for _ in range(1000)]
    assert said.count("slower") / 1000 >= 0.9
    assert "faster" not in said


def test_the_interval_covers_the_truth():
    rng = random.Random(7)
    inside = [
        ratio.low <= 1 / 1.05 <= ratio.high
        for ratio in (simulated(rng, 1.05, 5) for _ in range(1000))
    ]
    assert 0.93 <= sum(inside) / 1000 <= 0.99


def test_a_quantile_falls_to_that_of_the_normal_distribution():
    quantiles = [stats.t_quantile(freedom) for freedom in (1, 1.5, 2, 10, 30, 31, 100, math.inf)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert (quantiles[0], quantiles[-1]) == (12.706, 1.96)


def test_the_noise_floor_is_the_farthest_that_two_equal_things_may_have_been_apart():
    ratio = stats.Ratio(value=1.01, low=0.97, high=1.05, noise=0.04, result="no difference")
    assert stats.noise_floor(ratio) == pytest.approx(0.05)


# pyperf's files


def test_files_are_put_together_with_what_is_known(tmp_path):
    for number in (1, 2):
        write(tmp_path / f"{number}.json", "lists", (1.0 * number, 2.0))
    suite = pyperf_files.join([tmp_path / "1.json", tmp_path / "2.json"], {"jitbuild_mode": "on"})
    pyperf_files.dump(suite, tmp_path / "out" / "on.json")
    again = pyperf_files.load(tmp_path / "out" / "on.json")
    assert pyperf_files.samples(again) == {"lists": Sample(processes=((1.0, 2.0), (2.0, 2.0)))}
    assert pyperf_files.metadata(again)["jitbuild_mode"] == "on"
    assert pyperf_files.calibrated_loops(tmp_path / "1.json") == {"lists": 4}


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"version": "1.0", "benchmarks": [{}]}', "\x00", '{"a": 1}'],
)
def test_what_is_no_file_of_pyperfs(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(MeasurementError, match=re.escape("is not a pyperf file")):
        pyperf_files.load(tmp_path / "x.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MeasurementError, match="No such file"):
        pyperf_files.load(tmp_path / "x.json")


# Measuring


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def job(tmp_path):
    return session.MeasurementSession(
        benchmarks=QUICK,
        arms=plan.AB,
        counts=COUNTS,
        python=Path("/python"),
        env=lambda arm, _: {"PYTHON_JIT": "1" if arm.mode == "on" else "0"},
        folder=tmp_path / "session",
        timeout=9.0,
    )


def run(job, machine):
    return session.run(
        job, reporter=SilentReporter(), recorder=machine, together=one_by_one, clock=lambda: 0.0
    )


def test_everything_is_tried_in_both_modes_before_it_is_measured(job, machine):
    assert run(job, machine) == session.MeasurementOutcome(interrupted=None, resumed=0)
    assert [(name, mode) for name, mode, _ in machine.asked[:4]] == [
        *(("float_loop", "0"), ("float_loop", "1"), ("lists", "0"), ("lists", "1"))
    ]
    assert len(machine.asked) == 4 + 4 * 4
    assert [len(paths) for arm in job.arms for paths in session.measured(job, arm).values()] == [
        4
    ] * 4


def test_both_modes_get_the_same_options_and_the_loops_that_off_found(job, machine):
    run(job, machine)
    asked = {
        tuple(argv[argv.index("--quiet") : argv.index("--output")])
        for _, _, argv in machine.asked[4:]
    }
    (options,) = asked
    assert options[options.index("--loops") + 1] == "4"


def test_a_mode_that_does_not_reach_the_worker_is_an_error(job, machine):
    machine.reaches = False
    with pytest.raises(MeasurementError, match="The mode on did not reach"):
        run(job, machine)


def test_an_interruption_keeps_what_both_modes_have_and_resuming_goes_on(job, machine):
    machine.answers[4 + 7] = KeyboardInterrupt()
    assert run(job, machine) == session.MeasurementOutcome(interrupted=2, resumed=0)
    kept = {
        arm.name: {name: len(paths) for name, paths in session.measured(job, arm).items()}
        for arm in job.arms
    }
    assert kept == {"off": {"float_loop": 2, "lists": 1}, "on": {"float_loop": 2, "lists": 1}}
    identity = session.identity(job)
    again = Machine()
    assert run(job, again) == session.MeasurementOutcome(interrupted=None, resumed=6)
    assert len(again.asked) == 16 - 6
    assert session.identity(job) == identity
    session.clear(job)
    assert session.measured(job, job.arms[0]) == {}


def test_an_interruption_before_anything_is_measured_is_one(job, machine):
    machine.answers[3] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(job, machine)


def test_a_signal_is_told_by_its_number(job, machine):
    machine.answers[4 + 9] = SignalReceived(15)
    assert run(job, machine).interrupted == 15


WORKER = "Traceback (most recent call last):\n  File x\nValueError: 7\n"
MANAGER = "Traceback (most recent call last):\n  File pyperf\nRuntimeError: python failed with exit code 1\n"


def test_a_program_that_fails_is_told_in_its_own_words(job, machine):
    machine.answers[2] = (1, WORKER + MANAGER, False)
    with pytest.raises(
        MeasurementError, match=r"float_loop with the JIT on fails:\n(.*\n)*  ValueError: 7"
    ) as caught:
        run(job, machine)
    assert "RuntimeError" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"), [(3, "exit code 3"), (245, "SIGSEGV"), (250, "SIGABRT"), (255, "SIGHUP")]
)
def test_a_command_that_fails_in_one_mode(job, machine, code, said):
    from dataclasses import replace

    job = replace(
        job, benchmarks=(plan.Benchmark(kind="command", name="command", words=("/python", "x.py")),)
    )
    lines = f'    raise Exception("Command failed with exit code %s"\nException: Command failed with exit code {code}\n'
    machine.answers[2] = (1, lines + MANAGER, False)
    with pytest.raises(
        MeasurementError, match=f"The command fails with the JIT on: it ended with {said}"
    ):
        run(job, machine)


def test_what_takes_too_long(job, machine):
    machine.answers[1] = (-15, "", True)
    with pytest.raises(MeasurementError, match="did not end within 9 seconds"):
        run(job, machine)


def test_a_python_that_is_gone(job, machine):
    machine.answers[1] = FileNotFoundError(2, "No such file")
    with pytest.raises(MeasurementError, match="/python cannot be run"):
        run(job, machine)


def test_the_time_that_is_left_is_told(job, machine):
    details = []

    class Stages(SilentReporter):
        @contextlib.contextmanager
        def stage(self, title):
            yield self

        def advance(self, done, total):
            pass

        def detail(self, text):
            details.append(text)

    # Each look at the clock is a second later, as if each step took one.
    session.run(
        job,
        reporter=Stages(),
        recorder=machine,
        together=one_by_one,
        clock=itertools.count().__next__,
    )
    assert details[:2] == ["float_loop off", "about 6.0 s left, float_loop on"]
    assert details[-1] == "about 1.1 s left, lists on off"


def test_a_half_written_file_is_measured_again(job, machine):
    run(job, machine)
    step = next(plan.steps(QUICK, plan.AB, 1))
    job.file(step).rename(job.file(step).with_suffix(".part"))
    again = Machine()
    run(job, again)
    # What was measured in turn with it, too.
    assert [mode for _, mode, _ in again.asked] == ["0", "1"]


# What goes astray


def rounds(*ratios: float, drift: float = 0.01) -> tuple[stats.Sample, stats.Sample]:
    """Two arms of so many rounds, in which the whole machine grows slower."""
    base = [1.0 + drift * number for number in range(len(ratios))]
    return sample(*base), sample(*[one / ratio for one, ratio in zip(base, ratios, strict=True)])


@pytest.mark.parametrize(
    ("ratios", "out"),
    [
        ((*[1.3, 1.31, 1.29] * 3, 0.9), {9}),
        ((*[1.0, 1.01, 0.99] * 6, 0.67, 1.5), {18, 19}),
        # Not more than one in ten, and then the one that is the farthest.
        ((*[1.0] * 8, 1.5, 0.6), {9}),
        # Far from each other is none.
        ((1.0, 1.2, 0.9, 1.4, 0.8, 1.1, 1.0, 1.3, 0.7, 1.0), set()),
        # Ten percent is no distance, however quiet it is otherwise.
        ((*[1.0] * 9, 1.09), set()),
        # Of few nobody can tell.
        ((*[1.0] * 8, 9.0), set()),
    ],
)
def test_a_round_that_is_far_from_all_others_is_left_out(ratios, out):
    assert stats.outliers(*rounds(*ratios)) == out


def test_what_is_left_of_rounds_is_compared_round_by_round():
    one, two = rounds(*[1.0, 1.01, 0.99] * 3, 0.5)
    three, four = rounds(*[1.02, 1.0, 1.01] * 3, 0.99)
    out = stats.outliers(one, two)
    mean = stats.geometric_mean([(one.without(out), two.without(out)), (three, four)], paired=True)
    assert (mean.result, mean.noise) == ("no difference", pytest.approx(0.01, abs=0.01))
    assert stats.geometric_mean([(one, two), (three, four)], paired=True).noise > 0.08


def test_files_without_some_processes(tmp_path):
    for value in (1.0, 2.0, 3.0):
        write(tmp_path / f"{value}.json", "lists", (value, value))
    suite = pyperf_files.join(
        [tmp_path / f"{value}.json" for value in (1.0, 2.0, 3.0)], {"arm": "off"}
    )
    kept = pyperf_files.without_rounds(suite, {"lists": {1}, "other": {0}})
    assert pyperf_files.samples(kept)["lists"].processes == ((1.0, 1.0), (3.0, 3.0))
    assert (
        pyperf_files.metadata(kept)["arm"],
        pyperf_files.metadata(kept)["jitbuild_rounds_left_out"],
    ) == ("off", 1)


# Words


def made(
    *ratios: float, comparison: report.Comparison = "modes", kind: str = "quick", rounds: int = 5
) -> report.BenchReport:
    names = ("float_loop", "lists", "calls", "<b>&")
    base = {name: sample(*[1.0] * rounds) for name, _ in zip(names, ratios, strict=False)}
    other = {
        name: sample(*[1 / ratio] * rounds) for name, ratio in zip(names, ratios, strict=False)
    }
    function = report.CompiledFunction(name="work", file="x.py", line=2, executors=2, bytes=4096)
    bare = report.HotFunction(name="slow", file="x.py", line=9, share=0.4)
    looked = {"float_loop": report.JITInspection(compiled=(function,), uncompiled=(bare,))}
    rows = report.compare_samples(base, other, paired=True, floors={}, inspections=looked)
    names_of = {"modes": ("off", "on"), "again": ("off", "off-again"), "files": ("a", "b")}[
        comparison
    ]
    return report.BenchReport(
        comparison=comparison,
        base=names_of[0],
        other=names_of[1],
        rows=rows,
        mean=report.mean_of(rows, paired=True),
        about={"kind": kind, "version": "3.15.2"},
        warnings=("A <script>.",),
        again="jitbuild bench 3.15",
    )


@pytest.mark.parametrize(
    ("found", "result", "sentence"),
    [
        (made(1.31, kind="command"), "on", "Turn it on: 1.31x (1.31-1.31) on your command."),
        (
            made(1.001, kind="stmt"),
            "no difference",
            "No difference beyond this machine's noise (1.0%) on your statement.",
        ),
        (
            made(0.9, kind="command"),
            "off",
            "Leave it off: 11.1% slower, 0.90x (0.90-0.90), on your command.",
        ),
        (
            made(1.5, 1.2, 0.9),
            "on",
            "Turn it on: 1.17x (1.17-1.17) over 3 programs. But 1 slower; the slowest is calls (0.90x).",
        ),
        (
            made(0.9, 0.625),
            "off",
            "Leave it off: 33.3% slower, 0.75x (0.75-0.75), over 2 programs; the slowest is lists (0.62x).",
        ),
        (
            made(1.25, 0.8),
            "no difference",
            (
                "No difference beyond this machine's noise (1.0%) over 2 programs. But 1 faster, 1 slower, 0 unchanged; the "
                "fastest is float_loop (1.25x); the slowest is lists (0.80x): measure your own program, after `--`."
            ),
        ),
        (
            made(1.25, 0.8, kind="pytest"),
            "no difference",
            (
                "No difference beyond this machine's noise (1.0%) over 2 benchmarks. But 1 faster, 1 slower, 0 unchanged; the "
                "fastest is float_loop (1.25x); the slowest is lists (0.80x)."
            ),
        ),
        (made(1.5, 1.2, kind="suite"), "on", "Turn it on: 1.34x (1.34-1.34) over 2 benchmarks."),
        (
            made(1.5, rounds=2),
            "not enough data",
            "Not enough data for a verdict: at least 3 rounds are needed.",
        ),
        (
            made(1.5, comparison="files"),
            "faster",
            "b is faster than a: 1.50x (1.50-1.50) on float_loop.",
        ),
        (
            made(1.0, 1.0, comparison="files"),
            "no difference",
            "b and a: no difference beyond the noise (1.0%) over 2 benchmarks.",
        ),
        (
            made(1.0, comparison="again"),
            "no difference",
            "Off against off: no difference. The noise floor of this machine is 0.0%; smaller differences do not count here.",
        ),
    ],
)
def test_the_verdict(found, result, sentence):
    assert conclusions.advice(found) == result
    assert conclusions.sentence(found) == sentence


def test_off_against_off_that_differs_is_a_machine_that_is_not_quiet():
    assert (
        "this machine is too noisy. Differences below 10.0% cannot be trusted"
        in conclusions.sentence(made(1.1, comparison="again"))
    )


def test_the_report_as_data():
    data = report_json.to_json(made(1.5, 0.9))
    json.dumps(data, allow_nan=False)
    assert (data["faster"], data["slower"], data["unchanged"]) == (1, 1, 0)
    assert data["benchmarks"][0]["ratio"] == pytest.approx(1.5)
    assert data["benchmarks"][0]["jit"] == {
        "executors": 2,
        "bytes": 4096,
        "functions": [{"name": "work", "file": "x.py", "line": 2, "executors": 2, "bytes": 4096}],
        "hot_without": [{"name": "slow", "file": "x.py", "line": 9, "share": 0.4}],
    }
    json.dumps(report_json.to_json(made(1.5, rounds=1, comparison="again")), allow_nan=False)


def test_the_report_for_people(capsys):
    from rich.console import Console

    table.show(made(1.5, 0.9), Console(width=100), inspect=True)
    lines = capsys.readouterr().out.splitlines()
    assert any(
        re.fullmatch(r"float_loop +1 s +667 ms +1\.50x +1\.50-1\.50 +faster *", line)
        for line in lines
    )
    assert (
        "float_loop: 2 executors in 1 functions, 4096 bytes of machine code (in whole pages)"
        in lines
    )
    assert "     40% of time   slow  x.py:9" in lines
    assert "lists: the JIT's machine code cannot be inspected." in lines
    assert lines[-1] == conclusions.sentence(made(1.5, 0.9))


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5 s"), (0.0012, "1.2 ms"), (4.5e-6, "4.5 us"), (2e-8, "20 ns")]
)
def test_times(value, shown):
    assert table.format_seconds(value) == shown


# Pictures


@pytest.mark.parametrize("found", [made(1.5, 0.9, 1.0, 1.1), made(1.5), made(1.5, rounds=1)])
def test_a_standalone_chart_is_xml_and_follows_the_colour_scheme(found):
    drawn = charts.standalone(found)
    ET.fromstring(drawn)
    assert "currentColor" in drawn
    assert "prefers-color-scheme" in drawn
    assert "1.50x" in drawn
    assert drawn == charts.standalone(found)


def test_a_page_requests_nothing_and_holds_everything():
    whole = html(made(1.5, 0.9, 1.0, 1.1))
    outside = set(re.findall(r"""(?:src|href)\s*=\s*["']([^"'#][^"']*)""", whole))
    assert outside == {"data:,"}
    assert not re.search(r"url\((?!#)|@import|<script|<iframe", whole)
    assert "default-src &#x27;none&#x27;" in whole or "default-src 'none'" in whole
    assert "A &lt;script&gt;." in whole
    assert "&lt;b&gt;&amp;" in whole
    ids = re.findall(r'\bid="([^"]+)"', whole)
    shared = {name for name in ids if ids.count(name) > 1}
    assert not {name for name in shared if f"#{name}" in whole}


# Surroundings


def test_what_spoils_a_measurement_is_said(tmp_path):
    governor = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq"
    governor.mkdir(parents=True)
    (governor / "scaling_governor").write_text("powersave\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/loadavg").write_text("3.10 1 1 1/1 1\n")
    (tmp_path / "proc/cpuinfo").write_text("processor: 0\nmodel name\t: A 1\nmodel name\t: A 1\n")
    first, second = surroundings.of_machine(tmp_path, processors=4)
    assert "powersave" in first
    assert "load 3.1 on 4" in second
    assert surroundings.machine(tmp_path)["processor"] == "A 1"
    (governor / "scaling_governor").write_text("performance\n")
    (tmp_path / "proc/loadavg").write_text("0.10 1 1 1/1 1\n")
    assert list(surroundings.of_machine(tmp_path, processors=4)) == []


@pytest.mark.parametrize(
    ("profile", "debug", "said"),
    [
        (
            "fast",
            False,
            "overstated. For numbers to rely on: jitbuild install 3.15 --profile release",
        ),
        ("release", True, "It is a debug build"),
        ("unknown", False, "jitbuild adopt /python --profile release"),
        ("release", False, None),
    ],
)
def test_how_it_was_built_is_said_where_it_spoils_the_times(profile, debug, said):
    variant = Variant(jit="yes-off", profile=profile)
    data = stores.manifest(jit="yes-off", profile=profile, executable="/python")
    found = Interpreter(Path("/x"), data, variant)
    warnings = list(surroundings.of_build(found, debug=debug))
    assert [said in warning for warning in warnings] == ([] if said is None else [True])


def test_a_machine_that_says_nothing_is_not_warned_of(tmp_path):
    assert list(surroundings.of_machine(tmp_path)) == []


def test_where_the_jit_made_nothing_is_said_unless_nothing_was_to_be_expected():
    nothing = report.JITInspection(compiled=())
    seen = {"lists": nothing, "in_c": nothing, "command": None}
    (said,) = surroundings.of_runs(seen, frozenset({"in_c"}))
    assert said.startswith("The JIT made no machine code in lists:")
    tracers = {"x": {"tracers": ["sys.settrace", "sys.monitoring (a)"]}}
    assert list(surroundings.of_tracers(tracers)) == [
        "sys.settrace is set in what was measured: under it no code runs in the JIT."
    ]


# Looking into a program


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (("/python", "x.py", "-q"), ["/python", "INSPECT", "TARGET", "x.py", "-q"]),
        (
            ("/python", "-X", "dev", "-m", "mod", "a"),
            ["/python", "-X", "dev", "INSPECT", "TARGET", "-m", "mod", "a"],
        ),
        (("/python", "-mmod"), ["/python", "INSPECT", "TARGET", "-m", "mod"]),
        (("/python", "-Bc", "1"), ["/python", "-B", "INSPECT", "TARGET", "-c", "1"]),
        (("/bin/true",), None),
        (("/python",), None),
    ],
)
def test_a_python_program_is_looked_into(tmp_path, command, asked):
    seen = []

    def recorder(argv, /, *, env, log, timeout=None):
        seen.append(
            [
                {
                    str(inspecting.scripts.INSPECT): "INSPECT",
                    str(tmp_path / "watched"): "TARGET",
                }.get(word, word)
                for word in argv
            ]
        )
        (tmp_path / "watched").write_text('{"functions": []}')
        return Completed(argv=tuple(argv), returncode=0)

    benchmark = plan.Benchmark(kind="command", name="command", words=command)
    found = inspecting.watched(
        benchmark,
        Path("/python"),
        tmp_path,
        lambda mode: {"MODE": mode},
        timeout=1,
        recorder=recorder,
    )
    assert seen == ([] if asked is None else [asked])
    assert found == ({} if asked is None else {"functions": []})
    assert (inspecting.compiled(found) is None) == (asked is None)


def test_hot_functions_without_machine_code_are_named(tmp_path):
    def recorder(argv, /, *, env, log, timeout=None):
        rows = [("x.py", 2, "work", 0.5), ("x.py", 9, "slow", 0.4), ("x.py", 20, "rare", 0.01)]
        hot = [dict(zip(("file", "line", "name", "share"), row, strict=True)) for row in rows]
        (tmp_path / "hot-lists").write_text(json.dumps({"hot": hot}))
        return Completed(argv=tuple(argv), returncode=0)

    seen = report.JITInspection(
        compiled=(
            report.CompiledFunction(name="work", file="x.py", line=2, executors=1, bytes=4096),
        )
    )
    found = inspecting.hot(
        QUICK[1], seen, Path("/python"), tmp_path, lambda _: {}, timeout=1, recorder=recorder
    )
    assert found.uncompiled is not None
    assert [each.name for each in found.uncompiled] == ["slow"]


# The command line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["3.15", "x.json"], "A command stands after `--`"),
        (["3.15", "--stmt", "1", "--", "x.py"], "are both there"),
        (["3.15", "--setup", "1"], "--setup stands without --stmt"),
        (["3.15", "--benchmarks", "lists", "--stmt", "1"], "chooses from the suites"),
        (["3.15", "--benchmarks", "list"], "'list' is no program of the quick suite"),
        (["3.15", "--"], "There is no command after `--`"),
        (["3.15", "--", "-I", "x.py"], "Under -I no mode reaches the program"),
        (["3.15", "--rounds", "0"], "must be a positive integer"),
        (["3.15", "--html", "/no/such/folder/x.html"], "its folder does not exist"),
        (["compare", "x.json"], "takes two files or more"),
        (["compare", "x.json", "y.json", "--stmt", "1"], "measures nothing"),
        (["compare", "x.json", "y.json", "z.json", "--svg", "x.svg"], "show one comparison"),
    ],
)
def test_mistakes_of_usage(line, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path))
    assert main(["bench", *line]) == 2
    assert said in capsys.readouterr().err


def test_files_are_compared(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.json", "lists", (2.0, 2.02, 1.98))
    write(tmp_path / "b.json", "lists", (1.0, 1.01, 0.99))
    write(tmp_path / "c.json", "calls", (1.0, 1.01, 0.99))
    assert main(["bench", "compare", "a.json", "b.json", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["base"], data["other"], data["geometric_mean"]["ratio"]) == (
        "a",
        "b",
        pytest.approx(2.0),
    )
    assert data["benchmarks"][0]["significant"] is True
    assert "not measured in turns" in data["notes"][0]
    write(tmp_path / "e.json", "lists", (4.0, 4.04, 3.96))
    assert data["again"] == "jitbuild bench compare a.json b.json"
    assert main(["bench", "compare", "a.json", "b.json", "e.json"]) == 0
    out = capsys.readouterr().out
    assert "b is faster than a: 2.00x" in out
    assert "e is slower than a: 0.50x" in out
    assert main(["bench", "compare", "a.json", "c.json"]) == 23
    assert "no benchmark in common" in capsys.readouterr().err
    (tmp_path / "d.json").write_text("{}")
    assert main(["bench", "compare", "a.json", "d.json"]) == 23
