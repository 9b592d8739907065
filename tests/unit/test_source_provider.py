"""Providing interpreters from source: what is prepared, built and recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from cache_samples import CATALOG, DIGEST_LINE, LINUX
from reporters import RecordingReporter

from jitbuild.building.caches.ccache import Ccache
from jitbuild.errors import (
    BuildError,
    DownloadError,
    LLVMError,
    PreflightError,
    SourceError,
)
from jitbuild.options import BuildOptions
from jitbuild.planning.plan import Source
from jitbuild.planning.planner import make_plan, resolve_version
from jitbuild.providers.from_source import SourceProvider
from jitbuild.providers.provider import ProviderTask
from jitbuild.providers.tree_check import check_llvm
from jitbuild.request import Axes, parse
from jitbuild.sources.obtain_tree import SourceTree
from jitbuild.store.store import Store
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.process import Completed

LLVM_VERSION = "18.1.8"
SEARCH_FOLDERS = "#include <...> search starts here:\n /no/headers\nEnd of search list.\n"


class FakeMachine:
    """A machine on which builds succeed: it obtains a tree, has an LLVM and runs steps.

    `failures` are errors by the name of the effect (`obtain`, `check`), `commands` the programs
    that were run, `steps` the first two words of each step with its environment.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.failures = {}
        self.commands = []
        self.steps = []
        self.checked_llvm = []
        self.missing = ()
        self.install = True
        self.llvm_script = "_LLVM_VERSION = 18\n"
        for name in ("clang", "llvm-readobj"):
            tool = folder / "bin" / name
            tool.parent.mkdir(parents=True, exist_ok=True)
            tool.write_text("")
            tool.chmod(0o755)

    def obtain(self, source, dest, **_):
        if "obtain" in self.failures:
            raise self.failures["obtain"]
        tree = dest / "tree"
        for name, text in {
            "configure": "#!/bin/sh\n",
            "pyconfig.h": "#define A 1\n",
            "Python/executor_cases.c.h": "case 1:\n",
            "Include/Python.h": "",
            "Tools/jit/build.py": "",
            "Tools/jit/_llvm.py": self.llvm_script,
            "Makefile": "jit_stencils.h:\n\tpython3 ./Tools/jit/build.py x86_64-pc-linux-gnu\n",
        }.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        archive = self.folder / "Python-3.13.15.tar.xz"
        verified = "sha256 pin in a recipe"
        return SourceTree(path=tree, origin="cache", verified=verified, archive=archive)

    def check_machine(self, task, reporter, **options):
        if "check" in self.failures:
            raise self.failures["check"]
        self.checked_llvm.append(options["llvm"] is not None)
        return self.missing

    def run(self, argv, /, **_):
        self.commands.append(list(argv))
        name = Path(argv[0]).name
        outputs = {
            "gcc": ("gcc (Test) 12.2.0\n", SEARCH_FOLDERS),
            "clang": (f"clang version {LLVM_VERSION}\n", ""),
            "llvm-readobj": (f"LLVM version {LLVM_VERSION}\nFormat: elf64-x86-64\n", ""),
        }
        stdout, stderr = outputs.get(name, ("", ""))
        return Completed(argv=tuple(argv), returncode=0, stdout=stdout, stderr=stderr)

    def stream(self, argv, /, *, env, cwd, **_):
        self.steps.append((list(argv), env))
        if "Python/jit.o" in argv:
            header = Path(cwd) / "jit_stencils.h"
            if not (header.exists() and header.read_text().startswith(DIGEST_LINE)):
                header.write_text(f"{DIGEST_LINE}\nstatic int stencil;\n")
        if "altinstall" in argv and self.install:
            stage = next(word for word in argv if word.startswith("DESTDIR=")).partition("=")[2]
            prefix = next(
                word.partition("=")[2]
                for words, _ in self.steps
                for word in words
                if word.startswith("--prefix=")
            )
            program = Path(stage + prefix) / "bin" / "python3.13"
            program.parent.mkdir(parents=True)
            program.write_text("#!/bin/sh\n")
            record = program.parent.parent / "lib/python3.13/_sysconfigdata__x.py"
            record.parent.mkdir(parents=True)
            record.write_text(f"srcdir = '{cwd}'\n")
        return 0


