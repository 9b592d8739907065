"""The executor of steps: what a step sees, what is said of a failure, and what is left of where it was built."""

import errno
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from jitbuild.building import relocate as prefix
from jitbuild.building import runner as build
from jitbuild.errors import BuildError, DiskFullError, SourceError
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.recipes.rules import Edit
from jitbuild.request import Patch, Variant, parse
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.progress import SilentReporter
from jitbuild.target import TARGETS

CATALOG = load_catalog()
PLAN = planner.make_plan(
    planner.resolve_version(parse("3.13.15"), CATALOG),
    Variant(),
    TARGETS["x86_64-linux-gnu"],
    CATALOG,
)


class FakeStreamer:
    """Keeps what it is asked to run, prints `lines`, and ends with `code` at the step whose program is `failing`."""

    def __init__(self, lines=(), code=0, failing=""):
        self.lines, self.code, self.failing, self.calls = lines, code, failing, []

    def __call__(self, argv, /, *, env, cwd, log, on_line, pass_fds=()):
        self.calls.append((list(argv), dict(env), cwd))
        if self.failing and self.failing not in argv[0]:
            return 0
        for line in self.lines:
            log.write(f"{line}\n".encode())
            on_line(line)
        return self.code


@pytest.fixture
def site(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for file in {edit.file for edit in PLAN.edits}:
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).write_text("\n".join(edit.find for edit in PLAN.edits if edit.file == file))
    return build.Site(
        source=source,
        prefix=Path("/store/interpreters/x"),
        stage=tmp_path / "stage",
        scratch=tmp_path,
        log=tmp_path / "build.log",
        python=Path("/usr/bin/python3.12"),
        llvm=Path("/llvm"),
    )


def run(site, streamer, made=PLAN, **environ):
    with JobBudget(3) as budget:
        return build.run(
            made,
            site,
            reporter=SilentReporter(),
            budget=budget,
            advice=CATALOG.build.advice,
            streamer=streamer,
            environ=environ,
        )


def test_every_placeholder_is_filled(site):
    streamer = FakeStreamer()
    times = run(site, streamer, PATH="/usr/bin:/bin")
    assert list(times) == ["configure", "stencils", "make", "install"]
    (configure, env, cwd), (stencils, limits, _), (make, made_with, _), (install, _, _) = (
        streamer.calls
    )
    assert cwd == site.source
    assert configure[:2] == ["./configure", "--prefix=/store/interpreters/x"]
    hooks = f"PYTHONPATH={Path(build.__file__).parent / 'hooks'}"
    assert stencils == ["make", "Python/jit.o", hooks]
    assert limits["PYTHON_CPU_COUNT"] == "3"
    assert make == ["make"]
    assert "--jobserver-auth=" in made_with["MAKEFLAGS"]
    assert not any("MAKEFLAGS" in other for other in (env, limits))
    assert install == [
        "make",
        "altinstall",
        f"DESTDIR={site.stage}",
        hooks,
        "COMPILEALL_OPTS=-j3",
    ]
    assert env["PATH"] == "/llvm/bin:/usr/bin:/bin"
    assert env["PYTHON_FOR_REGEN"] == "/usr/bin/python3.12"
    assert not any(
        "{" in text for argv, env, _ in streamer.calls for text in (*argv, *env.values())
    )


def test_the_llvm_is_told_to_configure_from_3_15_on(site):
    made = planner.make_plan(
        planner.resolve_version(parse("3.15.2"), CATALOG),
        Variant(),
        TARGETS["x86_64-linux-gnu"],
        CATALOG,
    )
    streamer = FakeStreamer()
    run(site, streamer, replace(made, edits=()), PATH="/bin")
    env = streamer.calls[0][1]
    assert (env["LLVM_VERSION"], env["LLVM_TOOLS_INSTALL_DIR"]) == ("21", "/llvm")


def test_patches_are_applied_first(site, tmp_path):
    patch = tmp_path / "my fix.patch"
    patch.write_text("--- a\n")
    digest = hashlib.sha256(patch.read_bytes()).hexdigest()
    made = planner.make_plan(
        planner.resolve_version(parse("3.13.15"), CATALOG),
        Variant(patches=(Patch(path=str(patch), sha256=digest),)),
        TARGETS["x86_64-linux-gnu"],
        CATALOG,
    )
    streamer = FakeStreamer()
    run(site, streamer, made, PATH="/bin")
    (*words, applied) = streamer.calls[0][0]
    assert words == ["patch", "-p1", "--forward", "--batch", "--input"]
    assert Path(applied).read_text() == "--- a\n"
    patch.write_text("--- b\n")
    with pytest.raises(BuildError, match="changed since"):
        run(site, streamer, made, PATH="/bin")


def test_nothing_of_the_person_leaks_into_a_build():
    environ = {
        "PATH": "/home/me/.pyenv/shims:/home/me/.pyenv/plugins/pyenv-virtualenv/shims:/home/me/venv/bin:/usr/bin::/bin",
        "VIRTUAL_ENV": "/home/me/venv",
        "HOME": "/home/me",
        "CFLAGS": "-O0",
        "LDFLAGS": "-L/x",
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "PYENV_VERSION": "3.8",
        "MAKEFLAGS": "-j99",
        "CC": "tcc",
        "LANG": "de_DE.UTF-8",
    }
    assert build.clean_environment(environ) == {
        "HOME": "/home/me",
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }


