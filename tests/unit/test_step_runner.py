"""The loop over a build's steps."""

from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path

import pytest
from cache_samples import CATALOG, LINUX
from reporters import RecordingReporter

from jitbuild.building.caches.step_cache import StepInputs
from jitbuild.building.placeholders import HOOKS, BuildSite, Placeholders
from jitbuild.building.step_runner import StepRunner
from jitbuild.errors import BuildError, DiskFullError
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.request import Variant, parse
from jitbuild.system import process
from jitbuild.system.jobserver import JobBudget


def plan_for(version="3.13.15", **variant):
    resolved = resolve_version(parse(version), CATALOG)
    return make_plan(resolved, Variant(**variant), LINUX.target, CATALOG)


class FakeStreamer:
    """Records each program; prints `lines` and ends with `code` when its name has `failing` in it.

    `times` limits how often it fails.
    """

    def __init__(self, lines=(), code=0, failing="", times=99):
        self.lines, self.code, self.failing, self.times = lines, code, failing, times
        self.calls = []

    def __call__(self, argv, /, *, env, cwd, log, on_line, pass_fds=()):
        self.calls.append((list(argv), dict(env), cwd))
        if self.failing and self.failing not in argv[0]:
            return 0
        for line in self.lines:
            log.write(f"{line}\n".encode())
            on_line(line)
        self.times -= 1
        return self.code if self.times >= 0 else 0


def no_dry_run(argv, /, **_options):
    raise FileNotFoundError(argv[0])


class FakeCache:
    """Gives every step a variable; withdraws it `withdrawals` times."""

    def __init__(self, name="CACHE", withdrawals=0, path=()):
        self.name, self.withdrawals, self.path, self.calls = name, withdrawals, path, []

    def prepare(self, step):
        self.calls.append(f"prepare {step.name}")
        return StepInputs(environment={self.name: "full"}, path=self.path)

    def withdraw(self, step, error):
        self.calls.append(f"withdraw {step.name}")
        self.withdrawals -= 1
        return StepInputs(environment={self.name: "less"}) if self.withdrawals >= 0 else None

    def record(self, step):
        self.calls.append(f"record {step.name}")

    def report(self):
        return {}


@pytest.fixture
def site(tmp_path):
    return BuildSite(
        source=tmp_path / "source",
        prefix=Path("/store/interpreters/x"),
        stage=tmp_path / "stage",
        scratch=tmp_path,
        log=tmp_path / "build.log",
        python=Path("/usr/bin/python3.12"),
        llvm=Path("/llvm"),
    )


@pytest.fixture
def run(site):
    """Run the steps of a plan with a streamer; return the times by step."""

    def run(streamer, plan=None, caches=(), **fields):
        plan = plan or plan_for()
        with JobBudget(3) as budget:
            runner = StepRunner(
                name=plan.name,
                site=site,
                placeholders=Placeholders(plan=plan, site=site),
                environ={"PATH": "/usr/bin:/bin"},
                budget=budget,
                caches=caches,
                advice=CATALOG.build.advice,
                streamer=streamer,
                **{"runner": no_dry_run, "reporter": RecordingReporter(), **fields},
            )
            return runner.run(plan.steps)

    return run


def test_every_step_runs_with_its_placeholders_filled_in(run, site):
    streamer = FakeStreamer()
    times = run(streamer)
    assert list(times) == ["configure", "stencils", "make", "install"]
    (configure, env, cwd), (stencils, limits, _), (make, make_env, _), (install, _, _) = (
        streamer.calls
    )
    assert cwd == site.source
    assert configure[:2] == ["./configure", "--prefix=/store/interpreters/x"]
    assert stencils == ["make", "Python/jit.o", f"PYTHONPATH={HOOKS}"]
    assert limits["PYTHON_CPU_COUNT"] == "3"
    assert make == ["make"]
    assert install[:3] == ["make", "altinstall", f"DESTDIR={site.stage}"]
    assert env["PATH"] == "/llvm/bin:/usr/bin:/bin"
    assert env["PYTHON_FOR_REGEN"] == "/usr/bin/python3.12"
    texts = [text for argv, env, _ in streamer.calls for text in (*argv, *env.values())]
    assert not any("{" in text for text in texts)
    assert "--jobserver-auth=" in make_env["MAKEFLAGS"]
    assert not any("MAKEFLAGS" in other for other in (env, limits))


