"""The orchestrator's decisions: what of the store will do, and what is looked at again."""

from __future__ import annotations

import errno
import os
import time

import pytest
import stores
from fake_interpreter import build, framed

from jitbuild import provision
from jitbuild.errors import (
    DiskFullError,
    DownloadError,
    InterpreterError,
    JitbuildError,
    LLVMError,
    PreflightError,
    ProofError,
    RequestError,
    StoreError,
)
from jitbuild.planning import planner
from jitbuild.probing.runner import probe
from jitbuild.provision import Options, Provisioner, adopt, refresh
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, Variant, parse
from jitbuild.store.store import Store
from jitbuild.system.jobserver import JobBudget
from jitbuild.system.process import Completed
from jitbuild.system.progress import SilentReporter
from jitbuild.target import TARGETS
from jitbuild.toolchain.compiler import CCompiler

CATALOG = load_catalog()


class Heard(SilentReporter):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program elsewhere whose content says which build it is (`3.15.2 yes-off`)."""

    def answer(argv, /, *, env, **_):
        version, kind = program.read_text().split()
        return Completed(
            argv=tuple(argv),
            returncode=0,
            stdout=framed(build(kind, version=version)[env.get("PYTHON_JIT", "")]),
        )

    monkeypatch.setattr(
        provision,
        "probe",
        lambda path, **options: probe(path, runner=answer, environ={}, **options),
    )
    program = tmp_path / "python"
    program.write_text("3.15.2 yes-off")
    return program


def put(store, version="3.15.1", **more):
    name = f"cpython-{version}-jit-fast-kkkkkkkk"
    return stores.put(store, version, name=name, executable="python", **more)


class Planned(Provisioner):
    """Hands back the plan in place of a build."""

    def provide(self, plan, request):
        return plan


def ensured(store, spec, reporter=None, **options):
    return Planned(store, CATALOG, Options(**options), reporter or SilentReporter()).ensure(
        parse(spec), Axes()
    )


def building(store, plan):
    """A build that has not begun."""
    return provision._Build(
        Provisioner(store, CATALOG), plan, store.root / "scratch" / "x", JobBudget(1)
    )


def test_an_adopted_interpreter_that_became_another_version_is_registered_as_that(store, program):
    adopt(store, program)
    program.write_text("3.15.10 yes-off")
    assert ensured(store, "3.15").version == "3.15.10"
    assert [found.version for found in store.installed()] == ["3.15.10"]


def test_the_version_that_it_was_is_not_handed_out(store, program):
    adopt(store, program)
    program.write_text("3.15.10 yes-off")
    assert ensured(store, "3.15.2").source.kind == "release"


def test_one_that_lost_its_jit_is_passed_over_and_said(store, program):
    older, heard = put(store), Heard()
    stale = adopt(store, program)
    program.write_text("3.15.2 no")
    assert ensured(store, "3.15", heard).name == older.name
    assert stale.name in heard.warnings[0]
    with pytest.raises(ProofError):
        refresh(store, stale)


def test_one_that_is_gone_hides_no_other(store, program):
    older = put(store)
    adopt(store, program)
    program.unlink()
    assert ensured(store, "3.15").name == older.name


def test_what_was_built_and_does_not_run_is_not_taken_for_a_mistake_of_the_person(
    store, monkeypatch
):
    def crash(*_, **__):
        raise InterpreterError("It was ended by SIGSEGV.", remedy="Name a Python executable.")

    monkeypatch.setattr(provision, "probe", crash)
    plan = planner.make_plan(
        planner.resolve_version(parse("3.15.2"), CATALOG),
        Variant(),
        TARGETS["x86_64-linux-gnu"],
        CATALOG,
    )
    with pytest.raises(ProofError, match="does not run") as caught:
        building(store, plan)._prove(store.root / "python")
    assert str(store.logs) in caught.value.remedy


def test_a_pin_given_by_hand_is_not_met_by_other_bytes(store):
    put(store, "3.15.9")
    assert ensured(store, "3.15.9", sha256="a" * 64).source.digest == "a" * 64


def test_a_pin_given_by_hand_does_not_replace_a_known_one(store):
    with pytest.raises(RequestError, match="to another sha256"):
        ensured(store, "3.15.2", sha256="a" * 64)


def test_an_interpreter_without_the_jit_does_not_do_where_none_was_stated(store):
    put(store, "3.15.2", variant=Variant(jit="no").to_json())
    assert ensured(store, "3.15.2").variant.jit == "yes-off"
    assert Provisioner(store, CATALOG).ensure(parse("3.15.2"), Axes(jit="no")).variant.jit == "no"


def test_what_was_kept_without_ssl_is_only_for_whoever_allows_that(store):
    there = put(store, "3.15.2", verdict={"ok": True, "missing_modules": ["ssl"]})
    assert ensured(store, "3.15.2", allow_missing=True).name == there.name
    assert ensured(store, "3.15.2").source.kind == "release"


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFullError), (errno.EIO, StoreError), (errno.EPIPE, BrokenPipeError)],
)
def test_the_disk_may_fail_anywhere_in_a_build(store, monkeypatch, number, kind):
    """A log that cannot be closed, an edit that cannot be written: not every write is watched one by one."""

    monkeypatch.setattr(provision, "compiler_of", lambda *_: CCompiler(argv=("cc",), text="cc 1"))
    monkeypatch.setattr(provision._Build, "_check", lambda *_, **__: [])
    monkeypatch.setattr(provision.llvm.DeferredLLVM, "provide", lambda *_: None)

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(provision.source_trees, "obtain", fail)
    with pytest.raises(kind) as raised:
        Provisioner(store, CATALOG).ensure(parse("3.13.15"), Axes())
    assert type(raised.value) is kind
    assert list(store.scratches.iterdir()) == []


def test_what_the_preflight_says_comes_first_however_quick_the_others_fail(store, monkeypatch):
    """They work side by side; the preflight alone names all that is lacking."""
    monkeypatch.setattr(provision, "compiler_of", lambda *_: CCompiler(argv=("cc",), text="cc 1"))
    asked = []

    def check(*_, **__):
        asked.append("preflight")
        time.sleep(0.05)
        if len(asked) == 1:
            raise PreflightError("This machine lacks what the build needs.", remedy="")
        return []

    def fail(kind):
        def failing(*_, **__):
            raise kind("At once.", remedy="")

        return failing

    monkeypatch.setattr(provision._Build, "_check", check)
    monkeypatch.setattr(provision.source_trees, "obtain", fail(DownloadError))
    monkeypatch.setattr(provision.llvm.DeferredLLVM, "provide", fail(LLVMError))
    for kind in (PreflightError, DownloadError):
        with pytest.raises(JitbuildError) as raised:
            Provisioner(store, CATALOG).ensure(parse("3.13.15"), Axes())
        assert type(raised.value) is kind


# ---- several at once -----------------------------------------------------------------------------------------------------


class Recording(Provisioner):
    """Notes which requests are at work at once, in place of building; an odd micro version fails."""

    def ensure(self, request, axes):
        if request.text.endswith("13"):
            raise RequestError(f"No recipe has a release for {request.text}.", remedy="")
        self.reporter.note(f"begin {request.text} {axes.jit}")
        time.sleep(0.05)
        self.reporter.note(f"end {request.text} {axes.jit}")
        return f"{request.text} {axes.jit}"


class Noted(SilentReporter):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def several(store, specs, jits=(None,), jobs=2, **options):
    reporter = Noted()
    wanted = [(parse(spec), Axes(jit=jit)) for spec in specs for jit in jits]
    made = Recording(store, CATALOG, Options(jobs=jobs), reporter).ensure_all(wanted, **options)
    return made, reporter.notes


def test_the_outcomes_of_several_are_in_the_order_of_the_requests(store):
    outcomes, _ = several(store, ["3.13.5", "3.15.2"], ["yes-off", "no"])
    assert [outcome.interpreter for outcome in outcomes] == [
        "3.13.5 yes-off",
        "3.13.5 no",
        "3.15.2 yes-off",
        "3.15.2 no",
    ]
    assert all(outcome.error is None for outcome in outcomes)


def test_variants_of_one_source_follow_each_other_and_sources_stand_side_by_side(store):
    """The second variant finds the caches that the first one filled."""
    _, notes = several(store, ["3.13.5", "3.15.2"], ["yes-off", "no"])
    for spec in ("3.13.5", "3.15.2"):
        of_one = [note for note in notes if spec in note]
        assert of_one == [
            f"{word} {spec} {jit}" for jit in ("yes-off", "no") for word in ("begin", "end")
        ]
    assert [note.split()[0] for note in notes[:2]] == ["begin", "begin"]


def test_no_more_are_built_at_once_than_there_are_jobs(store):
    _, notes = several(store, ["3.13.5", "3.14.1", "3.15.2"], jobs=1)
    assert [note.split()[0] for note in notes] == ["begin", "end"] * 3


def test_one_that_fails_stops_no_other(store):
    outcomes, _ = several(store, ["3.15.13", "3.15.2"])
    assert [
        str(outcome.error or outcome.interpreter).partition(".\n")[0].rstrip(".")
        for outcome in outcomes
    ] == [
        "No recipe has a release for 3.15.13",
        "3.15.2 None",
    ]


def test_what_failed_is_named_with_its_variant_and_at_once(store):
    class Heeding(Noted):
        def warn(self, text):
            self.notes.append(text)

    reporter = Heeding()
    wanted = [(parse(spec), Axes(jit="no")) for spec in ("3.15.13", "3.15.2")]
    made = Recording(store, CATALOG, Options(jobs=1), reporter).ensure_all(wanted)
    assert made[0].name == "3.15.13 (jit no)"
    assert reporter.notes[0].startswith(
        "3.15.13 (jit no) failed: No recipe has a release for 3.15.13."
    )


def test_a_bug_in_a_build_is_not_taken_for_an_empty_queue(store):
    class Broken(Recording):
        def ensure(self, request, axes):
            raise IndexError("a bug")

    with pytest.raises(IndexError, match="a bug"):
        Broken(store, CATALOG, Options(jobs=1)).ensure_all([(parse("3.15.2"), Axes())])


def test_without_keep_going_the_first_error_is_raised(store):
    with pytest.raises(RequestError, match=r"3\.15\.13"):
        several(store, ["3.15.13", "3.15.2"], keep_going=False)
