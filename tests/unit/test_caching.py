"""What a build does with what the caches give it: hits, misses, and what is tried once more without."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from jitbuild.building.caches import prefill
from jitbuild.building.caches.ccache import Ccache
from jitbuild.building.caches.configure_answers import AnswerStore
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.building.caching import Caching, foreseen
from jitbuild.building.runner import Site
from jitbuild.errors import BuildError, LLVMError
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Variant, parse
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.process import Completed
from jitbuild.target import TARGETS, Host
from jitbuild.toolchain.compiler import CCompiler

CATALOG = load_catalog()
LINUX = TARGETS["x86_64-linux-gnu"]
HOST = Host(
    target=LINUX, libc="glibc 2.36", distro=(), distro_name="Test", cpus=2, kernel="Linux 6.1"
)
FOLDERS = "#include <...> search starts here:\n /usr/include\nEnd of search list.\n"
HEADER = "// " + "a" * 64 + "\nstatic int stencil;\n"


def plan(**variant):
    return planner.make_plan(
        planner.resolve_version(parse("3.13.15"), CATALOG), Variant(**variant), LINUX, CATALOG
    )


class Build:
    """A tree with what the keys are made of, and the steps of a plan, whose work is what `does` says."""

    def __init__(self, tmp_path, *, made=None, ccache=None):
        self.tree = tmp_path / "tree"
        self.plan = made or plan()
        for name in ("Include", "Python", "Tools/jit"):
            (self.tree / name).mkdir(parents=True, exist_ok=True)
        (self.tree / "configure").write_text("#!/bin/sh\n")
        (self.tree / "pyconfig.h").write_text("#define A 1\n")
        (self.tree / "Python" / "executor_cases.c.h").write_text("case 1:\n")
        (self.tree / "Makefile").write_text(
            "jit_stencils.h:\n\tpython3 ./Tools/jit/build.py x86_64-pc-linux-gnu\n"
        )
        self.provided = 0
        self.log = tmp_path / "log"
        self.log.write_text("")
        site = Site(
            source=self.tree,
            prefix=tmp_path / "prefix",
            stage=tmp_path / "stage",
            scratch=tmp_path / "scratch",
            log=self.log,
            python=tmp_path / "python",
            llvm=tmp_path / "scratch" / "llvm",
        )
        self.caching = Caching(
            plan=self.plan,
            site=site,
            host=HOST,
            builds=CATALOG.build,
            compiler=CCompiler(argv=("gcc",), text="gcc 12"),
            environ={"PATH": "/usr/bin"},
            stencils=StencilStore.below(tmp_path / "store"),
            answers=AnswerStore.below(tmp_path / "store"),
            ccache=ccache,
            forecast="f" * 64,
            provide_llvm=self._provide,
            store=tmp_path / "store",
            runner=lambda argv, **_: Completed(
                argv=tuple(argv), returncode=0, stderr=FOLDERS if "-E" in argv else ""
            ),
        )

    def _provide(self):
        self.provided += 1
        return SimpleNamespace(version="18.1.8")

    def step(self, name):
        return next(step for step in self.plan.steps if step.name == name)

    def build_py(self):
        """As Tools/jit/build.py: it takes what has the right first line, and needs an LLVM for anything else."""
        header = self.tree / "jit_stencils.h"
        if header.exists() and header.read_text().startswith(HEADER.partition("\n")[0]):
            return
        if not self.provided:
            raise BuildError("Can't find clang-18!", remedy="")
        header.write_text(HEADER)

    def stencils(self):
        self.caching.around(self.step("stencils"), self.build_py)
        return self.caching.told["stencils"], self.provided


def test_a_miss_provides_an_llvm_and_the_next_build_needs_none(tmp_path):
    first, second = Build(tmp_path / "one"), Build(tmp_path / "two")
    second.caching.stencils = first.caching.stencils
    assert first.stencils() == ("miss", 1)
    assert second.stencils() == ("hit", 0)
    assert (second.tree / "jit_stencils.h").read_text() == HEADER
    assert second.caching.told["llvm"] == "18.1.8", "the manifest says whose stencils they are"
    assert foreseen(second.plan, second.caching.stencils, "f" * 64) is not None


def test_a_changed_header_misses(tmp_path):
    first, second = Build(tmp_path / "one"), Build(tmp_path / "two")
    second.caching.stencils = first.caching.stencils
    (second.tree / "Include" / "new.h").write_text("struct frame { int more; };\n")
    first.stencils()
    assert second.stencils() == ("miss", 1)


def test_stencils_that_build_py_does_not_take_are_made_anew(tmp_path):
    """The key says a hit, build.py another digest: it looks for an LLVM, which is provided then."""
    first, second = Build(tmp_path / "one"), Build(tmp_path / "two")
    second.caching.stencils = first.caching.stencils
    first.stencils()
    other = HEADER.replace("a" * 64, "b" * 64)

    def build_py():
        if not second.provided:
            raise BuildError("Can't find clang-18!", remedy="")
        (second.tree / "jit_stencils.h").write_text(other)

    second.caching.around(second.step("stencils"), build_py)
    assert (second.caching.told["stencils"], second.provided) == ("miss", 1)
    assert (second.tree / "jit_stencils.h").read_text() == other


def test_a_step_that_fails_with_an_llvm_fails(tmp_path):
    build = Build(tmp_path)

    def fail():
        raise BuildError("jit.c does not compile.", remedy="")

    with pytest.raises(BuildError):
        build.caching.around(build.step("stencils"), fail)
    assert build.provided == 1
    assert "stencils" not in build.caching.told


@pytest.mark.parametrize("variant", [{"jit": "no"}, {"jit": "interpreter"}, {"profile": "release"}])
def test_no_hit_is_foreseen_where_an_llvm_is_needed_anyway_or_never(tmp_path, variant):
    build = Build(tmp_path)
    build.stencils()
    assert foreseen(plan(**variant), build.caching.stencils, "f" * 64) is None


def configuring(build, *answers):
    """A configure that writes its answers, and how it was found: with a config.cache or without."""
    found = []

    def go():
        cache = build.tree / "config.cache"
        found.append(cache.exists())
        cache.write_text("".join(f"ac_cv_{name}=${{ac_cv_{name}=yes}}\n" for name in answers))

    build.caching.around(build.step("configure"), go)
    return found, build.caching.told["configure"]


def test_configure_is_given_its_own_answers(tmp_path):
    first, second = Build(tmp_path / "one"), Build(tmp_path / "two", made=plan(jit="no"))
    second.caching.answers = first.caching.answers
    assert configuring(first, "header_sys_x_h") == ([False], "miss")
    assert configuring(second, "header_sys_x_h") == ([True], "hit")


def test_a_configure_that_fails_with_answers_of_a_cache_is_run_without(tmp_path, monkeypatch):
    build = Build(tmp_path)
    monkeypatch.setattr(
        AnswerStore, "restore", lambda _self, _key, to: bool(to.write_text("rubbish"))
    )
    seen = []

    def go():
        seen.append((build.tree / "config.cache").exists())
        if seen[-1]:
            raise BuildError(
                "configure: error: changes in the environment can compromise the build", remedy=""
            )
        (build.tree / "config.cache").write_text("")

    build.caching.around(build.step("configure"), go)
    assert seen == [True, False]
    assert build.caching.told["configure"] == "miss"


def test_answers_of_our_own_are_given_where_none_were_kept_and_taken_back_where_configure_fails(
    tmp_path, monkeypatch
):
    build = Build(tmp_path)
    monkeypatch.setattr(prefill, "positive_answers", lambda *_args, **_options: ["ac_cv_func_fork"])
    seen = []

    def go():
        cache = build.tree / "config.cache"
        seen.append(cache.read_text() if cache.exists() else "")
        if seen[-1]:
            raise BuildError("configure: error: cannot do that", remedy="")
        cache.write_text("")

    with JobBudget(2) as build.caching.budget:
        build.caching.around(build.step("configure"), go)
    assert seen == ["ac_cv_func_fork=${ac_cv_func_fork=yes}\n", ""]
    assert build.caching.told["configure"] == "miss"


@pytest.mark.parametrize(
    ("host", "args"),
    [(replace(HOST, libc=""), ()), (HOST, ("CFLAGS=-I{scratch}",))],
    ids=["macOS", "flags of the build"],
)
def test_nothing_is_asked_ahead_where_it_might_be_something_else(tmp_path, monkeypatch, host, args):
    monkeypatch.setattr(prefill, "positive_answers", lambda *_args, **_options: ["ac_cv_func_fork"])
    build = Build(tmp_path, made=plan(configure_args=args))
    build.caching.host = host
    with JobBudget(2) as build.caching.budget:
        assert configuring(build, "header_sys_x_h") == ([False], "miss")


def test_what_is_neutral_does_not_count_for_configure_and_all_else_does(tmp_path):
    def key(number, **variant):
        build = Build(tmp_path / str(number), made=plan(**variant))
        return build.caching._configure_key(build.step("configure"))

    base = key(0)
    assert key(1, jit="no") == key(2, jit="interpreter") == base
    others = [
        {"profile": "debug"},
        {"profile": "release"},
        {"free_threaded": True, "jit": "no"},
        {"configure_args": ("--with-trace-refs",)},
        {"includes": ("tests",)},
        {"includes": ("symbols",)},
    ]
    assert len(
        {base, *(key(number, **variant) for number, variant in enumerate(others, start=3))}
    ) == 1 + len(others)


def test_where_the_compiler_does_not_say_where_its_headers_are_nothing_is_kept(tmp_path):
    first, second = Build(tmp_path / "one"), Build(tmp_path / "two")
    second.caching.answers = first.caching.answers
    for build in (first, second):
        build.caching.runner = lambda argv, **_: Completed(argv=tuple(argv), returncode=1)
        assert configuring(build, "header_sys_x_h") == ([False], "miss")


def test_a_config_cache_that_came_with_the_sources_is_not_believed(tmp_path):
    build = Build(tmp_path)
    (build.tree / "config.cache").write_text("ac_cv_header_sys_x_h=${ac_cv_header_sys_x_h=no}\n")
    assert configuring(build, "header_sys_x_h") == ([False], "miss")


def test_stencils_that_do_not_do_and_no_llvm_to_be_had_are_told_with_what_failed(tmp_path):
    first, second = Build(tmp_path / "one"), Build(tmp_path / "two")
    second.caching.stencils = first.caching.stencils
    first.stencils()

    def none():
        raise LLVMError("LLVM 18 is needed.", remedy="Install it.")

    def fail():
        raise BuildError("stencils failed with exit code 2.", remedy="Read the log.")

    second.caching.provide_llvm = none
    with pytest.raises(BuildError, match="exit code 2") as caught:
        second.caching.around(second.step("stencils"), fail)
    assert "LLVM 18 is needed." in caught.value.what


def with_ccache(tmp_path):
    return Build(
        tmp_path, ccache=Ccache(program=tmp_path / "ccache", version="4.14.2", origin="managed")
    )


def test_make_is_run_again_without_ccache_only_when_ccache_failed(tmp_path):
    build, environments = with_ccache(tmp_path), []

    def go():
        environments.append(dict(build.caching.environment(build.step("make"))))
        if len(environments) == 1:
            build.log.write_text("gcc -c x.c\nccache: error: failed to create temporary file\n")
            raise BuildError("make failed with exit code 2.", remedy="")

    build.caching.around(build.step("make"), go)
    assert "CCACHE_DIR" in environments[0]
    assert environments[1] == {"CCACHE_DISABLE": "1"}


def test_an_error_of_the_compiler_s_own_is_not_tried_again(tmp_path):
    build, tries = with_ccache(tmp_path), []

    def go():
        tries.append(1)
        build.log.write_text("x.c:1: error: expected ';'\n")
        raise BuildError("make failed with exit code 2.", remedy="")

    with pytest.raises(BuildError):
        build.caching.around(build.step("make"), go)
    assert len(tries) == 1


def test_configure_s_tiny_programs_do_not_go_into_ccache(tmp_path):
    build = with_ccache(tmp_path)
    assert build.caching.environment(build.step("configure"))["CCACHE_DISABLE"] == "1"
    assert "CCACHE_DISABLE" not in build.caching.environment(build.step("make"))


def test_stencils_are_made_with_headers_that_are_compiled_once(tmp_path):
    build, seen = Build(tmp_path), []

    def build_py():
        seen.append(build.caching.environment(build.step("stencils")).get("JITBUILD_STENCILS"))
        build.build_py()

    build.caching.around(build.step("stencils"), build_py)
    (folder,) = seen
    assert folder == str(tmp_path / "scratch" / "headers")
    assert "JITBUILD_STENCILS" not in build.caching.environment(build.step("make"))


def test_what_fails_with_them_is_done_without(tmp_path):
    build, seen = Build(tmp_path), []

    def build_py():
        headers = build.caching.environment(build.step("stencils")).get("JITBUILD_STENCILS")
        seen.append(headers)
        if headers:
            (tmp_path / "scratch" / "headers" / "headers-0.pch").touch()
            raise BuildError("error: redefinition of 'one'", remedy="")
        build.build_py()

    build.caching.around(build.step("stencils"), build_py)
    assert [bool(headers) for headers in seen] == [True, False]
    assert build.caching.told["stencils"] == "miss"