def test_configure_of_3_15_is_given_the_llvm(run):
    streamer = FakeStreamer()
    run(streamer, plan_for("3.15.2"))
    env = streamer.calls[0][1]
    assert (env["LLVM_VERSION"], env["LLVM_TOOLS_INSTALL_DIR"]) == ("21", "/llvm")


def test_progress_shows_the_step_and_the_file_being_compiled(run):
    reporter = RecordingReporter()
    streamer = FakeStreamer(["gcc -c ./Python/ceval.c -o x.o", "checking for gcc", ""])
    run(streamer, reporter=reporter)
    assert reporter.titles[0] == "cpython-3.13.15-jit-fast: configure"
    assert reporter.details[:2] == ["Python/ceval.c", "checking for gcc"]


@pytest.mark.parametrize(
    ("version", "profile", "command", "details"),
    [
        ("3.13.15", "fast", ["make", "-n", "MAKE=:"], ["1 of 2 files, a.c", "2 of 2 files, b.c"]),
        (
            "3.15.2",
            "release",
            ["make", "-n", "MAKE=:", "build_all"],
            ["pass 1 of 2, 1 of 2 files, a.c", "pass 1 of 2, 2 of 2 files, b.c"],
        ),
    ],
)
def test_make_is_asked_first_how_many_files_it_will_compile(
    run, site, version, profile, command, details
):
    reporter, calls = RecordingReporter(), []

    def dry_run(argv, /, *, env, cwd, timeout):
        calls.append((list(argv), env["PATH"], cwd))
        commands = "gcc -c a.c\ngcc -c b.c\nld x\n"
        return process.Completed(argv=tuple(argv), returncode=0, stdout=commands)

    lines = ["gcc -c a.c", "gcc -c b.c"]
    run(FakeStreamer(lines), plan_for(version, profile=profile), reporter=reporter, runner=dry_run)
    assert calls == [(command, "/llvm/bin:/usr/bin:/bin", site.source)]
    assert all(detail in reporter.details for detail in details)


def test_the_log_has_each_command_with_its_folder_and_variables(run, site):
    run(FakeStreamer(["hello"]))
    log = site.log.read_text()
    assert "$ ./configure --prefix=/store/interpreters/x" in log
    assert f"# in {site.source}, with {{" in log
    assert log.count("hello") == 4


# ---- caches ------------------------------------------------------------------------------------


def test_a_cache_prepares_each_step_and_records_its_result(run):
    cache, streamer = FakeCache(path=(Path("/links"),)), FakeStreamer()
    run(streamer, caches=[cache])
    assert cache.calls[:4] == [
        "prepare configure",
        "record configure",
        "prepare stencils",
        "record stencils",
    ]
    env = streamer.calls[0][1]
    assert (env["CACHE"], env["PATH"]) == ("full", "/llvm/bin:/links:/usr/bin:/bin")


def test_a_failed_step_runs_again_with_what_a_cache_gives_after_withdrawing(run):
    cache = FakeCache(withdrawals=1)
    streamer = FakeStreamer(["error: x"], code=1, failing="configure", times=1)
    run(streamer, caches=[cache])
    assert [env["CACHE"] for _, env, _ in streamer.calls[:2]] == ["full", "less"]
    assert cache.calls[:3] == ["prepare configure", "withdraw configure", "record configure"]


def test_one_cache_withdraws_at_a_time(run):
    first, second = FakeCache("A", withdrawals=1), FakeCache("B", withdrawals=1)
    streamer = FakeStreamer(["error: x"], code=1, failing="configure", times=2)
    run(streamer, caches=[first, second])
    given = [(env["A"], env["B"]) for _, env, _ in streamer.calls[:3]]
    assert given == [("full", "full"), ("less", "full"), ("less", "less")]


def test_a_step_that_fails_without_help_fails_and_is_not_recorded(run):
    cache = FakeCache(withdrawals=1)
    with pytest.raises(BuildError):
        run(FakeStreamer(["error: x"], code=1), caches=[cache])
    assert cache.calls == ["prepare configure", "withdraw configure", "withdraw configure"]