@pytest.fixture
def machine(tmp_path):
    return FakeMachine(tmp_path / "llvm")


@pytest.fixture
def stage(tmp_path, machine):
    """Stage a variant of 3.13.15 with the given options; each call has a scratch of its own."""
    numbers = iter(range(9))

    def stage(*, axes=Axes(), source=None, ccache=None, budget=None, **options):  # noqa: B008
        store = Store(tmp_path / "store")
        request = parse("3.13.15")
        resolved = resolve_version(request, CATALOG)
        plan = make_plan(resolved, axes.variant(request), LINUX.target, CATALOG)
        if source is not None:
            object.__setattr__(plan, "source", source)
        scratch = tmp_path / f"scratch{next(numbers)}"
        scratch.mkdir()
        options.setdefault("llvm", str(machine.folder / "bin"))
        provider = SourceProvider(
            environ={"PATH": "/usr/bin:/bin", "CFLAGS": "-O0"},
            this_host=lambda: LINUX,
            obtain=machine.obtain,
            check_machine=machine.check_machine,
            find_ccache=lambda *_, **__: ccache,
            runner=machine.run,
            streamer=machine.stream,
        )
        with JobBudget(2) as budget:
            task = ProviderTask(
                plan=plan,
                store=store,
                catalog=CATALOG,
                options=BuildOptions(**options),
                scratch=scratch,
                budget=budget,
                reporter=RecordingReporter(),
            )
            return provider.stage(task)

    return stage


def test_an_interpreter_is_staged_with_its_program_and_plain_names(stage):
    staged = stage()
    assert staged.program == staged.prefix / "bin" / "python3.13"
    assert (staged.prefix / "bin" / "python3").exists()
    assert (staged.prefix / "bin" / "python").exists()


def test_the_steps_run_in_a_clean_environment(stage, machine):
    stage()
    names = [argv[:2] for argv, _ in machine.steps]
    assert names[1:] == [["make", "Python/jit.o"], ["make"], ["make", "altinstall"]]
    assert not any("CFLAGS" in env for _, env in machine.steps)


def test_paths_of_the_build_are_removed_and_changed_modules_compiled(stage, machine):
    staged = stage()
    record = staged.prefix / "lib/python3.13/_sysconfigdata__x.py"
    assert record.read_text() == "srcdir = '/build'\n"
    compilations = [argv for argv in machine.commands if "compileall" in argv]
    assert [argv[-1] for argv in compilations] == [str(record)]


def test_the_records_name_source_toolchain_times_and_caches(stage):
    staged = stage()
    assert (staged.source.kind, staged.source.origin) == ("release", "cache")
    assert staged.source.verified == "sha256 pin in a recipe"
    assert staged.toolchain.compiler == "gcc (Test) 12.2.0"
    assert staged.toolchain.libc == LINUX.libc
    assert staged.toolchain.llvm.version == LLVM_VERSION
    assert list(staged.times) == ["prepare", "configure", "stencils", "make", "install"]
    assert (staged.caches.configure, staged.caches.stencils) == ("miss", "miss")


def test_missing_headers_that_were_allowed_are_recorded(stage, machine):
    machine.missing = ("gdbm",)
    assert stage(allow_missing=True).missing_headers == ("gdbm",)


def test_the_source_tree_is_deleted_after_the_build(stage, tmp_path):
    stage()
    assert not (tmp_path / "scratch0" / "source" / "tree").exists()


# ---- the LLVM ----------------------------------------------------------------------------------


def test_a_second_build_takes_its_stencils_from_the_cache_and_checks_for_no_llvm(stage, machine):
    stage()
    second = stage()
    assert machine.checked_llvm == [True, False]
    assert second.caches.stencils == "hit"
    assert second.toolchain.llvm.origin == "stencil cache"
    assert second.toolchain.llvm.version == LLVM_VERSION


def test_a_build_without_the_jit_checks_for_no_llvm(stage, machine):
    staged = stage(axes=Axes(jit="no"))
    assert machine.checked_llvm == [False]
    assert not staged.toolchain.llvm


def test_a_release_build_provides_an_llvm_although_its_stencils_are_cached(stage, machine):
    """Its `make clean` between the passes of PGO deletes them (gh-141808)."""
    stage()
    stage(axes=Axes(profile="release"))
    assert machine.checked_llvm == [True, True]


