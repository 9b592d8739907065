"""A measurement that continues until it decides, or until its time ends."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from bench_fakes import FakeWorkers, effects, session

from jitbuild.bench import plan, session_results
from jitbuild.bench.rounds import measure_rounds
from jitbuild.bench.stopping import StoppingRule
from jitbuild.system.progress import SilentReporter

# The ratio of every second round is larger, and that of the others smaller, by this factor.
NOISE = 1.2


class NoisyWorkers(FakeWorkers):
    """Workers whose ratios are noisy for some benchmarks; each process takes a second.

    `ratios` has the ratio of each benchmark, and `noisy` the names of those with noise.
    """

    def __init__(self, *noisy: str, float_loop: float = 1.0, lists: float = 1.0) -> None:
        super().__init__()
        self.ratios = {"float_loop": float_loop, "lists": lists}
        self.noisy, self.now = noisy, 0.0

    def __call__(self, argv, /, *, env, log, timeout=None):
        spec = Path(argv[argv.index("--spec") + 1])
        number, name, _ = spec.stem.split("-", 2)
        noise = NOISE if int(number) % 2 else 1 / NOISE
        self.ratio = self.ratios[name] * (noise if name in self.noisy else 1)
        self.now += 1
        return super().__call__(argv, env=env, log=log, timeout=timeout)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def job(tmp_path):
    return until_decided(tmp_path / "results" / "session", 100)


def until_decided(folder, seconds, *, least=5, **fields):
    counts = plan.SampleCounts(rounds=least, values=2, warmups=1, seconds=0.01)
    stopping = StoppingRule(until_decided=True, seconds=seconds, **fields)
    return session(folder, counts=counts, stopping=stopping)


def run(job, workers, reporter=None):
    reporter = reporter or SilentReporter()
    return measure_rounds(job, reporter=reporter, effects=effects(workers, workers.clock))


def rounds(job):
    files = session_results.measured_files(job, job.arms[0])
    return {name: len(paths) for name, paths in files.items()}


def test_benchmarks_that_are_decided_get_no_further_rounds(job):
    run(job, NoisyWorkers("lists", float_loop=2, lists=2))
    assert rounds(job) == {"float_loop": 5, "lists": 6}


def test_an_undecided_measurement_ends_with_its_time_and_resuming_extends_it(job):
    noisy = NoisyWorkers("float_loop", "lists")
    run(job, noisy)
    # Two processes a round and a second each; the time of the trial does not count.
    assert rounds(job) == {"float_loop": 25, "lists": 25}
    assert session_results.read_seconds(job) == {"float_loop": 50.0, "lists": 50.0}
    again = NoisyWorkers("float_loop", "lists")
    assert run(job, again).resumed == 100
    assert again.calls == []
    longer = replace(job, stopping=replace(job.stopping, seconds=120))
    assert run(longer, again).resumed == 100
    assert rounds(longer) == {"float_loop": 30, "lists": 30}


def test_an_interrupted_write_keeps_the_seconds(job, monkeypatch):
    job.folder.mkdir(parents=True, exist_ok=True)
    session_results.write_seconds(job, {"lists": 2.0})
    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        session_results.write_seconds(job, {"lists": 3.0})
    assert session_results.read_seconds(job) == {"lists": 2.0}
    assert [path.name for path in job.folder.iterdir() if path.is_file()] == ["seconds.json"]


@pytest.mark.parametrize("content", ["", "[1]", '{"lists": "x"}', '{"lists": null}'])
def test_unreadable_seconds_are_ignored(job, content):
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "seconds.json").write_text(content)
    assert session_results.read_seconds(job) == {}


def interrupt(*_args):
    raise KeyboardInterrupt


def test_another_margin_can_decide_what_has_been_measured(job):
    run(job, NoisyWorkers("float_loop", "lists"))
    wide = replace(job, stopping=replace(job.stopping, seconds=1000, margin=0.5))
    again = NoisyWorkers("float_loop", "lists")
    run(wide, again)
    assert again.calls == []


@pytest.mark.parametrize(("strict", "expected"), [(False, 5), (True, 3)])
def test_only_a_limit_that_the_user_stated_ends_the_first_rounds(tmp_path, strict, expected):
    job = until_decided(tmp_path / "results" / "session", 12, strict=strict)
    run(job, NoisyWorkers("float_loop", "lists"))
    assert rounds(job) == {"float_loop": expected, "lists": expected}


def test_an_undecided_mean_continues_with_all_benchmarks(tmp_path):
    """Both are decided after the first rounds, one faster and one slower; their mean is not."""
    job = until_decided(tmp_path / "results" / "session", 60)
    run(job, NoisyWorkers("float_loop", "lists", float_loop=30, lists=1 / 30))
    assert rounds(job) == {"float_loop": 15, "lists": 15}


def test_an_interruption_keeps_the_rounds_and_resuming_continues(job):
    workers = NoisyWorkers("float_loop", "lists")
    workers.answers[4 + 4 * 7 + 1] = KeyboardInterrupt()
    assert run(job, workers).interrupted_by == 2
    assert rounds(job) == {"float_loop": 7, "lists": 7}
    assert run(job, NoisyWorkers("float_loop", "lists")).resumed == 28
    assert rounds(job) == {"float_loop": 25, "lists": 25}


def test_the_time_left_and_the_ratio_so_far_are_shown(job):
    details, shares = [], []

    class Stages(SilentReporter):
        @contextlib.contextmanager
        def stage(self, title):
            yield self

        def advance(self, done, total):
            shares.append((done, total))

        def detail(self, text):
            details.append(text)

    run(job, NoisyWorkers("float_loop", "lists"), Stages())
    assert details[4] == "at most 1 min 40 s left, float_loop"
    assert details[-1] == "at most 2.0 s left, lists 0.98x (0.84-1.16)"
    assert shares[-1] == (98, 100)