def test_the_step_s_own_variables_outrank_those_of_a_cache(run):
    cache, streamer = FakeCache("PYTHON_FOR_REGEN"), FakeStreamer()
    run(streamer, caches=[cache])
    assert streamer.calls[0][1]["PYTHON_FOR_REGEN"] == "/usr/bin/python3.12"


# ---- times -------------------------------------------------------------------------------------


class Clock:
    """A clock that only a test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_times_are_seconds_by_step(run):
    clock = Clock()

    class Slow(FakeStreamer):
        def __call__(self, argv, /, **options):
            clock.now += 2.5
            return super().__call__(argv, **options)

    assert run(Slow(), clock=clock) == {
        "configure": 2.5,
        "stencils": 2.5,
        "make": 2.5,
        "install": 2.5,
    }


def test_waiting_for_another_build_s_jobs_is_timed_apart(site):
    clock, plan = Clock(), plan_for()

    class Contended:
        jobs = 3

        def __init__(self, budget):
            self.budget = budget

        def share(self, jobs):
            clock.now += 4
            return self.budget.share(jobs)

    with JobBudget(3) as budget:
        runner = StepRunner(
            name=plan.name,
            site=site,
            placeholders=Placeholders(plan=plan, site=site),
            environ={"PATH": "/bin"},
            budget=Contended(budget),
            reporter=RecordingReporter(),
            streamer=FakeStreamer(),
            runner=no_dry_run,
            clock=clock,
        )
        times = runner.run(plan.steps[:1])
    assert times == {"configure": 0.0, "waiting": 4.0}


# ---- failures ----------------------------------------------------------------------------------


def test_a_failure_shows_the_lines_that_mention_errors_and_names_the_log(run, site):
    noise = [f"gcc -c Modules/file{number}.c" for number in range(50)]
    lines = [*noise, "Modules/x.c:1:2: error: expected ';'", "make: *** [Makefile:1: x.o] Error 1"]
    with pytest.raises(BuildError) as caught:
        run(FakeStreamer(lines, code=2, failing="make"))
    assert "failed with exit code 2" in caught.value.what
    assert "expected ';'" in caught.value.what
    assert "file1.c" not in caught.value.what
    assert str(site.log) in caught.value.remedy
    assert "expected ';'" in site.log.read_text()


def test_a_failure_without_errors_shows_the_last_lines(run):
    with pytest.raises(BuildError) as caught:
        run(FakeStreamer([f"line {number}" for number in range(50)], code=1))
    assert "line 49" in caught.value.what
    assert "line 10" not in caught.value.what


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("RuntimeError: Can't find clang-18!", "--llvm managed"),
        ("configure: error: unrecognized options: --with-lot", "--configure-arg"),
        ("configure: error: no acceptable C compiler found in $PATH", "jitbuild doctor"),
        ("pyenv: python3.12: command not found", "shim"),
        ("<built-in>:1: fatal error: 'assert.h' file not found", "xcode-select"),
        ("patch: **** Only garbage was found in the patch input.", "patch"),
        ("g++: fatal error: Killed signal terminated program cc1", "-j 1"),
    ],
)
def test_known_failures_have_a_remedy(run, line, advice):
    with pytest.raises(BuildError) as caught:
        run(FakeStreamer([line], code=1))
    assert advice in caught.value.remedy


def test_every_advice_is_a_regular_expression():
    for known in CATALOG.build.advice:
        re.compile(known.pattern)


def test_a_full_disk_is_an_error_of_its_own(run):
    with pytest.raises(DiskFullError):
        run(FakeStreamer(["cc1: fatal error: x.o: No space left on device"], code=1))


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [(errno.ENOENT, BuildError, "cannot be started"), (errno.ENOSPC, DiskFullError, "No space")],
)
def test_a_step_that_cannot_be_started(run, number, kind, text):
    def fail(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    with pytest.raises(kind, match=text):
        run(fail)


def test_a_signal_is_named(run):
    with pytest.raises(BuildError, match="ended by signal 9"):
        run(FakeStreamer(code=-signal.SIGKILL))