def test_without_caches_nothing_is_read_or_written(stage, machine, tmp_path):
    staged = stage(caches=False)
    assert not staged.caches.configure
    assert not staged.caches.stencils
    assert not (tmp_path / "store" / "stencils").exists()
    assert all(env["CCACHE_DISABLE"] == "1" for _, env in machine.steps)


# ---- ccache ------------------------------------------------------------------------------------


def test_ccache_is_used_when_it_was_found(stage, machine, tmp_path):
    program = Ccache(program=tmp_path / "ccache", version="4.14.2", origin="managed")
    staged = stage(ccache=program)
    make = next(env for argv, env in machine.steps if argv == ["make"])
    assert make["CCACHE_NOHASHDIR"] == "1"
    assert staged.caches.compiler.hits == 0


# ---- failures ----------------------------------------------------------------------------------


def test_a_preflight_error_comes_before_any_other(stage, machine):
    machine.failures = {
        "check": PreflightError("This machine lacks zlib.", remedy="Install it."),
        "obtain": DownloadError("Unreachable.", remedy="Try again."),
    }
    with pytest.raises(PreflightError):
        stage()


def test_a_download_error_is_raised_when_the_machine_is_complete(stage, machine):
    machine.failures = {"obtain": DownloadError("Unreachable.", remedy="Try again.")}
    with pytest.raises(DownloadError):
        stage()
    assert machine.steps == []


def test_a_missing_llvm_is_raised_before_anything_is_built(stage, machine, tmp_path):
    with pytest.raises(LLVMError):
        stage(llvm=str(tmp_path / "nowhere"))
    assert machine.steps == []


def test_an_llvm_of_another_major_is_refused_before_anything_is_downloaded(
    stage, machine, tmp_path, monkeypatch
):
    monkeypatch.setattr(f"{__name__}.LLVM_VERSION", "19.1.7")
    machine.failures = {
        "check": PreflightError("The machine was checked.", remedy=""),
        "obtain": DownloadError("The source was fetched.", remedy=""),
    }
    with pytest.raises(LLVMError, match=r"LLVM 18 is needed: clang 19\.1\.7 is at"):
        stage(llvm=str(machine.folder))
    assert machine.steps == []


def test_a_failing_step_is_raised(stage, machine, monkeypatch):
    machine.stream = lambda argv, **_: 1
    with pytest.raises(BuildError):
        stage()


# ---- the kind of the source --------------------------------------------------------------------


@pytest.mark.parametrize(("pinned", "kind"), [(True, "release"), (False, "archive")])
def test_an_archive_that_a_recipe_pins_is_recorded_as_that_release(stage, pinned, kind):
    digest = CATALOG.tags()["3.13.15"].tar_xz if pinned else "0" * 64
    source = Source(kind="archive", digest=digest, location="/x.tar.xz")
    assert stage(source=source).source.kind == kind


def test_a_release_that_needs_another_llvm_than_its_recipe_says_is_not_built(stage, machine):
    machine.llvm_script = "_LLVM_VERSION = 17\n"
    with pytest.raises(LLVMError) as raised:
        stage()
    assert str(raised.value) == (
        "CPython 3.13.15 needs LLVM 17, as its Tools/jit/_llvm.py states, but the recipe says LLVM "
        "18.\nInstall the archive itself, whose LLVM is read from its source: jitbuild install "
        f"{machine.folder}/Python-3.13.15.tar.xz. Or state the version in your own recipe "
        "(llvm-major in docs/recipes.md)."
    )
    assert machine.steps == []
    stage(axes=Axes(jit="no"))


def test_a_script_that_states_no_llvm_is_not_compared(stage, machine):
    machine.llvm_script = "import something_new\n"
    stage()


def test_a_release_without_the_jit_is_refused(tmp_path):
    resolved = resolve_version(parse("3.13.15"), CATALOG)
    plan = make_plan(resolved, Axes().variant(parse("3.13.15")), LINUX.target, CATALOG)
    with pytest.raises(SourceError, match=r"has no Tools/jit/_llvm\.py, so it has no JIT"):
        check_llvm(plan, SourceTree(path=tmp_path, origin="", verified=""), CATALOG)