def test_a_failure_shows_what_matters_and_where_the_log_is(site):
    noise = [f"gcc -c Modules/file{number}.c" for number in range(50)]
    lines = [*noise, "Modules/x.c:1:2: error: expected ';'", "make: *** [Makefile:1: x.o] Error 1"]
    with pytest.raises(BuildError) as caught:
        run(site, FakeStreamer(lines, code=2, failing="make"), PATH="/bin")
    assert "expected ';'" in caught.value.what
    assert "file1.c" not in caught.value.what
    assert str(site.log) in caught.value.remedy
    assert "expected ';'" in site.log.read_text()


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("RuntimeError: Can't find clang-18!", "--llvm managed"),
        ("configure: error: unrecognized options: --with-lot", "--configure-arg"),
        ("configure: error: no acceptable C compiler found in $PATH", "jitbuild doctor"),
        ("pyenv: python3.12: command not found", "shim"),
        ("<built-in>:1: fatal error: 'assert.h' file not found", "xcode-select"),
        ("patch: **** Only garbage was found in the patch input.", "is no patch"),
        ("g++: fatal error: Killed signal terminated program cc1", "-j 1"),
    ],
)
def test_known_failures_come_with_what_to_do(site, line, advice):
    with pytest.raises(BuildError) as caught:
        run(site, FakeStreamer([line], code=1), PATH="/bin")
    assert advice in caught.value.remedy


def test_every_advice_is_a_regular_expression():
    for known in CATALOG.build.advice:
        re.compile(known.pattern)


def test_a_full_disk_is_told_from_other_failures(site):
    with pytest.raises(DiskFullError):
        run(
            site,
            FakeStreamer(["cc1: fatal error: x.o: No space left on device"], code=1),
            PATH="/bin",
        )


def test_a_step_that_cannot_be_started(site):
    def missing(*_args, **_kwargs):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    with pytest.raises(BuildError, match="cannot be started"):
        run(site, missing, PATH="/bin")


def test_a_signal_is_named(site):
    with pytest.raises(BuildError, match="signal 9"):
        run(site, FakeStreamer(code=-9), PATH="/bin")


def test_edits_are_made_once(site):
    run(site, FakeStreamer(), PATH="/bin")
    for edit in PLAN.edits:
        text = (site.source / edit.file).read_text()
        assert edit.find not in text
        assert edit.replace in text


def test_an_edit_that_only_saves_work_may_miss(site):
    (site.source / "Makefile.pre.in").write_text("something newer")
    assert run(site, FakeStreamer(), PATH="/bin")


def test_the_file_of_an_edit_that_only_saves_work_may_be_missing(site):
    (site.source / "Include" / "internal" / "pycore_optimizer.h").unlink()
    assert run(site, FakeStreamer(), PATH="/bin")


def test_an_edit_that_is_needed_may_not_miss(site):
    needed = replace(
        PLAN, edits=(Edit(file="Makefile.pre.in", find="what is not there", replace=""),)
    )
    with pytest.raises(SourceError, match="what is not there"):
        run(site, FakeStreamer(), needed, PATH="/bin")
    gone = replace(PLAN, edits=(Edit(file="no/such/file", find="x", replace=""),))
    with pytest.raises(SourceError, match="whole CPython source tree"):
        run(site, FakeStreamer(), gone, PATH="/bin")


@pytest.mark.parametrize(
    ("version", "options", "expected"),
    [
        ("3.13.15", {}, "bin/python3.13"),
        ("3.15.0b2", {"free_threaded": True}, "bin/python3.15t"),
        ("3.15.2", {"debug": True}, "bin/python3.15d"),
        ("3.15.2", {"windows": True}, "python.exe"),
        ("3.15.2", {"windows": True, "debug": True}, "python_d.exe"),
        ("3.15.2", {"windows": True, "free_threaded": True}, "python3.15t.exe"),
    ],
)
def test_executable(version, options, expected):
    assert (
        prefix.executable(Path("p"), version, **{"windows": False, **options})
        == Path("p") / expected
    )


@pytest.mark.skipif(os.name != "posix", reason="links in bin/ are for POSIX")
def test_the_plain_names_are_made_and_none_is_replaced(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3.13t", "pip3.13", "pip3"):
        (folder / name).touch()
    prefix.add_links(tmp_path, folder / "python3.13t")
    links = {path.name: str(path.readlink()) for path in folder.iterdir() if path.is_symlink()}
    assert links == {
        "python3": "python3.13t",
        "python": "python3.13t",
        "python3.13": "python3.13t",
        "pip": "pip3.13",
    }


def test_the_prefix_forgets_where_it_was_built(tmp_path):
    record = tmp_path / "lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py"
    cache = record.parent / "__pycache__"
    cache.mkdir(parents=True)
    record.write_text(
        "CC = '/llvm/bin/clang'\nabs_srcdir = '/scratch/1/source'\nother = '/scratch/12'"
    )
    stale = cache / f"{record.stem}.cpython-313.pyc"
    stale.touch()
    changed = prefix.forget(
        tmp_path, {"/llvm/bin/": "", "/llvm": "/usr", "/scratch/1/source": "/build"}
    )
    assert changed == [record]
    assert record.read_text() == "CC = 'clang'\nabs_srcdir = '/build'\nother = '/scratch/12'"
    assert not stale.exists()
    assert prefix.forget(tmp_path, {"/nowhere": ""}) == []
