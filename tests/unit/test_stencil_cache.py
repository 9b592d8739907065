"""make is given restored stencils, or else an LLVM, which is provided only when it is needed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cache_samples import FORECAST, find_step, make_plan, make_tree, run_step

from jitbuild.building.caches.stencil_cache import StencilCache, is_hit_expected
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.errors import BuildError, LLVMError
from jitbuild.system.progress import SilentReporter

HEADER = f"// {'a' * 64}\nstatic int stencil;\n"
STENCILS = find_step(make_plan(), "stencils")


class FakeLLVM:
    """An LLVM that counts how often it is provided, or that cannot be provided."""

    def __init__(self, *, missing=False):
        self.missing, self.provided = missing, 0

    def provide(self, reporter):
        if self.missing:
            raise LLVMError("LLVM 18 is needed.", remedy="Install it.")
        self.provided += 1
        return SimpleNamespace(version="18.1.8")


class BuildPy:
    """Tools/jit/build.py: it accepts a header with its own digest, and else needs an LLVM."""

    def __init__(self, cache, header=HEADER):
        self.cache, self.header = cache, header
        self.variables = []

    def __call__(self, variables):
        self.variables.append(dict(variables))
        path = self.cache.tree / "jit_stencils.h"
        digest = self.header.partition("\n")[0]
        if path.exists() and path.read_text().startswith(digest):
            return
        if not self.cache.llvm.provided:
            raise BuildError("Can't find clang-18!", remedy="")
        path.write_text(self.header)


@pytest.fixture
def make_cache(tmp_path):
    """Return a function that makes the stencil cache of another build with the same store."""
    count = iter(range(100))

    def make(**changed):
        scratch = tmp_path / f"scratch-{next(count)}"
        values = {
            "store": StencilStore.below(tmp_path / "store"),
            "tree": make_tree(scratch / "tree"),
            "scratch": scratch,
            "llvm_major": 18,
            "libc": "glibc 2.36",
            "forecast": FORECAST,
            "llvm": FakeLLVM(),
            "reporter": SilentReporter(),
        }
        return StencilCache(**{**values, **changed})

    return make


def make_stencils(cache, program=None):
    run_step(cache, STENCILS, program or BuildPy(cache))
    return cache.report()["stencils"]


def test_a_miss_needs_an_llvm_and_the_next_build_needs_none(make_cache):
    first, second = make_cache(), make_cache()
    assert make_stencils(first) == "miss"
    assert make_stencils(second) == "hit"
    assert (first.llvm.provided > 0, second.llvm.provided) == (True, 0)
    assert (second.tree / "jit_stencils.h").read_text() == HEADER
    assert second.llvm_version == "18.1.8", "the manifest names the LLVM that made the stencils"
    statistics = second.store.entries.statistics()
    assert (statistics.hits, statistics.misses) == (1, 1)


def test_a_changed_header_is_a_miss(make_cache):
    make_stencils(make_cache())
    cache = make_cache()
    (cache.tree / "Include" / "new.h").write_text("struct frame { int more; };\n")
    assert make_stencils(cache) == "miss"
    assert cache.llvm.provided


def test_stencils_that_build_py_rejects_are_made_with_an_llvm(make_cache):
    make_stencils(make_cache())
    cache, other = make_cache(), HEADER.replace("a" * 64, "b" * 64)
    assert make_stencils(cache, BuildPy(cache, other)) == "miss"
    assert (cache.tree / "jit_stencils.h").read_text() == other


def test_a_rejection_names_the_llvm_that_cannot_be_provided(make_cache):
    make_stencils(make_cache())
    cache = make_cache(llvm=FakeLLVM(missing=True))

    def fail(_variables):
        raise BuildError("stencils failed with exit code 2.", remedy="Read the log.")

    with pytest.raises(BuildError, match="exit code 2") as caught:
        make_stencils(cache, fail)
    assert "LLVM 18 is needed." in caught.value.what
    assert "Install it." in caught.value.remedy


def test_a_miss_without_an_llvm_fails_before_the_step_runs(make_cache):
    cache = make_cache(llvm=FakeLLVM(missing=True))
    with pytest.raises(LLVMError):
        cache.prepare(STENCILS)


def test_a_step_that_fails_with_an_llvm_fails(make_cache):
    cache = make_cache()

    def fail(_variables):
        raise BuildError("jit.c does not compile.", remedy="")

    with pytest.raises(BuildError):
        make_stencils(cache, fail)
    assert cache.report() == {}


def test_stencils_are_made_with_precompiled_headers(make_cache):
    cache = make_cache()
    program = BuildPy(cache)
    make_stencils(cache, program)
    assert program.variables == [{"JITBUILD_STENCILS": str(cache.scratch / "headers")}]
    assert cache.prepare(find_step(make_plan(), "make")).environment == {}


def test_stencils_are_made_again_without_precompiled_headers_that_fail(make_cache):
    cache = make_cache()
    build_py = BuildPy(cache)

    def program(variables):
        build_py(variables)
        if headers := variables.get("JITBUILD_STENCILS"):
            (cache.scratch / "headers" / "headers-0.pch").touch()
            raise BuildError(f"{headers}: error: redefinition of 'one'", remedy="")

    assert make_stencils(cache, program) == "miss"
    assert [bool(variables) for variables in build_py.variables] == [True, False]


def test_stencils_of_an_unknown_llvm_do_not_fail_the_build(make_cache):
    make_stencils(make_cache())
    cache = make_cache(llvm=FakeLLVM(missing=True))

    def found_another_llvm(_variables):
        (cache.tree / "jit_stencils.h").write_text(HEADER.replace("a" * 64, "b" * 64))

    assert make_stencils(cache, found_another_llvm) == "miss"
    assert cache.llvm_version == ""


def test_other_steps_are_left_alone(make_cache):
    cache = make_cache(llvm=FakeLLVM(missing=True))
    step = find_step(make_plan(), "make")
    (cache.tree / "jit_stencils.h").write_text(HEADER)
    run_step(cache, step, lambda variables: None)
    assert cache.withdraw(step, BuildError("make failed", remedy="")) is None
    assert (cache.tree / "jit_stencils.h").exists()
    assert cache.report() == {}


def test_a_hit_is_expected_after_a_build_with_the_same_forecast(make_cache):
    cache = make_cache()
    assert not is_hit_expected(make_plan(), cache.store, FORECAST)
    make_stencils(cache)
    assert is_hit_expected(make_plan(), cache.store, FORECAST)
    assert not is_hit_expected(make_plan(), cache.store, "e" * 64)


@pytest.mark.parametrize(
    "axes",
    [{"jit": "no"}, {"jit": "interpreter"}, {"profile": "release"}, {"tail_call": True}],
)
def test_no_hit_is_expected_by_builds_that_need_llvm_anyway_or_never(make_cache, axes):
    cache = make_cache()
    make_stencils(cache)
    spec = "3.14.3" if "tail_call" in axes else "3.13.15"
    assert not is_hit_expected(make_plan(spec, **axes), cache.store, FORECAST)
