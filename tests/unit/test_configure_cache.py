"""configure is given restored or prefilled answers, and runs again without them if it fails."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cache_samples import (
    CATALOG,
    LINUX,
    SCRIPT,
    FakeCompiler,
    find_step,
    make_plan,
    make_tree,
    run_step,
)

from jitbuild.building.caches.configure_answers import AnswerStore
from jitbuild.building.caches.configure_cache import ConfigureCache
from jitbuild.errors import BuildError
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.process import Completed
from jitbuild.toolchain.compiler import CCompiler

ANSWERS = "ac_cv_header_sys_x_h=${ac_cv_header_sys_x_h=yes}\n"


@pytest.fixture
def make_cache(tmp_path):
    """Return a function that makes the configure cache of another build with the same store."""
    count = iter(range(100))

    def make(**changed):
        scratch = tmp_path / f"scratch-{next(count)}"
        tree = make_tree(scratch / "tree")
        values = {
            "store": AnswerStore.below(tmp_path / "store"),
            "tree": tree,
            "scratch": scratch,
            "compiler": CCompiler(argv=("gcc",), text="gcc 12"),
            "host": LINUX,
            "build": CATALOG.build,
            "environ": {"PATH": "/usr/bin"},
            "temporary_paths": [scratch],
            "runner": FakeCompiler("fork"),
        }
        return ConfigureCache(**{**values, **changed})

    return make


class Configure:
    """A configure that records the config.cache it is given, and writes its answers."""

    def __init__(self, cache, *, fails_with_answers=False):
        self.file = cache.tree / "config.cache"
        self.fails_with_answers = fails_with_answers
        self.given = []

    def __call__(self, _variables):
        self.given.append(self.file.read_text() if self.file.exists() else "")
        if self.given[-1] and self.fails_with_answers:
            raise BuildError("configure: error: changes in the environment", remedy="")
        self.file.write_text(ANSWERS)


def configure(cache, plan=None, **options):
    program = Configure(cache, **options)
    run_step(cache, find_step(plan or make_plan(), "configure"), program)
    return program.given


def test_the_answers_of_one_build_are_given_to_the_next(make_cache):
    first, second = make_cache(), make_cache()
    assert configure(first) == [""]
    assert first.report() == {"configure": "miss"}
    assert configure(second, make_plan(jit="no")) == [ANSWERS]
    assert second.report() == {"configure": "hit"}
    statistics = second.store.entries.statistics()
    assert (statistics.hits, statistics.misses) == (1, 1)


def test_configure_runs_again_without_answers_that_it_rejects(make_cache):
    configure(make_cache())
    cache = make_cache()
    assert configure(cache, fails_with_answers=True) == [ANSWERS, ""]
    assert cache.report() == {"configure": "miss"}


def test_configure_that_fails_without_answers_is_not_run_again(make_cache):
    cache = make_cache()
    runs = []

    def fail(_variables):
        runs.append(1)
        raise BuildError("configure: error: no acceptable C compiler", remedy="")

    with pytest.raises(BuildError):
        run_step(cache, find_step(make_plan(), "configure"), fail)
    assert len(runs) == 1
    assert cache.report() == {}


def test_a_config_cache_in_the_sources_is_ignored(make_cache):
    cache = make_cache()
    (cache.tree / "config.cache").write_text(ANSWERS.replace("yes", "no"))
    assert configure(cache) == [""]


def test_answers_are_found_ahead_when_none_are_restored(make_cache):
    with JobBudget(2) as budget:
        cache = make_cache(budget=budget)
        (cache.tree / "configure").write_text(SCRIPT)
        assert configure(cache) == ["ac_cv_func_fork=${ac_cv_func_fork=yes}\n"]
        assert cache.report() == {"configure": "miss"}


def test_answers_found_ahead_are_withdrawn_when_configure_fails(make_cache):
    with JobBudget(2) as budget:
        cache = make_cache(budget=budget)
        (cache.tree / "configure").write_text(SCRIPT)
        given = configure(cache, fails_with_answers=True)
    assert given == ["ac_cv_func_fork=${ac_cv_func_fork=yes}\n", ""]


@pytest.mark.parametrize(
    ("host", "args"),
    [(replace(LINUX, libc=""), ()), (LINUX, ("CFLAGS=-I{scratch}",))],
    ids=["macOS", "flags with placeholders"],
)
def test_no_answers_are_found_ahead_when_they_could_differ(make_cache, host, args):
    with JobBudget(2) as budget:
        cache = make_cache(budget=budget, host=host)
        (cache.tree / "configure").write_text(SCRIPT)
        assert configure(cache, make_plan(configure_args=args)) == [""]


def test_test_programs_are_compiled_with_the_flags_of_configure(make_cache):
    commands = []

    def runner(argv, **options):
        commands.append(argv)
        return FakeCompiler("fork")(argv, **options)

    plan = make_plan(configure_args=("CFLAGS=-O1 -g", "LDFLAGS=-L/x", "LIBS=-lm", "--quiet"))
    with JobBudget(1) as budget:
        cache = make_cache(budget=budget, runner=runner)
        (cache.tree / "configure").write_text(SCRIPT)
        configure(cache, plan)
    (link, *_) = [argv for argv in commands if "-w" in argv]
    assert link[:5] == ["gcc", "-w", "-O1", "-g", "-L/x"]
    assert link[-1] == "-lm"


def test_a_file_in_place_of_scratch_gives_no_answers(make_cache, tmp_path):
    (tmp_path / "file").write_text("")
    with JobBudget(1) as budget:
        cache = make_cache(budget=budget, scratch=tmp_path / "file")
        (cache.tree / "configure").write_text(SCRIPT)
        assert configure(cache) == [""]


def test_only_neutral_arguments_leave_the_key_as_it_is(make_cache):
    def is_hit(**axes):
        cache = make_cache()
        configure(cache, make_plan(**axes))
        return cache.report()["configure"] == "hit"

    assert not is_hit()
    assert is_hit(jit="no")
    assert is_hit(jit="interpreter")
    for axes in (
        {"profile": "debug"},
        {"profile": "release"},
        {"configure_args": ("--with-trace-refs",)},
        {"includes": ("tests",)},
        {"includes": ("symbols",)},
    ):
        assert not is_hit(**axes), axes


def test_nothing_is_kept_when_the_compiler_does_not_list_its_folders(make_cache):
    def failing(argv, **_options):
        return Completed(argv=tuple(argv), returncode=1)

    for _ in range(2):
        cache = make_cache(runner=failing)
        assert configure(cache) == [""]
        assert cache.report() == {"configure": "miss"}


def test_other_steps_are_left_alone(make_cache):
    cache = make_cache()
    (cache.tree / "config.cache").write_text(ANSWERS)
    step = find_step(make_plan(), "make")
    run_step(cache, step, lambda variables: None)
    assert cache.withdraw(step, BuildError("make failed", remedy="")) is None
    assert (cache.tree / "config.cache").read_text() == ANSWERS
    assert cache.report() == {}
